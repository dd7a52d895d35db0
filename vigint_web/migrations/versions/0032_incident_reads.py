"""Who has read which incident; the list of incidents by risk and by type; preferences of review.

Revision: 0032
Follows: 0031
"""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

_TIMES = ("unread_since", "list_seen_at", "list_seen_before_at")
_UNDECIDED = sa.text("state = 'new'")


def upgrade() -> None:
    # First what takes the strongest lock.
    with op.batch_alter_table("users") as batch:
        for name in _TIMES:
            batch.add_column(sa.Column(name, sa.DateTime(timezone=True)))
        batch.add_column(
            sa.Column("alert_sound", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch.add_column(
            sa.Column("autoplay", sa.Boolean(), nullable=False, server_default=sa.true())
        )
    # What was received before is not unread for everybody.
    op.execute("UPDATE users SET unread_since = CURRENT_TIMESTAMP")
    op.create_table(
        "incident_reads",
        sa.Column("incident_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"],
            ["incidents.id"],
            name=op.f("fk_incident_reads_incident_id_incidents"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_incident_reads_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("incident_id", "user_id", name=op.f("pk_incident_reads")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_incident_reads_user", "incident_reads", ["user_id", "at"])
    op.create_index(
        "ix_incidents_site_risk", "incidents", ["site_id", "risk_level", "detected_at", "id"]
    )
    op.create_index(
        "ix_incidents_site_type", "incidents", ["site_id", "incident_type", "detected_at", "id"]
    )
    op.create_index(
        "ix_incidents_undecided_risk",
        "incidents",
        ["site_id", "risk_level", "detected_at", "id"],
        sqlite_where=_UNDECIDED,
        postgresql_where=_UNDECIDED,
    )


def downgrade() -> None:
    for name in ("ix_incidents_undecided_risk", "ix_incidents_site_type", "ix_incidents_site_risk"):
        op.drop_index(name, "incidents")
    op.drop_table("incident_reads")
    with op.batch_alter_table("users") as batch:
        for name in ("autoplay", "alert_sound", *reversed(_TIMES)):
            batch.drop_column(name)
