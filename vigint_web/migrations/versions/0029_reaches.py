"""Whether the public address was reached by a phone.

Revision: 0029
Follows: 0028
"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reaches",
        sa.Column("base_url", sa.String(300), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("from_outside", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("base_url", name=op.f("pk_reaches")),
    )


def downgrade() -> None:
    op.drop_table("reaches")
