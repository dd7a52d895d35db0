"""Have another server host an incident's clip; its link is mailed, or else ours."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from vigint_client.config import ServerSettings
from vigint_client.retries import ONCE
from vigint_client.video_links import VideoLinkService
from vigint_web.clock import utcnow
from vigint_web.errors import LeaseLost
from vigint_web.extensions import db
from vigint_web.models import Hosting, HostingState, Incident, Video
from vigint_web.sealing import Seal, SealBroken
from vigint_web.services import audit, queueing
from vigint_web.services.actors import SYSTEM
from vigint_web.services.claims import Lease, claim, find_due, let_go
from vigint_web.services.releasing import (
    release_with_hosted_link,
    release_with_links,
    waiting_alerts,
)
from vigint_web.services.runtime import config, storage
from vigint_web.services.transactions import after_commit, release_connection, transaction
from vigint_web.storage import StorageError

log = logging.getLogger(__name__)

# An alert that waits for another host is late: after this long the local link goes out.
GIVEN_UP_AFTER = timedelta(minutes=3)
_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(seconds=40)
# What a host says that no repetition changes; everything else may be better later.
_FINAL = range(400, 500)
_NOT_FINAL = {408, 423, 425, 429}


def release_when_hosted(incident: Incident, video: Video) -> None:
    """Let an incident's mails go with links, by way of the other host where there is one.

    Inside the caller's transaction.
    """
    settings = config()
    # What was given to us to host is never passed on: two servers could play ball with it.
    if not settings.hosts_elsewhere or incident.hosted_id or not waiting_alerts(incident):
        release_with_links(incident, video)
        return
    with transaction() as session:
        hosting = Hosting(
            incident_id=incident.id,
            host=_host(settings.sparse_url or ""),
            state=HostingState.PENDING,
            next_attempt_at=utcnow(),
            give_up_at=utcnow() + GIVEN_UP_AFTER,
        )
        session.add(hosting)
        session.flush()
        hosting_id = hosting.id
        after_commit(lambda: queueing.enqueue_hosting(hosting_id, 0))


def _host(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"[:300]


def host_elsewhere(hosting_id: int) -> None:
    """Upload one clip that waits for it; do nothing if somebody else does already."""
    lease = claim(Hosting, hosting_id, Hosting.state == HostingState.PENDING)
    if lease is None:
        log.info("hosting %s is settled or in other hands", hosting_id)
        return
    hosting = db.session.get_one(Hosting, hosting_id, populate_existing=True)
    with lease.kept():
        try:
            outcome = _upload(hosting)
        except (FileNotFoundError, StorageError) as error:
            outcome = {"success": False, "error": f"the clip cannot be read: {error}"}
        try:
            _settle(lease, hosting, outcome)
        except LeaseLost:
            log.warning("hosting %s: attempt %s lost its lease", hosting_id, lease.attempt)


def _upload(hosting: Hosting) -> dict[str, Any]:
    settings, incident = config(), hosting.incident
    video = incident.video
    if video is None or video.playable_key is None:
        return {"success": False, "status_code": 404, "error": "the video was deleted"}
    server = ServerSettings(settings.sparse_url or "", settings.sparse_key or "")
    service = VideoLinkService(load_server=lambda: server, upload_policy=ONCE)  # the row counts
    said = _said(incident, video)
    release_connection()
    with storage().local_copy(video.playable_key) as clip:
        return dict(service.upload_video(clip, said, incident.link_hours))


def _said(incident: Incident, video: Video) -> dict[str, Any]:
    said = {
        "video_id": video.public_id,
        "message": incident.message,
        "incident_type": incident.incident_type,
        "risk_level": str(incident.risk_level),
        "confidence": incident.confidence,
        "frame_count": incident.frame_count,
        "analysis": incident.analysis,
        "site": incident.site_name or incident.site.name,
        "camera": incident.camera.name if incident.camera else None,
        "detected_at": incident.detected_at.isoformat(),
    }
    return {name: value for name, value in said.items() if value not in (None, "")}


def _settle(lease: Lease, hosting: Hosting, outcome: dict[str, Any]) -> None:
    link = outcome.get("private_link")
    if outcome.get("success") and isinstance(link, str) and link:
        _settle_hosted(lease, hosting, outcome, link)
        return
    sentence = str(outcome.get("error") or "the host answered without a link")[:500]
    status = outcome.get("status_code")
    final = status in _FINAL and status not in _NOT_FINAL
    if final or utcnow() >= hosting.give_up_at:
        _settle_failed(lease, hosting, sentence)
        return
    pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(lease.attempt - 1, 5))
    with transaction() as session:
        _let_go(session, lease, error=sentence, next_attempt_at=utcnow() + pause)
    log.warning("hosting %s not done yet: %s", hosting.id, sentence)


def _settle_hosted(lease: Lease, hosting: Hosting, outcome: dict[str, Any], link: str) -> None:
    with transaction() as session:
        done = _let_go(
            session,
            lease,
            state=HostingState.HOSTED,
            settled_at=utcnow(),
            next_attempt_at=None,
            error=None,
            remote_id=str(outcome.get("video_id") or "")[:64] or None,
            sealed_link=_seal().close(link),
            expires_at=_moment(outcome.get("expiration_time")),
        )
        lease.require(done)
        release_with_hosted_link(hosting.incident)
        audit.record(
            SYSTEM,
            "video:hosted_elsewhere",
            f"incident:{hosting.incident.reference}",
            site_id=hosting.incident.site_id,
            host=hosting.host,
            sha256=outcome.get("file_hash"),
        )
    log.info("hosting %s done", hosting.id)


def _settle_failed(lease: Lease, hosting: Hosting, sentence: str) -> None:
    incident = hosting.incident
    with transaction() as session:
        done = _let_go(
            session,
            lease,
            state=HostingState.FAILED,
            settled_at=utcnow(),
            next_attempt_at=None,
            error=sentence,
        )
        lease.require(done)
        if incident.video is not None:
            release_with_links(incident, incident.video)
        audit.record(
            SYSTEM,
            "video:not_hosted_elsewhere",
            f"incident:{incident.reference}",
            site_id=incident.site_id,
            host=hosting.host,
        )
    log.error("hosting %s given up, the local links go out: %s", hosting.id, sentence)


def _let_go(session: Session, lease: Lease, **values: Any) -> int:
    return let_go(session, lease, Hosting.state == HostingState.PENDING, **values)


def due_hostings() -> list[tuple[int, int]]:
    """Return id and attempt of the uploads that should be under way and are in nobody's hands."""
    return find_due(Hosting, Hosting.state == HostingState.PENDING)


def find_hosting(incident_id: int) -> Hosting | None:
    """Return how another host has, or has not, taken an incident's clip."""
    return db.session.scalar(
        select(Hosting)
        .where(Hosting.incident_id == incident_id)
        .execution_options(populate_existing=True)
    )


def hosted_link(hosting: Hosting) -> str | None:
    """Return the other host's link while it lives, None when it cannot be given any more."""
    over = hosting.expires_at is not None and hosting.expires_at <= utcnow()
    if hosting.state != HostingState.HOSTED or hosting.sealed_link is None or over:
        return None
    try:
        return _seal().open(hosting.sealed_link)
    except SealBroken:
        return None


def foreign_token(address: str) -> str:
    """Return what is secret in another host's link: its token, else all of it."""
    return parse_qs(urlsplit(address).query).get("token", [address])[0]


def _seal() -> Seal:
    here = config()
    return Seal("vigint.hosted-link.v1", here.secret_key, *here.old_secret_keys)


def _moment(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
