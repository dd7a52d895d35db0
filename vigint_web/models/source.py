"""Sources: footage that operators upload for people and downstream models."""

from datetime import datetime

from sqlalchemy import Column, ForeignKey, String, Table, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from vigint_web.clock import utcnow
from vigint_web.extensions import Base
from vigint_web.models.site import Camera, Site
from vigint_web.models.types import UtcDateTime
from vigint_web.models.video import Video

source_tags = Table(
    "source_tags",
    Base.metadata,
    Column("source_id", ForeignKey("sources.id", ondelete="CASCADE"), primary_key=True),
    Column("tag_id", ForeignKey("tags.id", ondelete="CASCADE"), primary_key=True, index=True),
)


class Tag(Base):
    """A word by which the people of a site find sources again."""

    __tablename__ = "tags"
    __table_args__ = (UniqueConstraint("site_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"))
    name: Mapped[str] = mapped_column(String(60))


class Source(Base):
    """An uploaded file under the name that models know it by (`file_001`)."""

    __tablename__ = "sources"

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[str] = mapped_column(String(64), unique=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"), index=True)
    video_id: Mapped[int] = mapped_column(ForeignKey("videos.id"), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text, default="")
    camera_id: Mapped[int | None] = mapped_column(ForeignKey("cameras.id", ondelete="SET NULL"))
    # Somebody saw that the same bytes are stored already, and wants both.
    keeps_duplicate: Mapped[bool] = mapped_column(default=False)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)

    video: Mapped[Video] = relationship(lazy="joined")
    site: Mapped[Site] = relationship(lazy="joined")
    camera: Mapped[Camera | None] = relationship(lazy="joined")
    tags: Mapped[list[Tag]] = relationship(
        secondary=source_tags, order_by=Tag.name, lazy="selectin", passive_deletes=True
    )


class Counter(Base):
    """The last number given out under a name; updated in the transaction that uses it."""

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[int] = mapped_column(default=0)
