"""Run migrations against the application's database (called by Alembic)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from alembic import context
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from vigint_web.extensions import Base, db
from vigint_web.models.types import UtcDateTime

_LOCK = 0x56494D47  # any number that no other lock of this application has


def _render(kind: str, item: Any, _autogen: Any) -> str | Literal[False]:
    # Migrations must not import the current models: they outlive them.
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_item=_render,
        # SQLite changes tables by copying them.
        render_as_batch=True,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def run() -> None:
    """Migrate under a lock if the database has one, so that concurrent starts migrate once."""
    given = context.config.attributes.get("connection")
    if given is not None:
        _migrate(given)
        return
    engine = db.engine.execution_options(vigint_write=True)
    # One transaction around everything: Alembic would commit after each revision on SQLite.
    with engine.connect() as connection, _uncascaded(connection), connection.begin():
        _wait_for_others(connection)
        before = _revisions(connection)
        _migrate(connection)
        _check_references(connection)
        after = _revisions(connection)
    for revision in reversed([name for name in after if name not in before]):
        # What many rows need, bit by bit: others write meanwhile, and wait for none of it long.
        fill = getattr(context.script.get_revision(revision).module, "fill", None)
        if fill is not None:
            fill(engine)


def _revisions(connection: Connection) -> list[str]:
    """Return the revisions that a database has been through, the newest first."""
    present = MigrationContext.configure(connection).get_current_revision()
    return [found.revision for found in context.script.iterate_revisions(present or "base", "base")]


def _wait_for_others(connection: Connection) -> None:
    # SQLite's write transaction is already a lock.
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


@contextmanager
def _uncascaded(connection: Connection) -> Iterator[None]:
    """Disable SQLite's foreign keys while tables are copied.

    Dropping the old copy of a table deletes its rows, and with them all rows that reference them ON
    DELETE CASCADE. The switch has no effect inside a transaction, so it is set before the first.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    raw: Any = connection.connection.driver_connection
    raw.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        connection.rollback()
        raw.execute("PRAGMA foreign_keys=ON")


def _check_references(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        return
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if broken:
        raise RuntimeError(f"the migration would break {len(broken)} references; nothing changed")


run()
