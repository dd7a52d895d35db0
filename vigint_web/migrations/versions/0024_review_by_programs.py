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
    op.create_table(
        "named_requests",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("api_key_id", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.String(255), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("act_id", sa.Integer()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["api_key_id"], ["api_keys.id"], name=op.f("fk_named_requests_api_key_id_api_keys")
        ),
        sa.ForeignKeyConstraint(
            ["act_id"],
            ["incident_acts.id"],
            name=op.f("fk_named_requests_act_id_incident_acts"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_named_requests")),
        sa.UniqueConstraint("api_key_id", "request_id", name=op.f("uq_named_requests_api_key_id")),
    )
    op.create_index(op.f("ix_named_requests_created_at"), "named_requests", ["created_at"])
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
    op.drop_table("named_requests")
