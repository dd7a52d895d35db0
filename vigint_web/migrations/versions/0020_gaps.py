"""Footage: time that was not filmed and is left out of what plays.

Revision: 0020
Follows: 0019
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Null: processed before it was stored.
    op.add_column("videos", sa.Column("gaps", sa.JSON()))


def downgrade() -> None:
    op.drop_column("videos", "gaps")
