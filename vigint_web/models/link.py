"""Links: one permission to see one video, and the log of its use."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from vigint_web.clock import utcnow
from vigint_web.extensions import Base
from vigint_web.models.types import UtcDateTime, Watched
from vigint_web.models.video import Video


class Audience(StrEnum):
    """Say whom a link was made for; it decides what the link opens."""

    PERSON = "person"
    PROGRAM = "program"


class Link(Watched, Base):
    """A permission with expiry, revocation, view limit, and a handle that its token is made of."""

    __tablename__ = "links"
    # The audit trail names links by their id, also when they are gone.
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - SQLAlchemy's declaration

    id: Mapped[int] = mapped_column(primary_key=True)
    video_id: Mapped[int] = mapped_column(ForeignKey("videos.id"), index=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"), index=True)
    audience: Mapped[Audience] = mapped_column(String(16))
    # 128 random bits; worthless without the signing key, replaced to rotate the token.
    handle: Mapped[str] = mapped_column(String(32), unique=True)
    minted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # Which key of the ring signs its token; null: the oldest one.
    signing_key: Mapped[str | None] = mapped_column(String(16))
    recipient: Mapped[str | None] = mapped_column(String(254), index=True)
    not_before: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_by: Mapped[str | None] = mapped_column(String(254))
    revoked_reason: Mapped[str | None] = mapped_column(Text)
    max_views: Mapped[int | None]
    views: Mapped[int] = mapped_column(default=0)
    # Opens original, file name, description and metadata for a person too.
    full_access: Mapped[bool] = mapped_column(default=False)
    api_key_id: Mapped[int | None] = mapped_column(ForeignKey("api_keys.id"), index=True)
    # The Idempotency-Key of the last change that a program asked for: repeated, it changes nothing.
    last_request: Mapped[str | None] = mapped_column(String(255))
    created_by: Mapped[str] = mapped_column(String(254))
    # Who shared it, and is told when it is used for the first time.
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    note: Mapped[str] = mapped_column(Text, default="")
    first_played_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    video: Mapped[Video] = relationship(lazy="joined")


class Playback(Base):
    """One viewing of a link: all ranges asked under one `view` value."""

    __tablename__ = "playbacks"
    __table_args__ = (UniqueConstraint("link_id", "view"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    link_id: Mapped[int] = mapped_column(ForeignKey("links.id", ondelete="CASCADE"))
    view: Mapped[str] = mapped_column(String(64))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    # A digest of the visitor's cookie, where there was one.
    visitor: Mapped[str | None] = mapped_column(String(32))
    # Who came, as far as a request tells; null once that has to be forgotten.
    address: Mapped[str | None] = mapped_column(String(64))
    user_agent: Mapped[str | None] = mapped_column(String(300))
    # It looks like a program that opens links, such as a mail scanner: a suspicion, no more.
    automated: Mapped[bool] = mapped_column(default=False)


class Access(Base):
    """One request that a link's token came with: what was asked and what was answered."""

    __tablename__ = "accesses"
    __table_args__ = (Index("ix_accesses_link_at", "link_id", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    # Kept when its link goes, so that a deletion does not erase who saw the video before.
    link_id: Mapped[int | None] = mapped_column(ForeignKey("links.id", ondelete="SET NULL"))
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    what: Mapped[str] = mapped_column(String(16))
    status: Mapped[int]
    code: Mapped[str | None] = mapped_column(String(40))
    view: Mapped[str | None] = mapped_column(String(64))
    first_byte: Mapped[int | None] = mapped_column(BigInteger)
    last_byte: Mapped[int | None] = mapped_column(BigInteger)
    # Which picture of a file with several the bytes are of, from 2; null: of the first.
    track: Mapped[int | None]
    # Null once the log's time is over.
    address: Mapped[str | None] = mapped_column(String(64))
    user_agent: Mapped[str | None] = mapped_column(String(300))
