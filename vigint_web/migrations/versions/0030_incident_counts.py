"""Keep counts of incidents.

Revision: 0030
Follows: 0029
"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

_BATCH = 5000


def upgrade() -> None:
    op.create_table(
        "incident_counts",
        sa.Column("site_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("span", sa.String(4), nullable=False),
        sa.Column("dimension", sa.String(8), nullable=False),
        sa.Column("start", sa.Date(), nullable=False),
        sa.Column("value", sa.String(100), nullable=False),
        *(
            sa.Column(name, sa.Integer(), nullable=False)
            for name in ("incidents", "undecided", "confirmed", "false_alarms")
        ),
        *(sa.Column(name, sa.JSON(), nullable=False) for name in ("mailed", "viewed", "decided")),
        sa.PrimaryKeyConstraint(
            "site_id", "span", "dimension", "start", "value", name=op.f("pk_incident_counts")
        ),
    )
    op.create_table(
        "counted_incidents",
        sa.Column("incident_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("hour", sa.SmallInteger(), nullable=False),
        sa.Column("risk", sa.String(16), nullable=False),
        sa.Column("incident_type", sa.String(100), nullable=False),
        sa.Column("camera_id", sa.Integer()),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("decision", sa.String(16)),
        sa.Column("apart", sa.Boolean(), nullable=False),
        *(sa.Column(name, sa.SmallInteger()) for name in ("mailed", "viewed", "decided")),
        sa.PrimaryKeyConstraint("incident_id", name=op.f("pk_counted_incidents")),
    )
    op.create_index(
        "ix_counted_incidents_apart",
        "counted_incidents",
        ["site_id", "day"],
        sqlite_where=sa.text("apart"),
        postgresql_where=sa.text("apart"),
    )
    op.create_table(
        "count_changes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("incident_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_count_changes")),
    )
    op.create_index("ix_count_changes_at", "count_changes", ["at"])


def fill(engine: sa.Engine) -> None:
    """Note every incident as changed: the scheduler counts them, the newest first.

    Called by env.py once the tables are committed. If it is cut off, or processes of the version
    before go on writing, the scheduler's own comparison finds what is not counted.
    """
    last = 2**31 - 1
    while True:
        with engine.begin() as connection:
            page = sa.text("SELECT id FROM incidents WHERE id <= :last ORDER BY id DESC LIMIT :most")
            ids = list(connection.scalars(page, {"last": last, "most": _BATCH}))
            if not ids:
                return
            connection.execute(
                sa.text(
                    "INSERT INTO count_changes (incident_id, at)"
                    " SELECT id, CURRENT_TIMESTAMP FROM incidents"
                    " WHERE id BETWEEN :first AND :last ORDER BY id DESC"
                ),
                {"first": ids[-1], "last": ids[0]},
            )
        last = ids[-1] - 1


def downgrade() -> None:
    for table in ("count_changes", "counted_incidents", "incident_counts"):
        op.drop_table(table)
