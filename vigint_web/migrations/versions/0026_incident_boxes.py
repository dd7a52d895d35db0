"""Keep the boxes of incidents in a table of their own, and the main one with the incident.

Revision: 0026
Follows: 0025
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_FOCUS = ("focus_x", "focus_y", "focus_w", "focus_h")


def upgrade() -> None:
    # First: adding columns takes the strongest lock.
    for name in _FOCUS:
        op.add_column("incidents", sa.Column(name, sa.Double(), nullable=True))
    op.create_table(
        "incident_boxes",
        sa.Column("incident_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("frames", sa.Integer(), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("boxes", sa.JSON(), nullable=False),
        sa.Column("places", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(
            ["incident_id"],
            ["incidents.id"],
            name=op.f("fk_incident_boxes_incident_id_incidents"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("incident_id", name=op.f("pk_incident_boxes")),
    )


def downgrade() -> None:
    op.drop_table("incident_boxes")
    for name in reversed(_FOCUS):
        op.drop_column("incidents", name)
