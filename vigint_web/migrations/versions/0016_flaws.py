"""Footage: what is wrong with a file that plays nevertheless.

Revision: 0016
Follows: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Null: processed before this was determined.
    op.add_column("videos", sa.Column("flaws", sa.JSON()))


def downgrade() -> None:
    op.drop_column("videos", "flaws")
