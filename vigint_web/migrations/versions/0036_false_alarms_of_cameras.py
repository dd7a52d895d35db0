"""Find the last false alarm of each camera.

Revision: 0036
Follows: 0035
"""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

_NAME, _LIMITED = "ix_incidents_camera_false_alarms", "decision = 'false_alarm'"


def upgrade() -> None:
    op.create_index(
        _NAME,
        "incidents",
        ["camera_id", "decided_at"],
        sqlite_where=sa.text(_LIMITED),
        postgresql_where=sa.text(_LIMITED),
    )


def downgrade() -> None:
    op.drop_index(_NAME, "incidents")
