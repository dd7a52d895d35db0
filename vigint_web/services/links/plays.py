"""Count plays: all ranges of one session count once."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, or_, select, update

from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import Access, Link, NotificationKind, Playback, User
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import SYSTEM, Visitor
from vigint_web.services.core.count_changes import note_change_of_video
from vigint_web.services.core.runtime import config
from vigint_web.services.core.transactions import change, insert_into, transaction
from vigint_web.services.dispatch.enqueue import queue_mail
from vigint_web.services.links import play_names
from vigint_web.services.links.play_rules import (
    IDLE_END,
    TOUCH,
    Part,
    Span,
    is_continued,
    is_over,
    is_strange,
    looks_automated,
    merge_parts,
    parts_in_time,
)
from vigint_web.services.links.rules import Opening
from vigint_web.services.videos.stored_files import films_of

_MOST_LISTED = 100
_MOST_RANGES = 5000
# An ended play is renamed when the next one of the same name begins.
_ARCHIVED = re.compile(r"(?<=.)~\d+$")


def new_view(link: Link, visitor: Visitor) -> str:
    """Return a name for a play begun by a page of this link."""
    return play_names.new_name(_keys(), link.handle, visitor)


def own_view(link: Link, given: str | None, visitor: Visitor) -> str | None:
    """Return the name in a request, if it is of a current play of this visitor.

    The name of another visitor, or of an ended play, is ignored.
    """
    if given is None:
        return None
    if play_names.is_bound(_keys(), link.handle, visitor, given):
        row = _find(link.id, given)
        strange = row is not None and is_strange(row.visitor, visitor.mark)
        return None if strange or (row is not None and _is_over(link, row)) else given
    if play_names.is_earlier(given):
        row = _find(link.id, given)
        if row is not None and row.visitor is None and not _is_over(link, row):
            same = (row.address, row.user_agent) == (visitor.address[:64], visitor.user_agent[:300])
            return given if same else None
    return None


def is_used_up(link: Link, opening: Opening, given: str | None, visitor: Visitor) -> bool:
    """Return whether no new play may begin; a current one continues until it ends."""
    if link.max_views is None or link.views < link.max_views:
        return False
    if opening == Opening.DOWNLOAD:
        return _living_view(link, given, visitor) is None
    if given is None:
        return True
    row = _find(link.id, _name(link, given, visitor))
    return row is None or _is_over(link, row)


def admit(link: Link, opening: Opening, given: str | None, visitor: Visitor) -> bool:
    """Count a new play once, by one conditional update; return whether it may get bytes."""
    name = _name(link, given, visitor)
    if opening == Opening.DOWNLOAD:
        name = _living_view(link, given, visitor) or name
    now = utcnow()
    seen = _find(link.id, name)
    duration = link.video.duration
    if seen is not None and is_continued(seen.started_at, seen.last_at, now, duration):
        return True
    with transaction() as session:
        begun = _begin(link, name, visitor, now)
        if begun is None:
            known = _known(link.id, name)
            if not _is_over(link, known):
                known.last_at = now
                return True
            # The same visitor begins another play after the end; the old one stays in the log.
            known.view = f"{name[:40]}~{known.id}"
            session.flush()
            begun = _begin(link, name, visitor, now)
        counted = change(
            session,
            update(Link)
            .where(
                Link.id == link.id,
                or_(Link.max_views.is_(None), Link.views < Link.max_views),
            )
            .values(views=Link.views + 1),
        )
        if counted:
            _notice_first(link, now)
        else:
            session.execute(delete(Playback).where(Playback.id == begun))
    return bool(counted)


def _name(link: Link, given: str | None, visitor: Visitor) -> str:
    return own_view(link, given, visitor) or play_names.anonymous_name(visitor)


def _living_view(link: Link, given: str | None, visitor: Visitor) -> str | None:
    """Return the name of this visitor's current play, to which a download can belong."""
    named = own_view(link, given, visitor)
    if named is not None and _find(link.id, named) is not None:
        return named
    mark = play_names.mark_digest(visitor)
    if mark is not None:
        whose = Playback.visitor == mark
    else:
        whose = and_(
            Playback.visitor.is_(None),
            Playback.address == visitor.address[:64],
            Playback.user_agent == visitor.user_agent[:300],
        )
    rows = db.session.scalars(
        select(Playback)
        .where(Playback.link_id == link.id, whose)
        .order_by(Playback.last_at.desc())
        .limit(1)
    )
    return next((row.view for row in rows if not _is_over(link, row)), None)


def _find(link_id: int, view: str) -> Playback | None:
    return db.session.scalar(
        select(Playback)
        .where(Playback.link_id == link_id, Playback.view == view)
        .execution_options(populate_existing=True)
    )


def _is_over(link: Link, row: Playback) -> bool:
    return is_over(row.started_at, row.last_at, utcnow(), link.video.duration)


def _keys() -> tuple[str, ...]:
    return config().key_ring


def _begin(link: Link, name: str, visitor: Visitor, now: datetime) -> int | None:
    """Insert a play and return its id; None if there is one of that name.

    Of parallel ranges of one play the first inserts, the others wait for it.
    """
    session = db.session()
    row = insert_into(session, Playback).values(
        link_id=link.id,
        view=name,
        started_at=now,
        last_at=now,
        visitor=play_names.mark_digest(visitor),
        address=visitor.address[:64],
        user_agent=visitor.user_agent[:300],
        automated=looks_automated(visitor.user_agent, _since_page(link, visitor, now)),
    )
    found: int | None = session.scalar(
        row.on_conflict_do_nothing(index_elements=[Playback.link_id, Playback.view]).returning(
            Playback.id
        )
    )
    return found


def _known(link_id: int, name: str) -> Playback:
    return (
        db.session()
        .scalars(
            select(Playback)
            .where(Playback.link_id == link_id, Playback.view == name)
            .execution_options(populate_existing=True)
        )
        .one()
    )


def _since_page(link: Link, visitor: Visitor, now: datetime) -> timedelta | None:
    """Return how long ago the same visitor opened the page of this link."""
    opened = db.session.scalar(
        select(Access.at)
        .where(
            Access.link_id == link.id,
            Access.what == Opening.PAGE.value,
            Access.address == visitor.address[:64],
            Access.user_agent == visitor.user_agent[:300],
        )
        .order_by(Access.at.desc())
        .limit(1)
    )
    return None if opened is None else now - opened


def _notice_first(link: Link, now: datetime) -> None:
    """Notify the sharer of a link of its first use; once, even with concurrent requests."""
    with transaction() as session:
        first = change(
            session,
            update(Link)
            .where(Link.id == link.id, Link.first_played_at.is_(None))
            .values(first_played_at=now),
        )
        if not first:
            return
        note_change_of_video(session, link.video_id)
        if link.created_by_id is None:
            return
        sharer = session.get(User, link.created_by_id)
        if sharer is not None and sharer.active and sharer.email != link.recipient:
            queue_mail(link.id, NotificationKind.PLAYED, sharer.email)


@dataclass(frozen=True)
class Play:
    """One play in the log; `parts` are seconds of the video, estimated from bytes."""

    playback: Playback
    sent: int  # bytes, including repeated ones
    parts: list[Part]

    @property
    def read(self) -> float:
        """Return the number of seconds of the video sent, without repetition."""
        return sum(end - start for start, end in self.parts)


def plays_of_link(link: Link) -> list[Play]:
    """Return a link's plays, newest first, each with the parts sent."""
    found = db.session.scalars(
        select(Playback)
        .where(Playback.link_id == link.id)
        .order_by(Playback.started_at.desc())
        .limit(_MOST_LISTED)
    )
    return [_play(link, playback) for playback in found]


def _play(link: Link, playback: Playback) -> Play:
    rows = db.session.execute(
        select(Access.track, Access.first_byte, Access.last_byte)
        .where(*_ranges_of(playback))
        .limit(_MOST_RANGES)
    )
    spans: dict[int, list[Span]] = {}
    for track, first, last in rows:
        if first is not None and last is not None:
            spans.setdefault(track or 1, []).append(Span(first, last))
    parts = [
        part
        for number, film in films_of(link.video).items()
        for part in parts_in_time(spans.get(number, []), film)
    ]
    return Play(
        playback=playback,
        sent=sum(span.length for several in spans.values() for span in several),
        parts=merge_parts(parts),
    )


def _ranges_of(playback: Playback) -> list[ColumnElement[bool]]:
    named = _ARCHIVED.sub("", playback.view)
    whose = (
        [Access.view == named]
        if not named.startswith("~")
        else [
            Access.view.is_(None),
            Access.address == playback.address,
            Access.user_agent == playback.user_agent,
        ]
    )
    return [
        Access.link_id == playback.link_id,
        Access.what == Opening.STREAM.value,
        Access.at >= playback.started_at - TOUCH,
        Access.at < playback.last_at + IDLE_END,
        *whose,
    ]


def forget_visitors(days: int) -> int:
    """Remove addresses and user agents from older rows; return the number of rows changed."""
    # Whole days: one event a day in the audit trail instead of one every few minutes.
    before = (utcnow() - timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)
    with transaction() as session:
        accesses = change(
            session,
            update(Access)
            .where(
                Access.at < before, or_(Access.address.is_not(None), Access.user_agent.is_not(None))
            )
            .values(address=None, user_agent=None),
        )
        playbacks = change(
            session,
            update(Playback)
            .where(
                Playback.last_at < before,
                or_(
                    Playback.address.is_not(None),
                    Playback.user_agent.is_not(None),
                    Playback.visitor.is_not(None),
                ),
            )
            .values(address=None, user_agent=None, visitor=None),
        )
        if accesses or playbacks:
            trail.record(
                SYSTEM, "visitors:forgotten", "accesses", accesses=accesses, playbacks=playbacks
            )
    return accesses + playbacks
