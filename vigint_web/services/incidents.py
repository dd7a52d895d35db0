"""Record incidents and find them; accepted means stored."""

import hashlib
import json
import secrets
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
from vigint_web.models import (
    Alert,
    ApiKey,
    Audience,
    Incident,
    Link,
    Scope,
    Video,
    VideoKind,
    VideoStatus,
)
from vigint_web.services import audit, queueing
from vigint_web.services.actors import Actor, as_key
from vigint_web.services.alerting import owe_alerts
from vigint_web.services.incident_intake import IncidentFacts
from vigint_web.services.links import mint_link
from vigint_web.services.numbering import next_number
from vigint_web.services.runtime import config, storage
from vigint_web.services.sites import camera_of
from vigint_web.services.transactions import after_commit, transaction
from vigint_web.services.users import admin_addresses
from vigint_web.services.videos import delete_video_files, restart_failed
from vigint_web.storage import NoRoom

_KEY_KEPT = timedelta(days=30)


@dataclass
class Footage:
    """What came with an incident, as a finished working file."""

    draft: Path
    kind: VideoKind
    size: int
    digests: list[str]
    manifest_sha256: str | None = None
    first_seconds: float | None = None
    zone_assumed: bool = False
    last_frame_count: int | None = None
    original_name: str = "incident.mp4"


def fingerprint(document: dict[str, Any], digests: list[str]) -> str:
    """Return the SHA-256 of what a request says, however it was encoded on the way."""
    said = {key: value for key, value in document.items() if key != "frames"}
    text = json.dumps([said, digests], sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def find_repeated(actor: Actor, idempotency_key: str | None, body_sha256: str) -> Incident | None:
    """Return the incident that this very request of a key made before.

    Raises:
        IdempotencyConflict: the key came before with another body.
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
        raise IdempotencyConflict("This Idempotency-Key was used with another body.")
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
    """Store an incident and everything needed to finish its work, then hand it to the workers.

    Args:
        footage: its draft is the caller's to remove, whatever happens here.
        idempotency_key: for actors that are API keys.
        hosted_id: the video's id, where whoever sends it gives one.

    Raises:
        IdempotencyConflict: the key came before with another body.
        VideoIdTaken: another video has that id.
        StorageFull: nothing was kept.
    """
    repeated = find_repeated(actor, idempotency_key, body_sha256)
    if repeated is not None:
        return repeated
    public_id = hosted_id or f"vid_{secrets.token_hex(8)}"
    stored: str | None = None
    if footage is not None:
        # An id may be chosen by two at once: neither may write over what the other stored.
        name = "frames.zip" if footage.kind == VideoKind.FRAMES else "received.bin"
        stored = f"videos/{public_id}/{secrets.token_hex(4)}-{name}"
        try:
            storage().publish(footage.draft, stored)
        except NoRoom:
            raise StorageFull from None
    try:
        given = _Given(public_id, hosted_id, stored, body_sha256, idempotency_key)
        return _insert(actor, site_id, facts, footage, given)
    except IntegrityError:
        # The same request, at the same moment, on another thread: that one's answer is ours too.
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
    # After any other error the row may be committed; if it is not, the sweep takes the file.


def _forget(stored: str | None) -> None:
    if stored is not None:
        delete_video_files([stored])


@dataclass(frozen=True)
class _Given:
    """Under which names an incident's footage and request are kept."""

    public_id: str
    hosted_id: str | None
    stored: str | None
    body_sha256: str
    idempotency_key: str | None


def _insert(
    actor: Actor, site_id: int, facts: IncidentFacts, footage: Footage | None, given: _Given
) -> Incident:
    now = utcnow()
    seen_at, assumed = _seen_at(facts, footage, now)
    with transaction() as session:
        video = None
        if footage is not None:
            video = Video(
                public_id=given.public_id,
                site_id=site_id,
                kind=footage.kind,
                status=VideoStatus.PROCESSING,
                original_name=footage.original_name,
                purge_at=now + timedelta(days=config().retention_days),
            )
            if footage.kind == VideoKind.FRAMES:
                video.frames_key, video.frames_size = given.stored, footage.size
            else:
                video.original_key, video.original_size = given.stored, footage.size
                video.original_sha256 = footage.digests[0]
            video.stored_size = video.files_size
            session.add(video)
            session.flush()
        incident = Incident(
            reference=f"INC-{now.year}-{next_number(f'incident-{now.year}'):06d}",
            site_id=site_id,
            camera_id=camera_of(site_id, facts.camera).id if facts.camera else None,
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
            frame_count=_frame_count(facts, footage),
            analysis=facts.analysis,
            detected_at=seen_at,
            zone_assumed=assumed,
            site_name=facts.site,
            model=facts.model,
            model_version=facts.model_version,
            boxes=facts.boxes,
            extra=facts.extra,
            link_hours=facts.expiration_hours or config().link_hours,
            frames_received=_frames_received(footage),
            manifest_sha256=footage.manifest_sha256 if footage else None,
        )
        session.add(incident)
        session.flush()
        if video is not None and actor.api_key_id is not None:
            # What a detector is answered; each recipient gets another one when the video is ready.
            link = mint_link(actor, video, Audience.PERSON, hours=incident.link_hours)
            incident.link_id = link.id
        owe_alerts(incident, _recipients(facts), video)
        audit.record(
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
            after_commit(lambda: queueing.enqueue_video(kind, video_id, attempt))
    return incident


def _frames_received(footage: Footage | None) -> int:
    return len(footage.digests) if footage and footage.kind == VideoKind.FRAMES else 0


def _seen_at(facts: IncidentFacts, footage: Footage | None, now: datetime) -> tuple[datetime, bool]:
    if facts.detected_at is not None:
        moment = datetime.fromtimestamp(facts.detected_at.seconds, UTC)
        return moment, facts.detected_at.zone_assumed
    if footage is not None and footage.first_seconds is not None:
        return datetime.fromtimestamp(footage.first_seconds, UTC), footage.zone_assumed
    return now, False


def _frame_count(facts: IncidentFacts, footage: Footage | None) -> int | None:
    if facts.frame_count is not None or footage is None:
        return facts.frame_count
    return footage.last_frame_count


def _recipients(facts: IncidentFacts) -> list[str]:
    if facts.recipients is not None:
        return list(facts.recipients)
    # With nobody named anywhere the administrators are told: an alert is never lost.
    return list(dict.fromkeys(config().email.recipients)) or admin_addresses()


def alerts_of(incident_id: int) -> list[Alert]:
    """Return the mails owed for an incident, as they are now."""
    return list(
        db.session.scalars(
            select(Alert)
            .where(Alert.incident_id == incident_id)
            .order_by(Alert.id)
            .execution_options(populate_existing=True)
        )
    )


def answered_link(incident: Incident) -> Link | None:
    """Return the link that the detector was answered."""
    return db.session.get(Link, incident.link_id) if incident.link_id else None


def get_incident(actor: Actor, reference: str) -> Incident:
    """Return an incident of the actor's sites, as it is now; raises NotFound."""
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
    """Encode a failed incident's video again; mails that went out are not sent again.

    Raises:
        Conflict: there is no failed video.
    """
    incident = get_incident(actor, reference)
    if incident.video is None:
        raise Conflict
    video_id, kind = incident.video.id, incident.video.kind
    with transaction():
        attempt = restart_failed(video_id)
        audit.record(actor, "incident:retried", f"incident:{reference}", site_id=incident.site_id)
        after_commit(lambda: queueing.enqueue_video(kind, video_id, attempt))
    return get_incident(actor, reference)
