"""Find sources in large lists: filtered, sorted, paged, with totals.

With 100,000 of them every query is answered from indexes (models/video.py, models/source.py) until
the fifty rows of a page are known. A filter on another table is evaluated in one of two ways: few
rows are listed by id and then sorted; many are found while scanning in order.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from vigint_web.extensions import db
from vigint_web.i18n.collation import fold
from vigint_web.models import Camera, Source, Tag, Video, VideoKind, VideoStatus, source_tags
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.keyset_pagination import (
    PAGE,
    SORTED_TOP,
    TOP,
    Cursor,
    Mark,
    Order,
    Page,
    SortedCursor,
    SortedPage,
    read_marks,
    read_page,
)
from vigint_web.services.videos.totals import totals_of_sources

STATES = ("ready", "preparing", "failed")
SORTS = ("added", "name", "size", "duration", "recorded")
# The maximum number of rows to list first and then sort.
_FEW = 3000
_MOST_WORDS = 8


@dataclass(frozen=True)
class SourceFilter:
    """A filter for sources; an unknown state matches nothing.

    Times are those of adding, `until` excluded.
    """

    text: str = ""
    state: str | None = None
    format: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    tag: str | None = None
    camera_id: int | None = None
    site_id: int | None = None


EVERY = SourceFilter()


@dataclass(frozen=True)
class Sorting:
    """The order of a list."""

    by: str = "added"
    descending: bool = True


@dataclass(frozen=True)
class Sum:
    """The number of sources, and the bytes of all their files."""

    number: int
    size: int


_NEWEST_FIRST = Sorting()
COLUMNS: dict[str, tuple[InstrumentedAttribute[Any], bool]] = {
    "added": (Video.created_at, True),
    "name": (Source.sort_name, True),
    "size": (Video.original_size, False),
    "duration": (Video.duration, False),
    "recorded": (Video.recorded_at, False),
}


class SourceList:
    """The sources of a filter, which can be read in any order and added up."""

    def __init__(self, actor: Actor, wanted: SourceFilter = EVERY) -> None:
        self._actor = actor
        self._wanted = wanted

    def page(
        self,
        sorting: Sorting = _NEWEST_FIRST,
        cursor: SortedCursor = SORTED_TOP,
        size: int = PAGE,
    ) -> SortedPage[Source]:
        """Return a page of them."""
        column, known = COLUMNS[sorting.by]
        by_name = sorting.by == "name"
        row_id = Source.video_id if by_name else Video.id
        order = Order(column, row_id, sorting.descending, known)
        page = read_marks(self._by_name() if by_name else self._by_video(), order, cursor, size)
        return SortedPage(_sources(page.rows), page.previous, page.next)

    def sum(self) -> Sum:
        """Return their number and total size."""
        if not self._asks_more_than_totals:
            kept = totals_of_sources(self._actor, self._wanted.site_id)
            some = [kept[name] for name in _statuses(self._wanted.state) if name in kept]
            return Sum(sum(one.number for one in some), sum(one.size for one in some))
        query = select(func.count(), func.sum(Video.stored_size)).where(*self._of_video)
        if self._few is not None:
            query = query.where(Video.id.in_(self._few))
        elif self._asks_sources:
            query = query.where(Video.id.in_(select(Source.video_id).where(*self._of_source())))
        number, size = db.session.execute(query).one()
        return Sum(number, int(size or 0))

    def _by_video(self) -> Select[Any]:
        """Query the videos, which have most of the filter columns."""
        query = select(Video.id).where(*self._of_video)
        if self._few is not None:
            return query.where(Video.id.in_(self._few))
        if self._asks_sources:
            return query.where(exists().where(Source.video_id == Video.id, *self._met()))
        return query

    def _by_name(self) -> Select[Any]:
        """Query the sources, which have the names."""
        query = select(Source.id).where(*self._of_site)
        if self._few is not None:
            query = query.where(Source.video_id.in_(self._few))
        else:
            query = query.where(*self._met())
        if not self._asks_videos:
            return query
        few = list(db.session.scalars(select(Video.id).where(*self._of_video).limit(_FEW)))
        if len(few) < _FEW:
            return query.where(Source.video_id.in_(few))
        return query.where(exists().where(Video.id == Source.video_id, *self._of_video))

    @cached_property
    def _few(self) -> list[int] | None:
        """The ids of the videos of matching sources; None for many, or if there is no such
        filter.
        """
        if not self._asks_sources:
            return None
        query = select(Source.video_id).where(self._actor.scope(Source.site_id))
        found = list(db.session.scalars(query.where(*self._of_source()).limit(_FEW)))
        return found if len(found) < _FEW else None

    @property
    def _asks_more_than_totals(self) -> bool:
        wanted = self._wanted
        return self._asks_sources or any(
            value is not None for value in (wanted.format, wanted.since, wanted.until)
        )

    @property
    def _asks_sources(self) -> bool:
        wanted = self._wanted
        return bool(wanted.text or wanted.tag is not None or wanted.camera_id is not None)

    @property
    def _asks_videos(self) -> bool:
        wanted = self._wanted
        asked = (wanted.state, wanted.format, wanted.since, wanted.until)
        return any(value is not None for value in asked)

    @property
    def _of_site(self) -> list[ColumnElement[bool]]:
        # As an expression: the index of sites would leave all of a site's names to be sorted.
        site = Source.site_id + 0
        found: list[ColumnElement[bool]] = []
        if self._actor.site_ids is not None:
            found.append(site.in_(self._actor.site_ids))
        if self._wanted.site_id is not None:
            found.append(site == self._wanted.site_id)
        return found

    @property
    def _of_video(self) -> list[ColumnElement[bool]]:
        wanted = self._wanted
        found = [Video.kind == VideoKind.SOURCE, self._actor.scope(Video.site_id)]
        if wanted.site_id is not None:
            found.append(Video.site_id == wanted.site_id)
        if wanted.state is not None:
            found.append(_in_state(wanted.state))
        if wanted.format is not None:
            found.append(Video.format == wanted.format)
        if wanted.since is not None:
            found.append(Video.created_at >= wanted.since)
        if wanted.until is not None:
            found.append(Video.created_at < wanted.until)
        return found

    def _met(self) -> list[ColumnElement[bool]]:
        """Return the conditions that are checked while scanning in order."""
        return self._of_source(met=True)

    def _of_source(self, *, met: bool = False) -> list[ColumnElement[bool]]:
        wanted, found = self._wanted, []
        if wanted.camera_id is not None:
            found.append(Source.camera_id == wanted.camera_id)
        if wanted.tag is not None:
            tags = list(db.session.scalars(select(Tag.id).where(Tag.name == wanted.tag)))
            found.append(_carries(tags) if met else _tagged(tags))
        return found + [_contains(word) for word in fold(wanted.text).split()[:_MOST_WORDS]]


def list_formats(actor: Actor) -> list[str]:
    """Return the formats of the actor's sources, by name."""
    of_source = Video.kind == VideoKind.SOURCE, actor.scope(Video.site_id)
    found = select(Video.format).where(*of_source, Video.format.is_not(None)).distinct()
    return sorted(name for name in db.session.scalars(found) if name)


def list_cameras(actor: Actor) -> list[Camera]:
    """Return the cameras of the actor's sources, by name."""
    used = exists().where(Source.camera_id == Camera.id)
    query = select(Camera).where(actor.scope(Camera.site_id), used)
    return list(db.session.scalars(query.order_by(Camera.name, Camera.id)))


def _sources(marks: list[Mark]) -> list[Source]:
    wanted = [mark.id for mark in marks]
    rows = {
        row.video_id: row
        for row in db.session.scalars(select(Source).where(Source.video_id.in_(wanted)))
    }
    return [rows[number] for number in wanted if number in rows]


def _contains(word: str) -> ColumnElement[bool]:
    """Return the condition that a source's searchable text contains a word."""
    files = select(Video.id).where(
        Video.kind == VideoKind.SOURCE, Video.original_name.icontains(word, autoescape=True)
    )
    tags = [tag.id for tag in db.session.scalars(select(Tag)) if word in fold(tag.name)]
    return or_(
        Source.search_text.contains(word, autoescape=True),
        Source.video_id.in_(files),
        *([_tagged(tags)] if tags else []),
    )


def _tagged(tag_ids: list[int]) -> ColumnElement[bool]:
    """Return the condition that a source has a tag, as a list of such sources."""
    return Source.id.in_(select(source_tags.c.source_id).where(source_tags.c.tag_id.in_(tag_ids)))


def _carries(tag_ids: list[int]) -> ColumnElement[bool]:
    """Return the same as a correlated condition."""
    return exists().where(source_tags.c.source_id == Source.id, source_tags.c.tag_id.in_(tag_ids))


def _in_state(state: str) -> ColumnElement[bool]:
    return Video.status.in_(_statuses(state))


def _statuses(state: str | None) -> list[VideoStatus]:
    """Return the statuses of a state in lists: none for an unknown state, every one for None."""
    match state:
        case None:
            return list(VideoStatus)
        case "ready":
            return [VideoStatus.READY]
        case "failed":
            return [VideoStatus.FAILED]
        case "preparing":
            return [VideoStatus.UPLOADING, VideoStatus.PROCESSING]
    return []


def find_sources(actor: Actor, cursor: Cursor = TOP, size: int = PAGE) -> Page[Source]:
    """Return sources of the actor's sites, newest first; `find` filters and sorts."""
    return read_page(select(Source).where(actor.scope(Source.site_id)), Source.id, cursor, size)
