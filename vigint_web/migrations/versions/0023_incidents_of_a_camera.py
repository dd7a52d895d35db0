"""Index incidents by camera.

Revision: 0023
Follows: 0022
"""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_incidents_camera", "incidents", ["camera_id", "detected_at", "id"])


def downgrade() -> None:
    op.drop_index("ix_incidents_camera", "incidents")
