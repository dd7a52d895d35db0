"""Signing keys: each link says which key of the ring signs its token.

Revision: 0003
Follows: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("links") as batch:
        batch.add_column(sa.Column("signing_key", sa.String(length=16)))


def downgrade() -> None:
    with op.batch_alter_table("links") as batch:
        batch.drop_column("signing_key")
