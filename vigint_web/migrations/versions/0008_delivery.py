"""Delivery: cool-downs and what is gathered in them, mails that a silent server holds up.

Revision: 0008
Follows: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("incidents") as batch:
        batch.add_column(sa.Column("grouped_under_id", sa.Integer()))
        batch.create_foreign_key(
            batch.f("fk_incidents_grouped_under_id_incidents"),
            "incidents",
            ["grouped_under_id"],
            ["id"],
        )
        batch.create_index(batch.f("ix_incidents_grouped_under_id"), ["grouped_under_id"])
    with op.batch_alter_table("alerts") as batch:
        batch.add_column(
            sa.Column("held_up", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch.add_column(sa.Column("told_by_id", sa.Integer()))
        batch.create_foreign_key(
            batch.f("fk_alerts_told_by_id_alerts"),
            "alerts",
            ["told_by_id"],
            ["id"],
            ondelete="SET NULL",
        )
        batch.create_index(batch.f("ix_alerts_told_by_id"), ["told_by_id"])
    with op.batch_alter_table("alerts") as batch:
        batch.alter_column("held_up", server_default=None)
    op.create_table(
        "cooldowns",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("incident_id", sa.Integer(), nullable=False),
        sa.Column("risk", sa.Integer(), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"],
            ["incidents.id"],
            name=op.f("fk_cooldowns_incident_id_incidents"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_cooldowns")),
    )
    op.create_index(op.f("ix_cooldowns_ends_at"), "cooldowns", ["ends_at"])


def downgrade() -> None:
    op.drop_table("cooldowns")
    # The previous version supports neither these states nor these kinds, and only mails.
    op.execute("UPDATE alerts SET told_by_id = NULL")
    op.execute("DELETE FROM alerts WHERE kind IN ('repeats', 'undeliverable', 'video_ready')")
    op.execute("DELETE FROM alerts WHERE channel = 'webhook'")
    op.execute("UPDATE alerts SET state = 'sent' WHERE state = 'gathered'")
    with op.batch_alter_table("alerts") as batch:
        batch.drop_index(batch.f("ix_alerts_told_by_id"))
        batch.drop_constraint(batch.f("fk_alerts_told_by_id_alerts"), type_="foreignkey")
        batch.drop_column("told_by_id")
        batch.drop_column("held_up")
    with op.batch_alter_table("incidents") as batch:
        batch.drop_index(batch.f("ix_incidents_grouped_under_id"))
        batch.drop_constraint(
            batch.f("fk_incidents_grouped_under_id_incidents"), type_="foreignkey"
        )
        batch.drop_column("grouped_under_id")
