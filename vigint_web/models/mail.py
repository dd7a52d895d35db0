"""Mails as they were sent, without the token of their link."""

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from vigint_web.clock import utcnow
from vigint_web.extensions import Base
from vigint_web.models.link import Link
from vigint_web.models.types import UtcDateTime


class Mail(Base):
    """One accepted mail; its token is derived from the link's row when an administrator reads it.

    So the database contains nothing that gives access to a video, and a mail sent by any machine of
    an installation can be read on every other.
    """

    __tablename__ = "mails"

    id: Mapped[int] = mapped_column(primary_key=True)
    # Null for a mail about an account, which belongs to no site.
    site_id: Mapped[int | None] = mapped_column(ForeignKey("sites.id"), index=True)
    alert_id: Mapped[int | None] = mapped_column(
        ForeignKey("alerts.id", ondelete="SET NULL"), index=True
    )
    link_id: Mapped[int | None] = mapped_column(
        ForeignKey("links.id", ondelete="SET NULL"), index=True
    )
    recipient: Mapped[str] = mapped_column(String(254))
    subject: Mapped[str] = mapped_column(String(998))  # RFC 5322, 2.1.1
    message_id: Mapped[str] = mapped_column(String(200), unique=True)
    channel: Mapped[str] = mapped_column(String(16))
    sent_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)
    # The message of RFC 5322 with a placeholder for the token.
    content: Mapped[bytes] = mapped_column(LargeBinary)

    link: Mapped[Link | None] = relationship(lazy="joined")

    @property
    def is_about_account(self) -> bool:
        """Return whether it is about an account: its link is never shown."""
        return self.site_id is None
