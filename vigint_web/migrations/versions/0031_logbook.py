"""Mail the log of a site's night.

Revision: 0031
Follows: 0030
"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mailed_nights",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        *(
            sa.Column(name, sa.DateTime(timezone=True), nullable=False)
            for name in ("began_at", "ended_at", "created_at")
        ),
        sa.ForeignKeyConstraint(
            ["site_id"],
            ["sites.id"],
            name=op.f("fk_mailed_nights_site_id_sites"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mailed_nights")),
        sa.UniqueConstraint("site_id", "day", name=op.f("uq_mailed_nights_site_id")),
    )
    op.create_table(
        "logbook_schedules",
        sa.Column("site_id", sa.Integer(), autoincrement=False, nullable=False),
        *(
            sa.Column(name, sa.SmallInteger(), nullable=False)
            for name in ("begins", "ends", "mailed_at")
        ),
        sa.Column("recipients", sa.JSON(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["site_id"],
            ["sites.id"],
            name=op.f("fk_logbook_schedules_site_id_sites"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("site_id", name=op.f("pk_logbook_schedules")),
    )
    with op.batch_alter_table("alerts") as batch:
        batch.add_column(sa.Column("night_id", sa.Integer()))
        batch.create_foreign_key(
            batch.f("fk_alerts_night_id_mailed_nights"), "mailed_nights", ["night_id"], ["id"]
        )
        batch.create_index(batch.f("ix_alerts_night_id"), ["night_id"])


def downgrade() -> None:
    with op.batch_alter_table("alerts") as batch:
        batch.drop_index(batch.f("ix_alerts_night_id"))
        batch.drop_constraint(batch.f("fk_alerts_night_id_mailed_nights"), type_="foreignkey")
        batch.drop_column("night_id")
    op.drop_table("logbook_schedules")
    op.drop_table("mailed_nights")
