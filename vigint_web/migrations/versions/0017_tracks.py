"""Footage: further pictures of one file, such as of a rear camera.

Revision: 0017
Follows: 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Null: processed before they were determined.
    op.add_column("videos", sa.Column("tracks", sa.JSON()))


def downgrade() -> None:
    # Their files are unreferenced then: the sweep removes them.
    op.drop_column("videos", "tracks")
