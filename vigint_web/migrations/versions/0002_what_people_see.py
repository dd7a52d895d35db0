"""What people see: preferences, mails as sent, small pictures, and when a row last changed.

Revision: 0002
Follows: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_BORN = {"videos": "created_at", "alerts": "created_at", "links": "minted_at"}


def upgrade() -> None:
    with op.batch_alter_table("users") as batch:
        batch.add_column(sa.Column("timezone", sa.String(length=64)))
        batch.add_column(
            sa.Column("shortcuts", sa.Boolean(), nullable=False, server_default=sa.true())
        )
    with op.batch_alter_table("users") as batch:
        batch.alter_column("shortcuts", server_default=None)
    with op.batch_alter_table("videos") as batch:
        batch.add_column(sa.Column("recorded_at", sa.DateTime(timezone=True)))
        batch.add_column(sa.Column("thumbnail_key", sa.String(length=400)))
        batch.add_column(sa.Column("thumbnail_size", sa.Integer()))
        batch.add_column(sa.Column("thumbnail_sha256", sa.String(length=64)))
    for table, born in _BORN.items():
        with op.batch_alter_table(table) as batch:
            batch.add_column(sa.Column("changed_at", sa.DateTime(timezone=True)))
        columns = sa.table(table, sa.column("changed_at"), sa.column(born))
        op.execute(columns.update().values(changed_at=columns.c[born]))
        with op.batch_alter_table(table) as batch:
            batch.alter_column(
                "changed_at", existing_type=sa.DateTime(timezone=True), nullable=False
            )
            batch.create_index(batch.f(f"ix_{table}_changed_at"), ["changed_at"])
    op.create_table(
        "mails",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("alert_id", sa.Integer(), nullable=True),
        sa.Column("link_id", sa.Integer(), nullable=True),
        sa.Column("recipient", sa.String(length=254), nullable=False),
        sa.Column("subject", sa.String(length=998), nullable=False),
        sa.Column("message_id", sa.String(length=200), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_mails_site_id_sites")),
        sa.ForeignKeyConstraint(
            ["alert_id"], ["alerts.id"], name=op.f("fk_mails_alert_id_alerts"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["link_id"], ["links.id"], name=op.f("fk_mails_link_id_links"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mails")),
        sa.UniqueConstraint("message_id", name=op.f("uq_mails_message_id")),
    )
    with op.batch_alter_table("mails") as batch:
        for column in ("site_id", "alert_id", "link_id", "sent_at"):
            batch.create_index(batch.f(f"ix_mails_{column}"), [column])


def downgrade() -> None:
    op.drop_table("mails")
    for table in _BORN:
        with op.batch_alter_table(table) as batch:
            batch.drop_index(batch.f(f"ix_{table}_changed_at"))
            batch.drop_column("changed_at")
    with op.batch_alter_table("videos") as batch:
        for column in ("thumbnail_sha256", "thumbnail_size", "thumbnail_key", "recorded_at"):
            batch.drop_column(column)
    with op.batch_alter_table("users") as batch:
        batch.drop_column("shortcuts")
        batch.drop_column("timezone")
