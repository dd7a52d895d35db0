"""Links: one permission to see one video, and the log of its use."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from vigint_web.clock import utcnow
from vigint_web.extensions import Base
from vigint_web.models.types import UtcDateTime, Watched
from vigint_web.models.video import Video

# Rows that still have data about a visitor, by the time from which it is kept.
_OF_ACCESS = "address IS NOT NULL OR user_agent IS NOT NULL"
_OF_PLAY = "address IS NOT NULL OR user_agent IS NOT NULL OR visitor IS NOT NULL"


def _where(condition: str) -> dict[str, Any]:
    """Return the arguments that limit an index to some rows."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


class Audience(StrEnum):
    """The kind of user a link was made for, which determines its permissions."""

    PERSON = "person"
    PROGRAM = "program"


class Link(Watched, Base):
    """A permission with expiry, revocation, view limit, and the handle of its token."""

    __tablename__ = "links"
    __table_args__ = (
        # The list of a site, in its order.
        Index("ix_links_site", "site_id", "id"),
        # By state, where it is one of few.
        Index("ix_links_revoked", "id", "site_id", **_where("revoked_at IS NOT NULL")),
        Index("ix_links_delayed", "id", "site_id", **_where("not_before IS NOT NULL")),
        Index("ix_links_limited", "id", "site_id", **_where("max_views IS NOT NULL")),
        # The audit trail identifies links by their id, including deleted ones.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    video_id: Mapped[int] = mapped_column(ForeignKey("videos.id"), index=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"))
    audience: Mapped[Audience] = mapped_column(String(16))
    # 128 random bits; worthless without the signing key, replaced to rotate the token.
    handle: Mapped[str] = mapped_column(String(32), unique=True)
    minted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # The key of the ring that signs its token; null: the oldest one.
    signing_key: Mapped[str | None] = mapped_column(String(16))
    recipient: Mapped[str | None] = mapped_column(String(254), index=True)
    not_before: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_by: Mapped[str | None] = mapped_column(String(254))
    revoked_reason: Mapped[str | None] = mapped_column(Text)
    max_views: Mapped[int | None]
    views: Mapped[int] = mapped_column(default=0)
    # Grants original, file name, description and metadata to a person too.
    full_access: Mapped[bool] = mapped_column(default=False)
    api_key_id: Mapped[int | None] = mapped_column(ForeignKey("api_keys.id"), index=True)
    # The Idempotency-Key of the last change by a program: repeated, it changes nothing.
    last_request: Mapped[str | None] = mapped_column(String(255))
    created_by: Mapped[str] = mapped_column(String(254))
    # The sharer, who is notified of the first use.
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    note: Mapped[str] = mapped_column(Text, default="")
    # Why a person or a program shared it; never shown to the recipient.
    reason: Mapped[str | None] = mapped_column(Text)
    first_played_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    video: Mapped[Video] = relationship(lazy="joined")


class Playback(Base):
    """One play of a link: all ranges requested with one `view` value."""

    __tablename__ = "playbacks"
    __table_args__ = (
        UniqueConstraint("link_id", "view"),
        Index("ix_playbacks_visitors", "last_at", **_where(_OF_PLAY)),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    link_id: Mapped[int] = mapped_column(ForeignKey("links.id", ondelete="CASCADE"))
    view: Mapped[str] = mapped_column(String(64))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    # A digest of the visitor's cookie, if there was one.
    visitor: Mapped[str | None] = mapped_column(String(32))
    # Data about the visitor; null once its retention has ended.
    address: Mapped[str | None] = mapped_column(String(64))
    user_agent: Mapped[str | None] = mapped_column(String(300))
    # Looks like an automatic opening, such as by a mail scanner: only a suspicion.
    automated: Mapped[bool] = mapped_column(default=False)


class Access(Base):
    """One request with a link's token, and its answer."""

    __tablename__ = "accesses"
    __table_args__ = (
        Index("ix_accesses_link_at", "link_id", "at"),
        Index("ix_accesses_visitors", "at", **_where(_OF_ACCESS)),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    # Kept when its link is deleted, so that a deletion does not erase who saw the video before.
    link_id: Mapped[int | None] = mapped_column(ForeignKey("links.id", ondelete="SET NULL"))
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    what: Mapped[str] = mapped_column(String(16))
    status: Mapped[int]
    code: Mapped[str | None] = mapped_column(String(40))
    view: Mapped[str | None] = mapped_column(String(64))
    first_byte: Mapped[int | None] = mapped_column(BigInteger)
    last_byte: Mapped[int | None] = mapped_column(BigInteger)
    # The track of the bytes, of a file with several, from 2; null: the first.
    track: Mapped[int | None]
    # Null once the retention of the log has ended.
    address: Mapped[str | None] = mapped_column(String(64))
    user_agent: Mapped[str | None] = mapped_column(String(300))
