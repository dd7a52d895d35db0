"""Sources: footage that operators upload for people and downstream models."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from vigint_web.clock import utcnow
from vigint_web.extensions import Base
from vigint_web.models.site import Site
from vigint_web.models.types import UtcDateTime
from vigint_web.models.video import Video


class Source(Base):
    """An uploaded file under the name that models know it by (`file_001`)."""

    __tablename__ = "sources"

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[str] = mapped_column(String(64), unique=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"), index=True)
    video_id: Mapped[int] = mapped_column(ForeignKey("videos.id"), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text, default="")
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)

    video: Mapped[Video] = relationship(lazy="joined")
    site: Mapped[Site] = relationship(lazy="joined")


class Counter(Base):
    """The last number given out under a name; updated in the transaction that uses it."""

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[int] = mapped_column(default=0)
