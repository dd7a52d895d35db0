"""Detection: spans of repeats by when they were detected, digests after an outage.

Revision: 0011
Follows: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cooldown_spans",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("incident_id", sa.Integer(), nullable=False),
        sa.Column("risk", sa.Integer(), nullable=False),
        sa.Column("earliest", sa.DateTime(timezone=True), nullable=False),
        sa.Column("latest", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"],
            ["incidents.id"],
            name=op.f("fk_cooldown_spans_incident_id_incidents"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cooldown_spans")),
    )
    op.create_index(op.f("ix_cooldown_spans_created_at"), "cooldown_spans", ["created_at"])
    op.create_index("ix_cooldown_spans_key_latest", "cooldown_spans", ["key", "latest"])
    op.create_index(
        "ix_incidents_site_detected", "incidents", ["site_id", "detected_at", "created_at"]
    )
    fast = sa.text("detected_at > created_at")
    op.create_index(
        "ix_incidents_site_fast",
        "incidents",
        ["site_id", "created_at"],
        sqlite_where=fast,
        postgresql_where=fast,
    )
    with op.batch_alter_table("alerts") as batch:
        batch.add_column(sa.Column("digest_of_id", sa.Integer()))
        batch.create_foreign_key(
            batch.f("fk_alerts_digest_of_id_api_keys"), "api_keys", ["digest_of_id"], ["id"]
        )


def downgrade() -> None:
    # The previous version sends a pending digest as a mail about repeats: nothing is lost.
    with op.batch_alter_table("alerts") as batch:
        batch.drop_constraint(batch.f("fk_alerts_digest_of_id_api_keys"), type_="foreignkey")
        batch.drop_column("digest_of_id")
    op.drop_index("ix_incidents_site_fast", table_name="incidents")
    op.drop_index("ix_incidents_site_detected", table_name="incidents")
    op.drop_table("cooldown_spans")
