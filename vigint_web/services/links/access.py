"""Open links, and log what is asked for with them."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select

from vigint_web.clock import utcnow
from vigint_web.crypto.tokens import BadToken, Opened, extended_token, new_handle
from vigint_web.errors import LinkRefused, NotFound, StorageFull
from vigint_web.extensions import db
from vigint_web.models import Access, Audience, Incident, Link, Video
from vigint_web.services.core.actors import Visitor
from vigint_web.services.core.keyset_pagination import Cursor, Page, read_page
from vigint_web.services.core.runtime import runtime
from vigint_web.services.core.transactions import release_connection, transaction
from vigint_web.services.links.links import signing_key_of
from vigint_web.services.links.plays import admit, is_used_up, own_view
from vigint_web.services.links.rules import NOT_YET_VALID, USED_UP, Opening, refusal
from vigint_web.services.videos.readiness import NOT_FOUND, unreadiness

log = logging.getLogger(__name__)

_VIEWED = {Opening.STREAM, Opening.DOWNLOAD}
_OF_READY_VIDEOS = {Opening.STREAM, Opening.DOWNLOAD, Opening.THUMBNAIL}


def find_link(token: str) -> Link | None:
    """Return the row of a token, read again from the database."""
    try:
        opened = runtime().tokens.read(token)
    except BadToken:
        opened = None
    # A forged token causes the same query, so that timing does not distinguish it from an unknown
    # one.
    handle = opened.handle if opened else new_handle()
    link = db.session.scalar(
        select(Link).where(Link.handle == handle).execution_options(populate_existing=True)
    )
    if link is None or opened is None:
        return None
    return link if is_named(link.minted_at, signing_key_of(link), opened) else None


def is_named(minted_at: datetime, signing_key: str, opened: Opened) -> bool:
    """Return whether a token names a link of that second and key, apart from its handle."""
    return minted_at == opened.minted_at and signing_key == opened.key_id


def meant_token(text: str, public_id: str) -> str | None:
    """Return the token of a video within a longer text, or None."""
    token = extended_token(text)
    link = find_link(token) if token is not None else None
    return token if link is not None and _is_called(link.video, public_id) else None


def open_link(
    token: str,
    opening: Opening,
    visitor: Visitor,
    *,
    statuses: Mapping[str, int],
    public_id: str | None = None,
    view: str | None = None,
    track: str | None = None,
    counts: bool = True,
) -> Link:
    """Return the link if its token gives access now; log the refusal otherwise.

    Args:
        statuses: what is answered to each refusal, for the log.
        public_id: what the address calls the video, where it does: its own id, or the one of the
            program that hosts it.
        view: the play this request says it belongs to, where a person's player asks.
        track: the number of the picture that is asked for, where a file has several.
        counts: whether this request begins a play; a HEAD does not.

    Raises:
        LinkRefused: with the contract's code.
    """
    link = find_link(token)
    if link is None or (public_id is not None and not _is_called(link.video, public_id)):
        raise LinkRefused(NOT_FOUND.code)
    refused = refusal(link, opening, utcnow())
    unready = unreadiness(link.video, track) if opening in _OF_READY_VIDEOS else None
    if refused is None and link.audience == Audience.PERSON:
        plays = opening in _VIEWED and counts and unready is None
        if plays:
            admitted = admit(link, opening, view, visitor)
        else:
            admitted = not is_used_up(link, opening, view, visitor)
        refused = None if admitted else USED_UP
    refused = refused or unready
    if refused is not None:
        if opening != Opening.STATE:  # polls every two seconds are not logged
            named = own_view(link, view, visitor)
            status = statuses[refused.code]
            log_access(link.id, opening, visitor, status, code=refused.code, view=named)
        opens_at = link.not_before if refused == NOT_YET_VALID else None
        raise LinkRefused(refused.code, link.audience, opens_at)
    return link


def _is_called(video: Video, name: str) -> bool:
    if video.public_id == name:
        return True
    hosted = select(Incident.id).where(Incident.video_id == video.id, Incident.hosted_id == name)
    return db.session.scalar(hosted) is not None


def is_alive(link_id: int, handle: str) -> bool:
    """Return whether a long response may continue, from the current row.

    Args:
        handle: the handle of its token; a rotated link has another one.
    """
    link = db.session.get(Link, link_id, populate_existing=True)
    release_connection()
    if link is None or link.handle != handle:
        return False
    return refusal(link, Opening.STREAM, utcnow()) is None


def log_access(
    link_id: int,
    opening: Opening,
    visitor: Visitor,
    status: int,
    *,
    code: str | None = None,
    view: str | None = None,
    span: tuple[int, int] | None = None,
    track: int | None = None,
) -> None:
    """Record one request with a link's token.

    Args:
        span: the first and the last byte sent, if any.
        track: the number of their track, unless it is the first.
    """
    row = access_values(link_id, opening, visitor, status, code=code, view=view, span=span)
    try:
        with transaction() as session:
            session.add(Access(**row, track=track))
    except StorageFull:
        # Evidence is shown even on a full disk; the log says that this access was not recorded.
        log.exception("an access to link %s could not be recorded", link_id)


def access_values(
    link_id: int,
    opening: Opening,
    visitor: Visitor,
    status: int,
    *,
    code: str | None = None,
    view: str | None = None,
    span: tuple[int, int] | None = None,
) -> dict[str, Any]:
    """Return the values of a row about one request, made now; see `log_access`."""
    first_byte, last_byte = span or (None, None)
    return {
        "link_id": link_id,
        "at": utcnow(),
        "what": opening.value,
        "status": status,
        "code": code,
        "view": view,
        "first_byte": first_byte,
        "last_byte": last_byte,
        "address": visitor.address[:64],
        "user_agent": visitor.user_agent[:300],
    }


def store_accesses(rows: Sequence[Mapping[str, Any]]) -> None:
    """Store rows of `access_values` in one transaction."""
    try:
        with transaction() as session:
            session.execute(insert(Access), rows)
    except StorageFull:
        log.exception("%s accesses could not be recorded", len(rows))
    except NotFound:
        _store_what_is_left(rows)


def _store_what_is_left(rows: Sequence[Mapping[str, Any]]) -> None:
    """Store rows of which some links were deleted meanwhile, as a deletion leaves them."""
    with transaction() as session:
        wanted = {row["link_id"] for row in rows}
        there = set(session.scalars(select(Link.id).where(Link.id.in_(wanted)).with_for_update()))
        kept = [row if row["link_id"] in there else {**row, "link_id": None} for row in rows]
        session.execute(insert(Access), kept)


def accesses_of_link(link_id: int, limit: int = 200) -> list[Access]:
    """Return the newest requests with a link's token."""
    return list(
        db.session.scalars(
            select(Access).where(Access.link_id == link_id).order_by(Access.id.desc()).limit(limit)
        )
    )


def page_of_accesses(link_id: int, cursor: Cursor, size: int) -> Page[Access]:
    """Return a page of the requests with a link's token, newest first."""
    return read_page(select(Access).where(Access.link_id == link_id), Access.id, cursor, size)


def last_access(link_id: int) -> int | None:
    """Return the id of the newest request with a link's token."""
    return db.session.scalar(
        select(Access.id)
        .where(Access.link_id == link_id)
        .order_by(Access.at.desc(), Access.id.desc())
        .limit(1)
    )
