"""Tell test alerts from incidents, with indexes of their own.

Revision: 0033
Follows: 0032
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

# The indexes by which incidents are counted without reading the rows, and what they are limited to.
_COUNTING = (
    ("ix_incidents_site_detected", ["site_id", "detected_at", "created_at"], None),
    ("ix_incidents_site_undecided", ["site_id", "detected_at", "id"], "state = 'new'"),
    ("ix_incidents_camera_undecided", ["camera_id"], "state = 'new'"),
)
_OF_TESTS = (
    ("ix_incidents_site_tests", ["site_id", "detected_at", "id"]),
    ("ix_incidents_site_tests_received", ["site_id", "id"]),
)


def _where(sqlite: str | None, postgresql: str | None) -> dict[str, Any]:
    if sqlite is None or postgresql is None:
        return {}
    return {"sqlite_where": sa.text(sqlite), "postgresql_where": sa.text(postgresql)}


def upgrade() -> None:
    # First: dropping takes the strongest lock, as adding a column does.
    for name, _, _ in _COUNTING:
        op.drop_index(name, "incidents")
    # Processes of the version before insert rows without it.
    op.add_column(
        "incidents", sa.Column("is_test", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    # The test alerts of the dashboard itself: no other incident is without a key.
    incidents = sa.table(
        "incidents",
        sa.column("api_key_id", sa.Integer),
        sa.column("incident_type", sa.String),
        sa.column("is_test", sa.Boolean),
    )
    op.execute(
        incidents.update()
        .where(incidents.c.api_key_id.is_(None), incidents.c.incident_type == "Test")
        .values(is_test=sa.true())
    )
    for name, columns, limited in _COUNTING:
        op.create_index(name, "incidents", [*columns, "is_test"], **_where(limited, limited))
    for name, columns in _OF_TESTS:
        op.create_index(name, "incidents", columns, **_where("is_test = 1", "is_test"))


def downgrade() -> None:
    for name, _ in _OF_TESTS:
        op.drop_index(name, "incidents")
    for name, _, _ in _COUNTING:
        op.drop_index(name, "incidents")
    op.drop_column("incidents", "is_test")
    for name, columns, limited in _COUNTING:
        op.create_index(name, "incidents", columns, **_where(limited, limited))
