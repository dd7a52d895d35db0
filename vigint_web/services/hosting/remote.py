"""Host an incident's clip on another server; its link is mailed, or else the local one."""

import logging
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import Session

from vigint_client.config import ServerSettings
from vigint_client.retries import ONCE
from vigint_client.video_links import VideoLinkService
from vigint_web.clock import utcnow
from vigint_web.crypto.encryption import Seal, SealBroken
from vigint_web.extensions import db
from vigint_web.models import Hosting, HostingState, Incident, RiskLevel, Video
from vigint_web.models.video_file import PLAYABLE
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import SYSTEM
from vigint_web.services.core.claimed_work import (
    GivenUp,
    Outcome,
    Postponed,
    Settled,
    Work,
    run_claimed,
)
from vigint_web.services.core.lapsing import has_lapsed, lapsed
from vigint_web.services.core.leases import Lease, find_due
from vigint_web.services.core.runtime import config, storage
from vigint_web.services.core.transactions import (
    change,
    release_connection,
    transaction,
)
from vigint_web.services.incidents.alert_release import release
from vigint_web.services.incidents.other_host import ROUND, name_of_host
from vigint_web.storage import StorageError
from vigint_web.system.processes import Shield

log = logging.getLogger(__name__)

# An interrupted upload may still be stored there for a while; after this time a missing copy will
# not appear any more.
_MAY_STILL_COME = timedelta(minutes=10)
_REMOVED_WITHIN = timedelta(days=30)
_LONGEST_REMOVAL_PAUSE = timedelta(hours=1)
_FIRST_PAUSE = timedelta(seconds=5)
# The maximum of the setting.
_LONGEST_WAIT = timedelta(seconds=600)
_LONGEST_PAUSE = timedelta(seconds=40)
# Final answers of a host; all others may succeed later.
_FINAL = range(400, 500)
_NOT_FINAL = {408, 423, 425, 429}


def release_overdue() -> int:
    """Release overdue mails with local links; return the number of hostings.

    A worker's upload may still be running, while the other server is silent.
    """
    late = or_(Hosting.give_up_at <= utcnow() + ROUND, lapsed(Hosting.give_up_at, _LONGEST_WAIT))
    overdue = db.session.scalars(
        select(Hosting).where(
            Hosting.state == HostingState.PENDING, Hosting.on_hold.is_(False), late
        )
    ).all()
    for hosting in overdue:
        with transaction() as session:
            sentence = hosting.error or "host_silent"
            given_up = _given_up(hosting, sentence, delete_copy=True)
            waits = (Hosting.id == hosting.id) & (Hosting.state == HostingState.PENDING)
            if change(session, update(Hosting).where(waits).values(**given_up.values())):
                given_up.within(session)
                log.warning("hosting %s: no answer in time, local links are used", hosting.id)
    return len(overdue)


def _given_up(hosting: Hosting, sentence: str, *, delete_copy: bool) -> GivenUp:
    """Fail a hosting, and release the mails.

    Args:
        delete_copy: a copy may exist there, now or soon, and must be deleted, because nothing
        references it.
    """
    now, incident = utcnow(), hosting.incident

    def within(_session: Session) -> None:
        release(incident)
        trail.record(
            SYSTEM,
            "video:not_hosted_elsewhere",
            f"incident:{incident.reference}",
            site_id=incident.site_id,
            host=hosting.host,
        )

    def afterwards() -> None:
        log.error("hosting %s failed, local links are used: %s", hosting.id, sentence)

    columns = {
        "state": HostingState.FAILED,
        "settled_at": now,
        "next_attempt_at": now if delete_copy and hosting.attempt else None,
    }
    return GivenUp(sentence, columns=columns, within=within, afterwards=afterwards)


def host_elsewhere(hosting_id: int) -> None:
    """Upload one clip, or delete one that came too late; not if another worker does already."""
    due = lapsed(Hosting.next_attempt_at, _LONGEST_REMOVAL_PAUSE) & Hosting.on_hold.is_(False)
    state = db.session.scalar(select(Hosting.state).where(Hosting.id == hosting_id))
    if state == HostingState.FAILED:
        removal_due = due & Hosting.next_attempt_at.is_not(None)
        run_claimed(Hosting, hosting_id, HostingState.FAILED, removal_due, _Removal())
    else:
        run_claimed(Hosting, hosting_id, HostingState.PENDING, due, _Uploading())


class _Uploading(Work[Hosting]):
    """One attempt at giving a clip to the other host."""

    def attempt(self, row: Hosting, lease: Lease, shield: Shield) -> Outcome:  # noqa: ARG002 - an upload may be repeated
        """Upload the clip; what the host answers decides."""
        try:
            outcome = _upload(row)
        except (FileNotFoundError, StorageError) as error:
            outcome = {"success": False, "error": f"clip_unreadable:{error}"}
        return _answered(lease, row, outcome)

    def lost(self, lease: Lease) -> None:
        """Let the copy be deleted whose upload ended when the local link had gone out."""
        with transaction() as session:
            late = Hosting.state == HostingState.FAILED
            lease.end(session, late, next_attempt_at=utcnow())


class _Removal(Work[Hosting]):
    """One attempt at deleting a copy at the other host that no mail names."""

    def attempt(self, row: Hosting, lease: Lease, shield: Shield) -> Outcome:  # noqa: ARG002 - and so may this
        """Delete the copy, or look whether it is there."""
        settings, video_id, now = config(), row.remote_id, utcnow()
        server = ServerSettings(settings.sparse_url or "", settings.sparse_key or "")
        settled = row.settled_at or row.created_at
        host = row.host
        release_connection()
        if video_id is None or host != name_of_host(server.url) or now - settled > _REMOVED_WITHIN:
            log.error("hosting %s: a copy that %s may hold cannot be deleted", lease.row_id, host)
            return Settled()
        service = VideoLinkService(load_server=lambda: server, policy=ONCE)
        outcome = service.delete_video(video_id)
        absent = outcome.get("status_code") == HTTPStatus.NOT_FOUND
        if outcome.get("success") or (absent and now - settled > _MAY_STILL_COME):
            log.info("hosting %s: no copy is left at %s", lease.row_id, host)
            return Settled()
        pause = min(_LONGEST_REMOVAL_PAUSE, _FIRST_PAUSE * 2 ** min(lease.attempt, 10))
        return Postponed(now + pause)


def _upload(hosting: Hosting) -> dict[str, Any]:
    settings, incident = config(), hosting.incident
    video = incident.video
    plays = video.file(*PLAYABLE) if video is not None else None
    if video is None or plays is None:
        return {"success": False, "status_code": 404, "error": "video_deleted"}
    server = ServerSettings(settings.sparse_url or "", settings.sparse_key or "")
    service = VideoLinkService(load_server=lambda: server, upload_policy=ONCE)  # the row retries
    metadata = _metadata(incident, video)
    release_connection()
    with storage().local_copy(plays.key) as clip:
        return dict(service.upload_video(clip, metadata, incident.link_hours))


def _metadata(incident: Incident, video: Video) -> dict[str, Any]:
    metadata = {
        "video_id": video.public_id,
        # An older host refuses longer texts, and unsupported levels.
        "message": incident.message[:10_000],
        "incident_type": incident.incident_type,
        "risk_level": "" if incident.risk_level == RiskLevel.UNKNOWN else str(incident.risk_level),
        "confidence": incident.confidence,
        "frame_count": incident.frame_count,
        "analysis": incident.analysis[:20_000],
        "site": incident.site_name or incident.site.name,
        "camera": incident.camera.name if incident.camera else None,
        "detected_at": incident.detected_at.isoformat(),
        "test": True if incident.is_test else None,
    }
    return {name: value for name, value in metadata.items() if value not in (None, "")}


def _answered(lease: Lease, hosting: Hosting, outcome: dict[str, Any]) -> Outcome:
    link = outcome.get("private_link")
    if outcome.get("success") and isinstance(link, str) and link:
        return _hosted(hosting, outcome, link)
    sentence = str(outcome.get("error") or "no_link")[:500]
    status = outcome.get("status_code")
    final = status in _FINAL and status not in _NOT_FINAL
    if final or has_lapsed(hosting.give_up_at, _LONGEST_WAIT):
        return _given_up(hosting, sentence, delete_copy=not final)
    pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(lease.attempt - 1, 5))
    return Postponed(
        utcnow() + pause,
        columns={"error": sentence},
        afterwards=lambda: log.warning("hosting %s not done yet: %s", hosting.id, sentence),
    )


def _hosted(hosting: Hosting, outcome: dict[str, Any], link: str) -> Outcome:
    def within(_session: Session) -> None:
        release(hosting.incident)
        trail.record(
            SYSTEM,
            "video:hosted_elsewhere",
            f"incident:{hosting.incident.reference}",
            site_id=hosting.incident.site_id,
            host=hosting.host,
            sha256=outcome.get("file_hash"),
        )

    columns = {
        "state": HostingState.HOSTED,
        "settled_at": utcnow(),
        "error": None,
        "remote_id": str(outcome.get("video_id") or hosting.remote_id or "")[:64] or None,
        "sealed_link": _seal().close(link),
        "expires_at": _moment(outcome.get("expiration_time")),
    }
    return Settled(
        columns=columns,
        within=within,
        afterwards=lambda: log.info("hosting %s done", hosting.id),
    )


def due_hostings() -> list[tuple[int, int]]:
    """Return id and attempt of unfinished uploads without a lease."""
    return find_due(Hosting, _waits(), _LONGEST_REMOVAL_PAUSE)


def _waits() -> ColumnElement[bool]:
    """Return the condition for pending work at the other host."""
    removal = (Hosting.state == HostingState.FAILED) & Hosting.next_attempt_at.is_not(None)
    return or_(Hosting.state == HostingState.PENDING, removal)


def find_hosting(incident_id: int) -> Hosting | None:
    """Return the state of an incident's clip at the other host."""
    return db.session.scalar(
        select(Hosting)
        .where(Hosting.incident_id == incident_id)
        .execution_options(populate_existing=True)
    )


def hosted_link(hosting: Hosting) -> str | None:
    """Return the other host's link while it is valid, None when it must not be used any more."""
    over = hosting.expires_at is not None and hosting.expires_at <= utcnow()
    if hosting.state != HostingState.HOSTED or hosting.sealed_link is None or over:
        return None
    try:
        return _seal().open(hosting.sealed_link)
    except SealBroken:
        return None


def foreign_token(address: str) -> str:
    """Return the secret part of another host's link: its token, else all of it."""
    return parse_qs(urlsplit(address).query).get("token", [address])[0]


def _seal() -> Seal:
    return Seal("vigint.hosted-link.v1", *config().key_ring)


def _moment(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
