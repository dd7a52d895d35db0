"""Run migrations against the application's database (called by Alembic)."""

import logging
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from alembic import context
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from vigint_web.extensions import Base, db
from vigint_web.models.types import UtcDateTime

log = logging.getLogger(__name__)

_LOCK = 0x56494D47  # any number that no other lock of this application has
# PostgreSQL looks for a deadlock after one second: before that the migration gives way by itself,
# and not a request. Others that queue behind it wait no longer either.
_LOCK_WAIT = "500ms"
_GIVES_WAY = {"55P03", "40P01"}  # lock_not_available, deadlock_detected
_PATIENCE_SECONDS = 600.0


def _render(kind: str, item: Any, _autogen: Any) -> str | Literal[False]:
    # Migrations must not import the current models: they outlive them.
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def _migrate(connection: Connection, most: int | None = None) -> int:
    """Take the steps that are due, or the first of them; return how many were taken."""
    settings: dict[str, Any] = {
        "connection": connection,
        "target_metadata": Base.metadata,
        "render_item": _render,
        # SQLite changes tables by copying them.
        "render_as_batch": True,
        "compare_type": True,
    }
    context.configure(**settings)
    due = context.get_context().opts["fn"]  # what the command asks for
    taken = 0

    def first(revision: Any, migration: MigrationContext) -> list[Any]:
        nonlocal taken
        steps = list(due(revision, migration))[:most]
        taken += len(steps)
        return steps

    context.configure(**settings, fn=first)
    with context.begin_transaction():
        context.run_migrations()
    return taken


def run() -> None:
    """Migrate under a lock, so that concurrent starts migrate once."""
    given = context.config.attributes.get("connection")
    if given is not None:
        _migrate(given)
        return
    engine = db.engine.execution_options(vigint_write=True)
    at_once = engine.dialect.name == "sqlite"
    for revision in reversed(_migrate_at_once(engine) if at_once else _migrate_in_steps(engine)):
        # What many rows need, bit by bit: others write meanwhile, and wait for none of it long.
        fill = getattr(context.script.get_revision(revision).module, "fill", None)
        if fill is not None:
            fill(engine)


def _migrate_at_once(engine: Engine) -> list[str]:
    """Migrate SQLite in one write transaction, which is the lock too; return the new revisions."""
    # Alembic would commit after each revision.
    with engine.connect() as connection, _uncascaded(connection), connection.begin():
        before = _revisions(connection)
        _migrate(connection)
        _check_references(connection)
        return _new(before, _revisions(connection))


def _migrate_in_steps(engine: Engine) -> list[str]:
    """Migrate PostgreSQL by a transaction for each revision; return the new revisions.

    Processes of the version before are at work meanwhile. A transaction around all revisions would
    hold the locks of the first one while it waits for those of the last, and of the deadlocks in
    between some would end a request.
    """
    with engine.connect() as connection:
        with connection.begin():
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
        try:
            with connection.begin():
                before = _revisions(connection)
            while _take_step(connection):
                continue
            with connection.begin():
                return _new(before, _revisions(connection))
        finally:
            with connection.begin():
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})


def _take_step(connection: Connection) -> bool:
    """Take the next step, if there is one, as soon as its tables are free for a moment."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            with connection.begin():
                connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_WAIT}'"))
                return _migrate(connection, 1) > 0
        except DBAPIError as error:
            state = getattr(error.orig, "sqlstate", None)
            if state not in _GIVES_WAY or time.monotonic() > deadline:
                raise
            log.info("a table is in use by others; its migration is tried again")
            time.sleep(random.uniform(0.05, 0.5))  # noqa: S311 - only spreads the attempts


def _new(before: list[str], after: list[str]) -> list[str]:
    return [name for name in after if name not in before]


def _revisions(connection: Connection) -> list[str]:
    """Return the revisions that a database has been through, the newest first."""
    present = MigrationContext.configure(connection).get_current_revision()
    return [found.revision for found in context.script.iterate_revisions(present or "base", "base")]


@contextmanager
def _uncascaded(connection: Connection) -> Iterator[None]:
    """Disable SQLite's foreign keys while tables are copied.

    Dropping the old copy of a table deletes its rows, and with them all rows that reference them ON
    DELETE CASCADE. The switch has no effect inside a transaction, so it is set before the first.
    """
    raw: Any = connection.connection.driver_connection
    raw.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        connection.rollback()
        raw.execute("PRAGMA foreign_keys=ON")


def _check_references(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if broken:
        raise RuntimeError(f"the migration would break {len(broken)} references; nothing changed")


run()
