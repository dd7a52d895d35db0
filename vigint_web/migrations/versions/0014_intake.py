"""Intake: what was received otherwise than it is used, and recipients that are not mailed.

Revision: 0014
Follows: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # With server defaults: processes of the previous version still write rows.
    op.add_column(
        "incidents", sa.Column("warnings", sa.JSON(), nullable=False, server_default="[]")
    )
    op.add_column("alerts", sa.Column("refused", sa.String(length=32)))


def downgrade() -> None:
    op.drop_column("alerts", "refused")
    op.drop_column("incidents", "warnings")
