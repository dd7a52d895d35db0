"""Deliveries of a restored backup that wait for a person's decision.

Revision: 0015
Follows: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_TABLES = ("alerts", "account_mails", "hostings")


def upgrade() -> None:
    for table in _TABLES:
        held = sa.Column("on_hold", sa.Boolean(), server_default=sa.false(), nullable=False)
        op.add_column(table, held)


def downgrade() -> None:
    # The previous version sends held notifications: nothing is lost.
    for table in _TABLES:
        with op.batch_alter_table(table) as batch:
            batch.drop_column("on_hold")
