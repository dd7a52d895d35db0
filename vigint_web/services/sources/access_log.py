"""Report who read a video by its links: which link, when, what, how much."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from vigint_web.extensions import db
from vigint_web.models import Access, Link, Video
from vigint_web.services.core.keyset_pagination import (
    SORTED_TOP,
    Order,
    SortedCursor,
    SortedPage,
    merge_marks,
)
from vigint_web.services.videos.stored_files import films_of

PAGE = 50
# Up to this number each link's log is read from its own index; beyond, one query sorts them all.
_MOST_MERGED = 50
_NEWEST_FIRST = Order(Access.at, Access.id, descending=True)


@dataclass(frozen=True)
class Reading:
    """One request with a link of a video."""

    access: Access
    link: Link
    sent: int | None  # bytes
    share: float | None  # of the file, 0 to 1


@dataclass(frozen=True)
class Reader:
    """All requests with one link."""

    link: Link
    requests: int
    refused: int
    sent: int
    first: datetime
    last: datetime


def page_of_readings(
    video: Video, cursor: SortedCursor = SORTED_TOP, size: int = PAGE
) -> SortedPage[Reading]:
    """Return a page of the requests with a video's links, newest first."""
    found = {link.id: link for link in _links(video)}
    asked = (
        [Access.link_id == number for number in found]
        if len(found) <= _MOST_MERGED
        else [Access.link_id.in_(found)]
    )
    queries = [select(Access.id).where(condition) for condition in asked]
    page = merge_marks([(query, _NEWEST_FIRST) for query in queries], cursor, size)
    ids = [mark.id for mark in page.rows]
    rows = {row.id: row for row in db.session.scalars(select(Access).where(Access.id.in_(ids)))}
    readings = [_reading(rows[n], found[rows[n].link_id or 0]) for n in ids if n in rows]
    return SortedPage(readings, page.previous, page.next)


def readers_of(video: Video) -> list[Reader]:
    """Return the use of each of a video's links, the last used first."""
    found = {link.id: link for link in _links(video)}
    span = Access.last_byte - Access.first_byte + 1
    rows = db.session.execute(
        select(
            Access.link_id,
            func.count(),
            func.count(Access.code),
            func.coalesce(func.sum(span), 0),
            func.min(Access.at),
            func.max(Access.at),
        )
        .where(Access.link_id.in_(found))
        .group_by(Access.link_id)
    )
    readers = [
        Reader(found[link_id or 0], requests, number, int(sent or 0), first, last)
        for link_id, requests, number, sent, first, last in rows
    ]
    return sorted(readers, key=lambda reader: reader.last, reverse=True)


def last_reading(video_id: int) -> datetime | None:
    """Return when a link of a video was last used."""
    newest = select(func.max(Access.at)).where(Access.link_id == Link.id).scalar_subquery()
    return db.session.scalar(select(func.max(newest)).where(Link.video_id == video_id))


def _links(video: Video) -> list[Link]:
    return list(db.session.scalars(select(Link).where(Link.video_id == video.id)))


def _reading(access: Access, link: Link) -> Reading:
    if access.first_byte is None or access.last_byte is None:
        return Reading(access, link, None, None)
    sent = access.last_byte - access.first_byte + 1
    video = link.video
    film = films_of(video).get(access.track or 1)
    size = video.original_size if access.what == "download" else film.size if film else None
    return Reading(access, link, sent, min(1.0, sent / size) if size else None)
