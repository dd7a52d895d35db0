"""Reasons for sharing: required by the settings of a site, stored with links.

Revision: 0034
Follows: 0033
"""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # In the order in which others read the tables. Processes of the version before insert rows
    # without the columns.
    op.add_column(
        "sites",
        sa.Column("sharing_needs_reason", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.add_column("links", sa.Column("reason", sa.Text()))


def downgrade() -> None:
    op.drop_column("links", "reason")
    op.drop_column("sites", "sharing_needs_reason")
