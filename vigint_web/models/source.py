"""Sources: footage uploaded by operators for people and downstream models."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, ForeignKey, Index, String, Table, Text, UniqueConstraint, event
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import Mapped, mapped_column, relationship

from vigint_web.clock import utcnow
from vigint_web.extensions import Base
from vigint_web.i18n.collation import fold, sort_key
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
    """A word for finding a site's sources."""

    __tablename__ = "tags"
    __table_args__ = (UniqueConstraint("site_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"))
    name: Mapped[str] = mapped_column(String(60))


def _search_text(given: dict[str, Any]) -> str:
    return fold(" ".join((given["source_id"], given["name"], given.get("description") or "")))


def _given(context: DefaultExecutionContext) -> dict[str, Any]:
    given: dict[str, Any] = context.get_current_parameters()  # type: ignore[no-untyped-call]  # as SQLAlchemy ships it
    return given


class Source(Base):
    """An uploaded file under the name used by models (`file_001`)."""

    __tablename__ = "sources"
    __table_args__ = (
        # Covers lists ordered by name, and of a camera, without reading the table.
        Index("ix_sources_by_name", "sort_name", "video_id", "site_id"),
        Index("ix_sources_camera_id", "camera_id", "video_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[str] = mapped_column(String(64), unique=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"), index=True)
    video_id: Mapped[int] = mapped_column(ForeignKey("videos.id"), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    # The sort key of lists: the name without case and accents, with numbers by their value.
    sort_name: Mapped[str] = mapped_column(
        String(255).with_variant(String(255, collation="C"), "postgresql"),
        default=lambda context: sort_key(_given(context)["name"]),
    )
    description: Mapped[str] = mapped_column(Text, default="")
    # The search text: number, name and description, without case and accents.
    search_text: Mapped[str] = mapped_column(
        Text, default=lambda context: _search_text(_given(context))
    )
    camera_id: Mapped[int | None] = mapped_column(ForeignKey("cameras.id", ondelete="SET NULL"))
    # A user knows that the same bytes are already stored, and wants both.
    keeps_duplicate: Mapped[bool] = mapped_column(default=False)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)

    video: Mapped[Video] = relationship(lazy="joined")
    site: Mapped[Site] = relationship(lazy="joined")
    camera: Mapped[Camera | None] = relationship(lazy="joined")
    tags: Mapped[list[Tag]] = relationship(
        secondary=source_tags, order_by=Tag.name, lazy="selectin", passive_deletes=True
    )


@event.listens_for(Source, "before_insert")
@event.listens_for(Source, "before_update")
def _fold_names(_mapper: object, _connection: object, source: Source) -> None:
    source.sort_name = sort_key(source.name)
    source.search_text = _search_text(source.__dict__)


class Counter(Base):
    """The last number issued under a name; updated in the transaction that uses it."""

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[int] = mapped_column(default=0)
