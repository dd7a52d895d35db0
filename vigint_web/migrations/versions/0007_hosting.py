"""Hosting: videos that programs give us to host, and clips that another server hosts for us.

Revision: 0007
Follows: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("incidents") as batch:
        batch.add_column(sa.Column("hosted_id", sa.String(length=64)))
        batch.create_unique_constraint(batch.f("uq_incidents_hosted_id"), ["hosted_id"])
    with op.batch_alter_table("links") as batch:
        batch.add_column(sa.Column("last_request", sa.String(length=255)))
    op.create_table(
        "hostings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("incident_id", sa.Integer(), nullable=False),
        sa.Column("host", sa.String(length=300), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True)),
        sa.Column("give_up_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True)),
        sa.Column("remote_id", sa.String(length=64)),
        sa.Column("sealed_link", sa.Text()),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("error", sa.Text()),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("attempt_limit", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"],
            ["incidents.id"],
            name=op.f("fk_hostings_incident_id_incidents"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hostings")),
        sa.UniqueConstraint("incident_id", name=op.f("uq_hostings_incident_id")),
    )
    op.create_index("ix_hostings_due", "hostings", ["state", "next_attempt_at"])
    op.create_index(op.f("ix_hostings_changed_at"), "hostings", ["changed_at"])


def downgrade() -> None:
    op.drop_table("hostings")
    with op.batch_alter_table("links") as batch:
        batch.drop_column("last_request")
    with op.batch_alter_table("incidents") as batch:
        batch.drop_constraint(batch.f("uq_incidents_hosted_id"), type_="unique")
        batch.drop_column("hosted_id")
