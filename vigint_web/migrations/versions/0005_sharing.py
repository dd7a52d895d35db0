"""Sharing: who shared a link and why, who came to a viewing, mails without an incident.

Revision: 0005
Follows: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("links") as batch:
        batch.add_column(sa.Column("created_by_id", sa.Integer()))
        batch.add_column(sa.Column("note", sa.Text(), nullable=False, server_default=""))
        batch.add_column(sa.Column("first_played_at", sa.DateTime(timezone=True)))
        batch.create_foreign_key(
            batch.f("fk_links_created_by_id_users"),
            "users",
            ["created_by_id"],
            ["id"],
            ondelete="SET NULL",
        )
    with op.batch_alter_table("links") as batch:
        batch.alter_column("note", server_default=None)
        batch.create_index(batch.f("ix_links_expires_at"), ["expires_at"])
    with op.batch_alter_table("playbacks") as batch:
        batch.add_column(sa.Column("address", sa.String(length=64)))
        batch.add_column(sa.Column("user_agent", sa.String(length=300)))
        batch.add_column(
            sa.Column("automated", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    with op.batch_alter_table("playbacks") as batch:
        batch.alter_column("automated", server_default=None)
    with op.batch_alter_table("accesses") as batch:
        batch.alter_column("address", existing_type=sa.String(length=64), nullable=True)
        batch.alter_column("user_agent", existing_type=sa.String(length=300), nullable=True)
    with op.batch_alter_table("alerts") as batch:
        batch.alter_column("incident_id", existing_type=sa.Integer(), nullable=True)


def downgrade() -> None:
    op.execute("DELETE FROM alerts WHERE incident_id IS NULL")
    op.execute("UPDATE accesses SET address = '' WHERE address IS NULL")
    op.execute("UPDATE accesses SET user_agent = '' WHERE user_agent IS NULL")
    with op.batch_alter_table("alerts") as batch:
        batch.alter_column("incident_id", existing_type=sa.Integer(), nullable=False)
    with op.batch_alter_table("accesses") as batch:
        batch.alter_column("address", existing_type=sa.String(length=64), nullable=False)
        batch.alter_column("user_agent", existing_type=sa.String(length=300), nullable=False)
    with op.batch_alter_table("playbacks") as batch:
        for column in ("automated", "user_agent", "address"):
            batch.drop_column(column)
    with op.batch_alter_table("links") as batch:
        batch.drop_index(batch.f("ix_links_expires_at"))
        batch.drop_constraint(batch.f("fk_links_created_by_id_users"), type_="foreignkey")
        for column in ("first_played_at", "note", "created_by_id"):
            batch.drop_column(column)
