"""Account mails: invitations, password resets, and notices about an account."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from vigint_web.clock import utcnow
from vigint_web.extensions import Base
from vigint_web.models.types import Claimable, Holdable, UtcDateTime
from vigint_web.models.user import User


class AccountMailPurpose(StrEnum):
    """The purpose of a mail; the first two carry a link for setting a password."""

    INVITATION = "invitation"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - the name of a purpose, no secret
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - as above
    TWO_FACTOR_RESET = "two_factor_reset"


class AccountMailState(StrEnum):
    """The state of a mail."""

    PENDING = "pending"  # to be sent, now or at next_attempt_at
    SENT = "sent"
    FAILED = "failed"


class AccountMail(Claimable, Holdable, Base):
    """A mail to the owner of an account; its link is signed over the handle, and created anew for
    each attempt, so that neither this row nor the queue contains a usable link.
    """

    __tablename__ = "account_mails"
    __table_args__ = (Index("ix_account_mails_due", "state", "next_attempt_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    # Null until the job has looked up the account: the request for a new password does the same
    # work for every address.
    user_id: Mapped[int | None] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    recipient: Mapped[str] = mapped_column(String(254))
    purpose: Mapped[AccountMailPurpose] = mapped_column(String(24))
    locale: Mapped[str] = mapped_column(String(8))
    # 128 random bits, signed by the link's token.
    handle: Mapped[str] = mapped_column(String(32), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # The end of the link's validity: used, or replaced by a newer one.
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    state: Mapped[AccountMailState] = mapped_column(String(16), default=AccountMailState.PENDING)
    next_attempt_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=utcnow)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    channel: Mapped[str | None] = mapped_column(String(16))
    error: Mapped[str | None] = mapped_column(Text)

    user: Mapped[User | None] = relationship(lazy="joined")
