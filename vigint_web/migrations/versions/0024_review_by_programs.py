"""Review by programs: the names of their requests, and filters of the list for programs.

Revision: 0024
Follows: 0023
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

# Most incidents have none of these.
_PARTIAL = {
    "ix_incidents_site_decision": "decision",
    "ix_incidents_site_assignee": "assignee_id",
}


def upgrade() -> None:
    # A plain number: SQLite adds no constraint to a table without copying it.
    op.add_column("incident_acts", sa.Column("api_key_id", sa.Integer()))
    op.add_column("incident_acts", sa.Column("request_id", sa.String(255)))
    named = sa.text("request_id IS NOT NULL")
    op.create_index(
        "uq_incident_acts_api_key_request",
        "incident_acts",
        ["api_key_id", "request_id"],
        unique=True,
        sqlite_where=named,
        postgresql_where=named,
    )
    op.create_index("ix_incidents_site_state", "incidents", ["site_id", "state", "id"])
    for name, column in _PARTIAL.items():
        known = sa.text(f"{column} IS NOT NULL")
        op.create_index(
            name,
            "incidents",
            ["site_id", column, "id"],
            sqlite_where=known,
            postgresql_where=known,
        )


def downgrade() -> None:
    for name in (*_PARTIAL, "ix_incidents_site_state"):
        op.drop_index(name, "incidents")
    op.drop_index("uq_incident_acts_api_key_request", "incident_acts")
    for name in ("request_id", "api_key_id"):
        op.drop_column("incident_acts", name)
