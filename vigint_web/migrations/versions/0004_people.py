"""People: sessions that can be ended, second factors, mails about accounts, the life of keys.

Revision: 0004
Follows: 0003
"""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    with op.batch_alter_table("users") as batch:
        batch.alter_column("password_hash", existing_type=sa.String(length=200), nullable=True)
        batch.drop_column("session_nonce")
        batch.add_column(sa.Column("password_set_at", _TIME))
        batch.add_column(sa.Column("invited_at", _TIME))
        batch.add_column(sa.Column("totp_secret", sa.String(length=300)))
        batch.add_column(sa.Column("totp_confirmed_at", _TIME))
        batch.add_column(sa.Column("totp_last_step", sa.Integer()))
    with op.batch_alter_table("api_keys") as batch:
        batch.add_column(sa.Column("created_by", sa.String(length=254)))
        batch.add_column(sa.Column("expires_at", _TIME))
        batch.add_column(sa.Column("revoked_by", sa.String(length=254)))
    op.create_table(
        "user_sessions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("factors", sa.String(length=40), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("user_agent", sa.String(length=300), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("last_seen_at", _TIME, nullable=False),
        sa.Column("ended_at", _TIME),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_user_sessions_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_sessions")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_user_sessions_token_hash")),
    )
    op.create_index(op.f("ix_user_sessions_user_id"), "user_sessions", ["user_id"])
    op.create_index(op.f("ix_user_sessions_last_seen_at"), "user_sessions", ["last_seen_at"])
    op.create_table(
        "recovery_codes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("prefix", sa.String(length=8), nullable=False),
        sa.Column("code_hash", sa.String(length=200), nullable=False),
        sa.Column("used_at", _TIME),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_recovery_codes_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_codes")),
    )
    op.create_index(op.f("ix_recovery_codes_user_id"), "recovery_codes", ["user_id"])
    op.create_table(
        "account_mails",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer()),
        sa.Column("recipient", sa.String(length=254), nullable=False),
        sa.Column("purpose", sa.String(length=24), nullable=False),
        sa.Column("locale", sa.String(length=8), nullable=False),
        sa.Column("handle", sa.String(length=32), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("closed_at", _TIME),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("next_attempt_at", _TIME),
        sa.Column("sent_at", _TIME),
        sa.Column("channel", sa.String(length=16)),
        sa.Column("error", sa.Text()),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("attempt_limit", sa.Integer(), nullable=False),
        sa.Column("lease_until", _TIME),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_account_mails_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_mails")),
        sa.UniqueConstraint("handle", name=op.f("uq_account_mails_handle")),
    )
    op.create_index(op.f("ix_account_mails_user_id"), "account_mails", ["user_id"])
    op.create_index("ix_account_mails_due", "account_mails", ["state", "next_attempt_at"])


def downgrade() -> None:
    op.drop_table("account_mails")
    op.drop_table("recovery_codes")
    op.drop_table("user_sessions")
    with op.batch_alter_table("api_keys") as batch:
        for column in ("revoked_by", "expires_at", "created_by"):
            batch.drop_column(column)
    with op.batch_alter_table("users") as batch:
        batch.add_column(sa.Column("session_nonce", sa.String(length=32)))
    users = sa.table(
        "users", sa.column("id"), sa.column("session_nonce"), sa.column("password_hash")
    )
    connection = op.get_bind()
    for number in connection.execute(sa.select(users.c.id)).scalars().all():
        connection.execute(
            users.update()
            .where(users.c.id == number)
            .values(session_nonce=secrets.token_hex(8))
        )
    # For invited users without a password: a hash that no password matches.
    op.execute(users.update().where(users.c.password_hash.is_(None)).values(password_hash="!"))
    with op.batch_alter_table("users") as batch:
        batch.alter_column("session_nonce", existing_type=sa.String(length=32), nullable=False)
        batch.alter_column("password_hash", existing_type=sa.String(length=200), nullable=False)
        for column in (
            "totp_last_step", "totp_confirmed_at", "totp_secret", "invited_at", "password_set_at"
        ):
            batch.drop_column(column)
