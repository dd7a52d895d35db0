"""Index incidents by camera, and by site in the order of receipt.

Revision: 0023
Follows: 0022
"""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # First: dropping takes the strongest lock, and a process of the version before that reads and
    # then writes would wait for a weaker one, and this for that process.
    op.drop_index("ix_incidents_site_created", "incidents")
    op.create_index(
        "ix_incidents_site_created", "incidents", ["site_id", "created_at", "detected_at"]
    )
    op.create_index("ix_incidents_camera", "incidents", ["camera_id", "detected_at", "id"])
    op.create_index("ix_incidents_site", "incidents", ["site_id", "id"])


def downgrade() -> None:
    op.drop_index("ix_incidents_site_created", "incidents")
    op.create_index("ix_incidents_site_created", "incidents", ["site_id", "created_at"])
    op.drop_index("ix_incidents_site", "incidents")
    op.drop_index("ix_incidents_camera", "incidents")
