"""Accesses: which picture of a file was asked for, where it has several.

Revision: 0019
Follows: 0018
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Null is the first track, the only one of the previous version.
    op.add_column("accesses", sa.Column("track", sa.Integer()))


def downgrade() -> None:
    # The previous version attributes all bytes to the first track: those of others are deleted.
    op.execute("UPDATE accesses SET first_byte = NULL, last_byte = NULL WHERE track IS NOT NULL")
    op.drop_column("accesses", "track")
