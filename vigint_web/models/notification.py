"""Notifications: one mail to one recipient, or one call of one webhook, with its attempts."""

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from vigint_web.clock import utcnow
from vigint_web.extensions import Base
from vigint_web.models.incident import Incident
from vigint_web.models.link import Link
from vigint_web.models.logbook import MailedNight
from vigint_web.models.types import HELD, Claimable, Holdable, UtcDateTime, Watched

GIVEN_UP_AFTER = timedelta(hours=24)


class NotificationState(StrEnum):
    """The state of a mail or a call."""

    WAITING = "waiting"  # for the video
    PENDING = "pending"  # to be sent, now or at next_attempt_at
    GATHERED = "gathered"  # covered by a mail about several, at the end of their cool-down
    SENT = "sent"
    FAILED = "failed"


class NotificationKind(StrEnum):
    """The subject of a mail or a call."""

    VIDEO = "video"
    TEXT_ONLY = "text_only"
    SHARED = "shared"  # a link shared by a user
    PLAYED = "played"  # notifies the sharer of the first use of a link
    REPEATS = "repeats"  # covers all repeats gathered under an incident
    UNDELIVERABLE = "undeliverable"  # notifies administrators of undeliverable mails
    VIDEO_READY = "video_ready"  # notifies a webhook that a video is ready, or has failed
    NIGHT_LOG = "night_log"  # the log of a site's night


WEBHOOK = "webhook"
_FAILED = text("state = 'failed' AND told_by_id IS NULL")


class Notification(Claimable, Holdable, Watched, Base):
    """A mail to one recipient, or a call of one webhook.

    Sent at least once, and only once unless the process dies between the other server's acceptance
    and the commit.
    """

    __tablename__ = "alerts"
    __table_args__ = (
        Index("ix_alerts_due", "state", "next_attempt_at"),
        # Those that failed, without the parts of a mail about several.
        Index(
            "ix_alerts_failed", "changed_at", "id", sqlite_where=_FAILED, postgresql_where=_FAILED
        ),
        Index("ix_alerts_on_hold", "id", **HELD),
        # Without the rows that no other covers, by which SQLite would look for all of these.
        Index(
            "ix_alerts_told_by",
            "told_by_id",
            sqlite_where=text("told_by_id IS NOT NULL"),
            postgresql_where=text("told_by_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    # Null for a mail about a shared link.
    incident_id: Mapped[int | None] = mapped_column(ForeignKey("incidents.id"), index=True)
    # Indexed: otherwise deleting a link reads all notifications.
    link_id: Mapped[int | None] = mapped_column(
        ForeignKey("links.id", ondelete="SET NULL"), index=True
    )
    # The address of a mailbox, or the name of a webhook: its URL may contain a secret.
    recipient: Mapped[str] = mapped_column(String(254))
    state: Mapped[NotificationState] = mapped_column(String(16))
    kind: Mapped[NotificationKind] = mapped_column(String(16), default=NotificationKind.VIDEO)
    # The same over all attempts, so that the receiver can recognize a repetition.
    message_id: Mapped[str] = mapped_column(String(200), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    # When retries of a mail end.
    give_up_at: Mapped[datetime] = mapped_column(
        UtcDateTime, default=lambda: utcnow() + GIVEN_UP_AFTER
    )
    next_attempt_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # The channel: WEBHOOK from the beginning, for mails the one that was used.
    channel: Mapped[str | None] = mapped_column(String(16))
    error: Mapped[str | None] = mapped_column(Text)
    # Why a recipient named by a program is not mailed; a code, rendered in words.
    refused: Mapped[str | None] = mapped_column(String(32))
    # The mail server could not be reached, independent of this mail: when it is back, all of these
    # are sent at once, the oldest first.
    held_up: Mapped[bool] = mapped_column(default=False)
    # The mail about several that covers this one.
    told_by_id: Mapped[int | None] = mapped_column(ForeignKey("alerts.id", ondelete="SET NULL"))

    # Of a mail about several: it lists alerts from this key's spool, instead of repeats.
    digest_of_id: Mapped[int | None] = mapped_column(ForeignKey("api_keys.id"))

    # Of a mail with the log of a night.
    night_id: Mapped[int | None] = mapped_column(ForeignKey("mailed_nights.id"), index=True)

    incident: Mapped[Incident | None] = relationship(lazy="joined")
    night: Mapped[MailedNight | None] = relationship(lazy="joined")
    link: Mapped[Link | None] = relationship(lazy="joined")

    @property
    def is_call(self) -> bool:
        """Return whether this is a webhook call."""
        return self.channel == WEBHOOK

    @property
    def is_digest(self) -> bool:
        """Return whether this mail lists alerts that a detector spooled during an outage."""
        return self.digest_of_id is not None

    @property
    def site_id(self) -> int | None:
        """Return the site of this mail's subject."""
        if self.incident is not None:
            return self.incident.site_id
        if self.night is not None:
            return self.night.site_id
        return self.link.site_id if self.link is not None else None
