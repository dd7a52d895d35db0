"""Keep footage within the limits of its camera.

Revision: 0038
Follows: 0036
"""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # No limit is in force after the upgrade: what the settings of cameras state is proposed.
    op.create_table(
        "camera_limits",
        sa.Column("camera_id", sa.Integer(), autoincrement=False, nullable=False),
        *(
            sa.Column(name, sa.Integer())
            for name in ("least_days", "most_days", "proposed_least_days", "proposed_most_days")
        ),
        *(sa.Column(name, sa.DateTime(timezone=True)) for name in ("proposed_at", "noted_at")),
        sa.Column("waited_seconds", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["camera_id"],
            ["cameras.id"],
            name=op.f("fk_camera_limits_camera_id_cameras"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("camera_id", name=op.f("pk_camera_limits")),
    )


def downgrade() -> None:
    op.drop_table("camera_limits")
