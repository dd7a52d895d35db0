"""Run migrations against the application's database (called by Alembic)."""

from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection

from vigint_web.extensions import Base, db
from vigint_web.models.types import UtcDateTime


def _render(kind: str, item: Any, _autogen: Any) -> str | Literal[False]:
    # Migrations must not import today's models: they outlive them.
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
    """Migrate under a lock where the database has one: two starts at once are one migration."""
    given = context.config.attributes.get("connection")
    if given is not None:
        _migrate(given)
        return
    engine = db.engine.execution_options(vigint_write=True)
    with engine.connect() as connection:
        _migrate(connection)
        connection.commit()


run()
