"""Visitors: whose viewing it is, as far as a cookie says.

Revision: 0012
Follows: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("playbacks", sa.Column("visitor", sa.String(length=32)))


def downgrade() -> None:
    with op.batch_alter_table("playbacks") as batch:
        batch.drop_column("visitor")
