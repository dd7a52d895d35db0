"""Decide about the later ranges of a play, by one prepared read.

The functions that decide are those of `access.open_link`; only what they need is read. Whatever
they do not simply allow (a refusal, a play to begin or to record, another track, a file that only a
row names) is left to that function: it decides again, and records.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, and_, bindparam, select

from vigint_web.clock import utcnow
from vigint_web.crypto.tokens import BadToken
from vigint_web.models import Audience, FileKind, Link, Playback, Video
from vigint_web.models.video_file import columns_naming
from vigint_web.services.core.actors import Visitor
from vigint_web.services.core.prepared_reads import PreparedRead
from vigint_web.services.core.runtime import Runtime
from vigint_web.services.links import play_names
from vigint_web.services.links.access import is_named
from vigint_web.services.links.play_rules import is_continued, is_strange
from vigint_web.services.links.rules import Opening, refusal
from vigint_web.services.videos.readiness import unreadiness
from vigint_web.services.videos.stored_files import StoredBytes


@dataclass(frozen=True, slots=True)
class _Found:
    """The columns of a link, its video and the named play, in the order of the statement."""

    id: int
    handle: str
    minted_at: datetime
    signing_key: str | None
    audience: str
    not_before: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None
    full_access: bool
    status: str
    tracks: Sequence[Mapping[str, Any]] | None
    duration: float | None
    created_at: datetime
    completed_at: datetime | None
    key: str | None
    size: int | None
    sha256: str | None
    content_type: str | None
    started_at: datetime | None
    last_at: datetime | None
    visitor: str | None


_READ = PreparedRead(
    select(
        Link.id,
        Link.handle,
        Link.minted_at,
        Link.signing_key,
        Link.audience,
        Link.not_before,
        Link.expires_at,
        Link.revoked_at,
        Link.full_access,
        Video.status,
        Video.tracks,
        Video.duration,
        Video.created_at,
        Video.processing_completed_at,
        *columns_naming(Video, FileKind.PLAYABLE),
        Playback.started_at,
        Playback.last_at,
        Playback.visitor,
    )
    .join(Video, Video.id == Link.video_id)
    .outerjoin(Playback, and_(Playback.link_id == Link.id, Playback.view == bindparam("play")))
    .where(Link.handle == bindparam("handle")),
    _Found,
)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token gives access to now."""

    id: int
    handle: str
    audience: str
    stored: StoredBytes


def find_grant(
    runtime: Runtime, engine: Engine, token: str, view: str | None, visitor: Visitor
) -> Grant | None:
    """Return what a later range may be answered with; None if `open_link` is to decide.

    Args:
        view: the play this request says it belongs to.

    Raises:
        DBAPIError: the database does not answer.
    """
    try:
        opened = runtime.tokens.read(token)
    except BadToken:
        return None
    keys = runtime.config.key_ring
    if view is not None and not play_names.is_bound(keys, opened.handle, visitor, view):
        return None
    play = view or play_names.anonymous_name(visitor)
    found = _READ.one(engine, {"handle": opened.handle, "play": play})
    if found is None:
        return None
    signing_key = found.signing_key or runtime.tokens.key_ids[-1]
    now = utcnow()
    if not is_named(found.minted_at, signing_key, opened):
        return None
    if refusal(found, Opening.STREAM, now) is not None or unreadiness(found) is not None:
        return None
    if found.audience == Audience.PERSON:
        if not _continues(found, visitor, now, named=view is not None):
            return None
    elif view is not None:
        return None
    stored = _stored(found)
    return None if stored is None else Grant(found.id, found.handle, found.audience, stored)


def _continues(found: _Found, visitor: Visitor, now: datetime, *, named: bool) -> bool:
    if found.started_at is None or found.last_at is None:
        return False
    if named and is_strange(found.visitor, visitor.mark):
        return False
    return is_continued(found.started_at, found.last_at, now, found.duration)


def _stored(found: _Found) -> StoredBytes | None:
    if not (found.key and found.sha256 and found.content_type):
        return None
    return StoredBytes(
        key=found.key,
        size=found.size or 0,
        sha256=found.sha256,
        content_type=found.content_type,
        stored_at=found.completed_at or found.created_at,
    )
