"""Host videos for programs: each key has its own ids, and one link of its own per video."""

import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, or_, select, update

from vigint_web.clock import utcnow
from vigint_web.errors import (
    HashMismatch,
    Invalid,
    Mistake,
    MistakeCode,
    NotFound,
    RevokedForGood,
    VideoDeleted,
    VideoIdTaken,
)
from vigint_web.extensions import db
from vigint_web.models import ApiKey, Audience, Incident, Link, Video
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import as_key
from vigint_web.services.core.transactions import change, read_again, transaction
from vigint_web.services.incidents.incidents import Footage, answered_link, record_incident
from vigint_web.services.incidents.payload import IncidentFacts
from vigint_web.services.links.access import find_link
from vigint_web.services.links.links import mint_link
from vigint_web.services.links.rules import (
    EXPIRED,
    NOT_YET_VALID,
    REVOKED,
    USED_UP,
    refusal_of_link,
)
from vigint_web.services.videos.lifecycle import detach_and_delete_video

VIDEO_ID = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_VIDEO_ID = re.compile(VIDEO_ID)
_REASONS = {
    REVOKED.code: "revoked",
    EXPIRED.code: "expired",
    NOT_YET_VALID.code: "not_yet_valid",
    USED_UP.code: "used_up",
}
# A century: larger values are refused before a date overflows.
MOST_HOURS = 876_000


@dataclass(frozen=True)
class Verdict:
    """Whether a token gives access to a video now, until when, and if not why."""

    valid: bool
    expires_at: datetime | None = None
    reason: str | None = None


def host_video(
    key: ApiKey,
    facts: IncidentFacts,
    footage: Footage,
    *,
    video_id: str | None,
    file_hash: str | None,
    fingerprint: str,
) -> tuple[Incident, Link]:
    """Store a program's video under an id; return its incident, and the key's link to it.

    The same id with the same bytes is the same video: its link while that is valid, else a new one.

    Args:
        footage: the caller removes its draft, whatever happens here.
        video_id: None: one is generated.
        file_hash: SHA-256 in hex from the program, if given.

    Raises:
        HashMismatch: the bytes received differ.
        VideoDeleted: the video of this id was deleted.
        VideoIdTaken: another video of this key has this id.
        StorageFull: nothing was kept.
    """
    sha256 = footage.digests[0]
    if file_hash is not None and not secrets.compare_digest(file_hash.lower(), sha256):
        raise HashMismatch
    wanted = video_id or f"vid_{secrets.token_hex(8)}"
    known = _find_hosted(key, wanted, sha256)
    if known is None:
        try:
            known = record_incident(
                as_key(key),
                key.site_id,
                facts,
                footage,
                body_sha256=fingerprint,
                hosted_id=wanted,
            )
        except VideoIdTaken:
            # A concurrent request was faster, usually a repetition by the same program.
            known = _find_hosted(key, wanted, sha256)
            if known is None:
                raise
    return known, _living_link(key, known)


def _find_hosted(key: ApiKey, video_id: str, sha256: str) -> Incident | None:
    # One statement: a second one could see what was committed after the first. Only what this key
    # may know: another key's id is not revealed.
    found = db.session.scalar(
        select(Incident)
        .where(*_named(key, video_id))
        .order_by(Incident.hosted_id.is_(None))
        .limit(1)
        .execution_options(populate_existing=True)
    )
    if found is None:
        return None
    if found.hosted_id is None:
        raise VideoIdTaken
    if found.video is None:
        raise VideoDeleted
    if found.video.original_sha256 != sha256:
        raise VideoIdTaken
    return found


def _living_link(key: ApiKey, incident: Incident) -> Link:
    """Return the key's link to a video, a new one if the old one is no longer valid."""
    link, video = answered_link(incident), incident.video
    if video is None:
        raise VideoDeleted
    if link is not None and refusal_of_link(link, utcnow()) is None:
        return link
    with transaction() as session:
        fresh = mint_link(as_key(key), video, Audience.PERSON, hours=incident.link_hours)
        read_again(session, incident)
        incident.link_id = fresh.id
    return fresh


def _named(key: ApiKey, video_id: str) -> tuple[ColumnElement[bool], ...]:
    """Return the condition of the incident whose video has this id for this key."""
    by_its_own = Incident.video.has(Video.public_id == video_id)
    return (
        Incident.api_key_id == key.id,
        or_(Incident.hosted_id == video_id, and_(Incident.hosted_id.is_(None), by_its_own)),
    )


def _own_video(key: ApiKey, video_id: str) -> tuple[Incident, Video]:
    """Return a video that this key created, hosted or with an incident; raises NotFound."""
    if not _VIDEO_ID.fullmatch(video_id):
        raise NotFound
    found = db.session.scalar(
        select(Incident)
        .join(Video, Incident.video_id == Video.id)
        .where(*_named(key, video_id))
        .execution_options(populate_existing=True)
    )
    if found is None or found.video is None:
        raise NotFound
    return found, found.video


def is_video_id(text: str) -> bool:
    """Return whether a text is a valid video id (contracts, section 5)."""
    return _VIDEO_ID.fullmatch(text) is not None


def verify_link(key: ApiKey, video_id: str, token: str) -> Verdict:
    """Return whether a token gives access to a video of this key; others are unknown."""
    link = find_link(token)
    video = None
    if is_video_id(video_id):
        with suppress(NotFound):
            _incident, video = _own_video(key, video_id)
    if link is None or video is None or link.video_id != video.id:
        return Verdict(valid=False, reason="unknown")
    refused = refusal_of_link(link, utcnow())
    if refused is None:
        return Verdict(valid=True, expires_at=link.expires_at)
    return Verdict(False, link.expires_at, _REASONS.get(refused.code, "unknown"))


def extend_link(key: ApiKey, video_id: str, hours: float, request_id: str | None = None) -> Link:
    """Let the key's own link to a video live longer, an expired one again.

    Args:
        hours: from its end, or from now where that is over; never past the footage's own date.
        request_id: a repetition of the last one changes nothing.

    Raises:
        NotFound: no such video of this key.
        RevokedForGood: the link is revoked.
        Invalid: not a useful number of hours.
    """
    if not 0 < hours <= MOST_HOURS:
        out_of_range = MistakeCode.HOURS_OUT_OF_RANGE
        raise Invalid([Mistake(out_of_range, "additional_hours", {"most": MOST_HOURS})])
    incident, video = _own_video(key, video_id)
    with transaction() as session:
        link = session.scalar(
            select(Link)
            .where(Link.id == incident.link_id)
            .with_for_update(of=Link)
            .execution_options(populate_existing=True)
        )
        if link is None or link.video_id != video.id:
            raise NotFound
        if link.revoked_at is not None:
            raise RevokedForGood
        if request_id is not None and link.last_request == request_id:
            return link
        before, now = link.expires_at or link.minted_at, utcnow()
        after = max(before, now) + timedelta(hours=hours)
        if video.purge_at is not None:
            after = min(after, video.purge_at)
        change(
            session,
            update(Link)
            .where(Link.id == link.id)
            .values(expires_at=after, last_request=request_id or link.last_request),
        )
        read_again(session, link)
        trail.record(
            as_key(key),
            "link:expiry_changed",
            f"link:{link.id}",
            site_id=link.site_id,
            before=before.isoformat(),
            after=after.isoformat(),
        )
    return link


def delete_hosted_video(key: ApiKey, video_id: str) -> None:
    """Delete a video that this key created, with all its links; raises NotFound."""
    incident, video = _own_video(key, video_id)
    with transaction():
        trail.record(
            as_key(key),
            "video:deleted",
            f"video:{video.public_id}",
            site_id=video.site_id,
            incident=incident.reference,
            sha256=video.original_sha256,
        )
        detach_and_delete_video(as_key(key), video)
