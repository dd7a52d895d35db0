"""Ids of keys: each key has its own, and learns nothing of the others'.

Revision: 0013
Follows: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_ALL, _PER_KEY = "uq_incidents_hosted_id", "uq_incidents_api_key_id_hosted_id"


def upgrade() -> None:
    with op.batch_alter_table("incidents") as batch:
        batch.drop_constraint(batch.f(_ALL), type_="unique")
        batch.create_unique_constraint(_PER_KEY, ["api_key_id", "hosted_id"])


def downgrade() -> None:
    # The previous version has each id once: the oldest incident keeps it.
    incidents = sa.table("incidents", sa.column("id"), sa.column("hosted_id"))
    first = sa.select(sa.func.min(incidents.c.id)).group_by(incidents.c.hosted_id).scalar_subquery()
    op.execute(incidents.update().where(incidents.c.id.not_in(first)).values(hosted_id=None))
    with op.batch_alter_table("incidents") as batch:
        batch.drop_constraint(_PER_KEY, type_="unique")
        batch.create_unique_constraint(batch.f(_ALL), ["hosted_id"])
