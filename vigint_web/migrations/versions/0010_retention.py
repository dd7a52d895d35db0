"""Retention: the days in force, beside what the configuration of each machine says.

Rows are added by the first scheduler that runs, from the dates that are stored.

Revision: 0010
Follows: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "retention_settings",
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("days", sa.Integer()),
        sa.Column("proposed_at", sa.DateTime(timezone=True)),
        sa.Column("proposed_days", sa.Integer()),
        sa.Column("proposed_by", sa.String(length=200)),
        sa.Column("waited_seconds", sa.Integer(), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True)),
        sa.Column("declined_at", sa.DateTime(timezone=True)),
        sa.Column("declined_by", sa.String(length=254)),
        sa.Column("moved_through_id", sa.Integer()),
        sa.Column("moved_videos", sa.Integer(), nullable=False),
        sa.Column("moved_links", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_retention_settings")),
    )
    op.create_table(
        "retention_reports",
        sa.Column("machine", sa.String(length=200), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("days", sa.Integer()),
        sa.Column("source_days", sa.Integer()),
        sa.Column("log_days", sa.Integer()),
        sa.PrimaryKeyConstraint("machine", name=op.f("pk_retention_reports")),
    )


def downgrade() -> None:
    op.drop_table("retention_reports")
    op.drop_table("retention_settings")
