"""Count viewings: all ranges of one session are one, whoever asks how often."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, or_, select, update

from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import Access, AlertKind, Link, Playback, User
from vigint_web.services import audit
from vigint_web.services.actors import SYSTEM
from vigint_web.services.link_rules import Opening
from vigint_web.services.notices import owe_mail
from vigint_web.services.transactions import change, transaction
from vigint_web.services.upserts import insert_into
from vigint_web.services.viewing_rules import Span, looks_automated, merge_spans, parts_in_time
from vigint_web.services.visitors import Visitor

# A viewing ends after this much silence; its last sign of life is kept to this precision.
IDLE_END = timedelta(minutes=30)
_TOUCH = timedelta(seconds=30)
_MOST_LISTED = 100
_MOST_RANGES = 5000
# A viewing that ended makes room for the next one of the same name by taking another.
_ARCHIVED = re.compile(r"(?<=.)~\d+$")


def is_used_up(link: Link, view: str | None) -> bool:
    """Return whether no new viewing may begin; one that began goes on until it has ended."""
    if link.max_views is None or link.views < link.max_views:
        return False
    seen = _last_sign(link.id, view) if view is not None else None
    return seen is None or utcnow() - seen >= IDLE_END


def admit(link: Link, view: str | None, visitor: Visitor) -> bool:
    """Count a new viewing once, by one conditional update; return whether it may have bytes."""
    name = view or _anonymous_view(visitor)
    now = utcnow()
    seen = _last_sign(link.id, name)
    if seen is not None and now - seen <= _TOUCH:
        return True
    with transaction() as session:
        begun = _begin(link, name, visitor, now)
        if begun is None:
            known = _known(link.id, name)
            if now - known.last_at < IDLE_END:
                known.last_at = now
                return True
            # The same name after half an hour is another viewing; the old one stays in the log.
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


def _last_sign(link_id: int, view: str) -> datetime | None:
    return db.session.scalar(
        select(Playback.last_at).where(Playback.link_id == link_id, Playback.view == view)
    )


def _begin(link: Link, name: str, visitor: Visitor, now: datetime) -> int | None:
    """Insert a viewing and return its id; None if there is one of that name.

    Of parallel ranges of one viewing the first inserts, the others wait for it.
    """
    session = db.session()
    row = insert_into(session, Playback).values(
        link_id=link.id,
        view=name,
        started_at=now,
        last_at=now,
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
    """Tell whoever shared a link of its first use; once, whoever comes at the same moment."""
    with transaction() as session:
        first = change(
            session,
            update(Link)
            .where(Link.id == link.id, Link.first_played_at.is_(None))
            .values(first_played_at=now),
        )
        if not first or link.created_by_id is None:
            return
        sharer = session.get(User, link.created_by_id)
        if sharer is not None and sharer.active and sharer.email != link.recipient:
            owe_mail(link.id, AlertKind.PLAYED, sharer.email)


def _anonymous_view(visitor: Visitor) -> str:
    seen = f"{visitor.address}\n{visitor.user_agent}".encode("utf-8", "replace")
    return f"~{hashlib.sha256(seen).hexdigest()[:32]}"


@dataclass(frozen=True)
class Viewing:
    """One viewing as the log tells it; `parts` are seconds of the film, by their bytes."""

    playback: Playback
    sent: int  # bytes, those sent twice counted twice
    parts: list[tuple[float, float]]
    share: float | None  # of the file's bytes, 0 to 1


def viewings_of_link(link: Link) -> list[Viewing]:
    """Return a link's viewings, newest first, each with what was sent in it."""
    found = db.session.scalars(
        select(Playback)
        .where(Playback.link_id == link.id)
        .order_by(Playback.started_at.desc())
        .limit(_MOST_LISTED)
    )
    return [_viewing(link, playback) for playback in found]


def _viewing(link: Link, playback: Playback) -> Viewing:
    rows = db.session.execute(
        select(Access.first_byte, Access.last_byte).where(*_ranges_of(playback)).limit(_MOST_RANGES)
    )
    spans = [Span(first, last) for first, last in rows if first is not None and last is not None]
    size, video = link.video.playable_size or 0, link.video
    distinct = sum(span.length for span in merge_spans(spans))
    return Viewing(
        playback=playback,
        sent=sum(span.length for span in spans),
        parts=parts_in_time(spans, size, video.duration),
        share=min(1.0, distinct / size) if size else None,
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
        Access.at >= playback.started_at - _TOUCH,
        Access.at < playback.last_at + IDLE_END,
        *whose,
    ]


def forget_visitors(days: int) -> int:
    """Remove addresses and user agents from what is older; return how many rows knew any."""
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
                or_(Playback.address.is_not(None), Playback.user_agent.is_not(None)),
            )
            .values(address=None, user_agent=None),
        )
        if accesses or playbacks:
            audit.record(
                SYSTEM, "visitors:forgotten", "accesses", accesses=accesses, playbacks=playbacks
            )
    return accesses + playbacks
