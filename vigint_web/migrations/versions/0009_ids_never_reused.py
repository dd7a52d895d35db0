"""Ids never reused: a worker, a log or the audit trail that names a deleted row names no other.

SQLite gives the largest id out again once its row is gone, PostgreSQL never does. Whoever rebuilds
one of these tables later on SQLite has to say `sqlite_autoincrement` again.

Revision: 0009
Follows: 0008
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_TABLES = ("videos", "links")


def upgrade() -> None:
    _rebuild(autoincrement=True)


def downgrade() -> None:
    _rebuild(autoincrement=False)


def _rebuild(*, autoincrement: bool) -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    for table in _TABLES:
        with op.batch_alter_table(
            table, recreate="always", table_kwargs={"sqlite_autoincrement": autoincrement}
        ):
            pass
