"""Record incidents and find them; accepted means stored."""

import hashlib
import json
import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from vigint_web.clock import utcnow
from vigint_web.errors import (
    Conflict,
    IdempotencyConflict,
    NotFound,
    StorageFull,
    VideoIdTaken,
)
from vigint_web.extensions import db
from vigint_web.logs import Event, about
from vigint_web.models import (
    ApiKey,
    Audience,
    Incident,
    Link,
    NamedFile,
    Notification,
    Scope,
    Video,
    VideoKind,
    VideoStatus,
)
from vigint_web.models.video_file import FRAMES, ORIGINAL, frames_type
from vigint_web.services.accounts.cameras import camera_of
from vigint_web.services.accounts.users import alerted_by_default
from vigint_web.services.alerting.routing import record_notifications, record_refused
from vigint_web.services.audit import trail
from vigint_web.services.core import job_queue
from vigint_web.services.core.actors import Actor, as_key
from vigint_web.services.core.count_changes import note_change
from vigint_web.services.core.runtime import config, storage
from vigint_web.services.core.sequences import next_number
from vigint_web.services.core.transactions import after_commit, transaction
from vigint_web.services.incidents.clip_boxes import add_boxes
from vigint_web.services.incidents.payload import IncidentFacts
from vigint_web.services.links.links import mint_link
from vigint_web.services.videos.lifecycle import delete_video_files, restart_failed
from vigint_web.services.videos.publication import Files, add_video
from vigint_web.services.videos.retention_dates import date_for_new
from vigint_web.storage import NoRoom

log = logging.getLogger(__name__)

_KEY_KEPT = timedelta(days=30)


@dataclass
class Footage:
    """An incident's footage, as a finished working file."""

    draft: Path
    kind: VideoKind
    size: int
    digests: list[str]
    manifest_sha256: str | None = None
    first_seconds: float | None = None
    zone_assumed: bool = False
    last_frame_count: int | None = None
    original_name: str = "incident.mp4"
    # The frames received with a clip: stored with it, not used for it.
    beside: "Footage | None" = None

    def discard(self) -> None:
        """Remove the working files, unless they were published."""
        self.draft.unlink(missing_ok=True)
        if self.beside is not None:
            self.beside.discard()


def fingerprint(document: Any, digests: list[str]) -> str:
    """Return the SHA-256 of a request's content, independent of its encoding."""
    # Resending a spooled alert adds kept_since; it is the same request.
    apart = {"frames", "kept_since"} if digests else {"kept_since"}  # digests stand for frames
    content = document
    if isinstance(document, dict):
        content = {key: value for key, value in document.items() if key not in apart}
    text = json.dumps([content, digests], sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def find_repeated(actor: Actor, idempotency_key: str | None, body_sha256: str) -> Incident | None:
    """Return the incident of an earlier identical request of a key.

    Raises:
        IdempotencyConflict: the key was used before with another body.
    """
    if idempotency_key is None or actor.api_key_id is None:
        return None
    found = db.session.scalar(
        select(Incident).where(
            Incident.api_key_id == actor.api_key_id, Incident.idempotency_key == idempotency_key
        )
    )
    if found is None:
        return None
    if utcnow() - found.created_at > _KEY_KEPT:
        with transaction():
            found.idempotency_key = None
        return None
    if found.body_sha256 != body_sha256:
        raise IdempotencyConflict
    return found


def record_incident(
    actor: Actor,
    site_id: int,
    facts: IncidentFacts,
    footage: Footage | None,
    *,
    body_sha256: str,
    idempotency_key: str | None = None,
    hosted_id: str | None = None,
) -> Incident:
    """Store an incident and everything needed to finish its work, then enqueue it.

    Args:
        footage: the caller removes its draft, whatever happens here.
        idempotency_key: for actors that are API keys.
        hosted_id: the program's own id of the video, if it is hosted.

    Raises:
        IdempotencyConflict: the key was used before with another body.
        VideoIdTaken: another video of that key has that id.
        StorageFull: nothing was kept.
    """
    repeated = find_repeated(actor, idempotency_key, body_sha256)
    if repeated is not None:
        return repeated
    public_id = f"vid_{secrets.token_hex(8)}"
    stored: list[str] = []
    try:
        for part in _parts(footage):
            name = "frames.zip" if part.kind == VideoKind.FRAMES else "received.bin"
            key = f"videos/{public_id}/{secrets.token_hex(4)}-{name}"
            _publish(part, key)
            stored.append(key)
        given = _Given(public_id, hosted_id, tuple(stored), body_sha256, idempotency_key)
        return _insert(actor, site_id, facts, footage, given)
    except IntegrityError:
        # The same request concurrently in another thread: return its result.
        _forget(stored)
        repeated = find_repeated(actor, idempotency_key, body_sha256)
        if repeated is None and hosted_id is not None:
            raise VideoIdTaken from None
        if repeated is None:
            raise
        return repeated
    except StorageFull:
        _forget(stored)
        raise
    # After any other error the row may be committed; if it is not, the sweep removes the file.


def _parts(footage: Footage | None) -> list[Footage]:
    """Return the stored parts of an incident's footage, the clip's source first."""
    if footage is None:
        return []
    beside = footage.beside if config().keep_frames else None
    return [footage] if beside is None else [footage, beside]


def _files(footage: Footage, stored: Sequence[str]) -> Files:
    """Return how an incident's footage is named, which is stored under these keys."""
    files = {}
    for part, key in zip(_parts(footage), stored, strict=True):
        if part.kind == VideoKind.FRAMES:
            files[FRAMES] = NamedFile(key, part.size, content_type=frames_type(key))
        else:
            files[ORIGINAL] = NamedFile(key, part.size, part.digests[0])
    return files


def _publish(part: Footage, key: str) -> None:
    try:
        storage().publish(part.draft, key)
    except NoRoom:
        raise StorageFull from None


def _forget(stored: Sequence[str]) -> None:
    if stored:
        delete_video_files(stored)


@dataclass(frozen=True)
class _Given:
    """The keys of an incident's footage and request."""

    public_id: str
    hosted_id: str | None
    stored: tuple[str, ...]
    body_sha256: str
    idempotency_key: str | None


def _insert(
    actor: Actor, site_id: int, facts: IncidentFacts, footage: Footage | None, given: _Given
) -> Incident:
    now = utcnow()
    images = _images(footage)
    seen_at, assumed = _seen_at(facts, images, now)
    with transaction() as session:
        camera = camera_of(site_id, facts.camera) if facts.camera else None
        video = None
        if footage is not None:
            video = Video(
                public_id=given.public_id,
                site_id=site_id,
                kind=footage.kind,
                status=VideoStatus.PROCESSING,
                original_name=footage.original_name,
                created_at=now,
                purge_at=date_for_new(footage.kind, now, camera.id if camera else None),
                sound_to_remove=footage.kind == VideoKind.CLIP
                and camera is not None
                and not camera.keeps_sound,
            )
            add_video(session, video, _files(footage, given.stored))
        incident = Incident(
            reference=f"INC-{now.year}-{next_number(f'incident-{now.year}'):06d}",
            site_id=site_id,
            camera_id=camera.id if camera is not None else None,
            api_key_id=actor.api_key_id,
            video_id=video.id if video else None,
            hosted_id=given.hosted_id,
            idempotency_key=given.idempotency_key,
            body_sha256=given.body_sha256,
            created_at=now,
            message=facts.message,
            incident_type=facts.incident_type,
            risk_level=facts.risk_level,
            confidence=facts.confidence,
            frame_count=_frame_count(facts, images),
            analysis=facts.analysis,
            detected_at=seen_at,
            zone_assumed=assumed,
            site_name=facts.site,
            model=facts.model,
            model_version=facts.model_version,
            boxes=facts.boxes,
            extra=facts.extra,
            link_hours=facts.expiration_hours or config().link_hours,
            is_test=facts.is_test,
            frames_received=len(images.digests) if images else 0,
            manifest_sha256=images.manifest_sha256 if images else None,
            warnings=facts.warnings,
        )
        session.add(incident)
        session.flush()
        add_boxes(session, incident, facts.found_boxes)
        note_change(session, incident.id)
        if video is not None and actor.api_key_id is not None:
            # The link in the answer to the detector; each recipient gets another one when the video
            # is ready.
            link = mint_link(actor, video, Audience.PERSON, hours=incident.link_hours)
            incident.link_id = link.id
        if not facts.silent:
            record_notifications(incident, _recipients(facts), video)
            record_refused(incident, facts.refused, video)
        trail.record(
            actor,
            "incident:received",
            f"incident:{incident.reference}",
            site_id=site_id,
            video=given.public_id if video else None,
            frames=incident.frames_received,
            manifest_sha256=incident.manifest_sha256,
        )
        if video is not None:
            kind, video_id, attempt = video.kind, video.id, video.attempt
            after_commit(lambda: job_queue.enqueue_video(kind, video_id, attempt))
        received = about(Event.INCIDENT_RECEIVED, incident=incident.reference)
        after_commit(lambda: log.info("incident received", extra=received))
    return incident


def _images(footage: Footage | None) -> Footage | None:
    """Return the frames among an incident's footage."""
    if footage is None or footage.kind == VideoKind.FRAMES:
        return footage
    return footage.beside


def _seen_at(facts: IncidentFacts, images: Footage | None, now: datetime) -> tuple[datetime, bool]:
    if facts.detected_at is not None:
        moment = datetime.fromtimestamp(facts.detected_at.seconds, UTC)
        return moment, facts.detected_at.zone_assumed
    if images is not None and images.first_seconds is not None:
        return datetime.fromtimestamp(images.first_seconds, UTC), images.zone_assumed
    return now, False


def _frame_count(facts: IncidentFacts, images: Footage | None) -> int | None:
    if facts.frame_count is not None or images is None:
        return facts.frame_count
    return images.last_frame_count


def _recipients(facts: IncidentFacts) -> list[str]:
    if facts.recipients is not None:
        return list(facts.recipients)
    # Without any configured recipient the administrators are notified: an alert is never lost.
    return alerted_by_default(config().email)


def notifications_of(incident_id: int) -> list[Notification]:
    """Return the current alerts of an incident."""
    return list(
        db.session.scalars(
            select(Notification)
            .where(Notification.incident_id == incident_id)
            .order_by(Notification.id)
            .execution_options(populate_existing=True)
        )
    )


def answered_link(incident: Incident) -> Link | None:
    """Return the link in the answer to the detector."""
    return db.session.get(Link, incident.link_id) if incident.link_id else None


def get_incident(actor: Actor, reference: str) -> Incident:
    """Return the current incident of the actor's sites; raises NotFound."""
    incident = db.session.scalar(
        select(Incident)
        .where(Incident.reference == reference)
        .execution_options(populate_existing=True)
    )
    if incident is None or not actor.sees(incident.site_id):
        raise NotFound
    return incident


def get_own_incident(key: ApiKey, reference: str) -> Incident:
    """Return an incident that this key posted, or of its site if it may read; raises NotFound."""
    incident = get_incident(as_key(key), reference)
    if incident.api_key_id != key.id and not key.allows(Scope.READ):
        raise NotFound
    return incident


def find_incident_of(video_id: int) -> Incident | None:
    """Return the incident that a video belongs to."""
    return db.session.scalar(select(Incident).where(Incident.video_id == video_id))


def retry_incident_video(actor: Actor, reference: str) -> Incident:
    """Encode a failed incident's video again; recipients notified by text get a mail with the link.

    Raises:
        Conflict: there is no failed video.
    """
    incident = get_incident(actor, reference)
    if incident.video is None:
        raise Conflict
    video_id, kind = incident.video.id, incident.video.kind
    with transaction():
        attempt = restart_failed(video_id)
        trail.record(actor, "incident:retried", f"incident:{reference}", site_id=incident.site_id)
        after_commit(lambda: job_queue.enqueue_video(kind, video_id, attempt))
    return get_incident(actor, reference)
