"""Mails about accounts are kept with the others: they belong to no site.

Revision: 0018
Follows: 0017
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("mails") as batch:
        batch.alter_column("site_id", existing_type=sa.Integer(), nullable=True)


def downgrade() -> None:
    # The previous version cannot store them.
    op.execute("DELETE FROM mails WHERE site_id IS NULL")
    with op.batch_alter_table("mails") as batch:
        batch.alter_column("site_id", existing_type=sa.Integer(), nullable=False)
