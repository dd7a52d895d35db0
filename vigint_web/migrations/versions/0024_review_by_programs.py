"""Review by programs: the names of their requests.

Revision: 0024
Follows: 0023
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


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


def downgrade() -> None:
    op.drop_index("uq_incident_acts_api_key_request", "incident_acts")
    for name in ("request_id", "api_key_id"):
        op.drop_column("incident_acts", name)
