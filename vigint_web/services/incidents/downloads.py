"""Hand out an incident's clip and what was received: named, checked and audited."""

import logging
from dataclasses import dataclass
from enum import StrEnum

from vigint_web.errors import FileDamaged, FileUnavailable, NotFound
from vigint_web.models import Incident, NamedFile, Video, VideoKind, VideoStatus
from vigint_web.models.video_file import FRAMES, ORIGINAL, PLAYABLE, Slot
from vigint_web.services.audit.staff_access import record_download
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.runtime import runtime, storage
from vigint_web.services.core.site_settings import zone_of
from vigint_web.services.core.transactions import release_connection
from vigint_web.services.incidents.incidents import find_incident_of
from vigint_web.services.videos.filenames import ascii_word, storage_suffix
from vigint_web.services.videos.intact import archive_damage, file_damage
from vigint_web.services.videos.stored_files import StoredBytes, find_visible_video, original_type

log = logging.getLogger(__name__)


class Part(StrEnum):
    """What can be downloaded of an incident."""

    CLIP = "clip"  # what plays
    ORIGINAL = "original"  # the video as received, of an incident that came as one
    FRAMES = "frames"  # the images as received, with their manifest


class OfferState(StrEnum):
    """Whether a part can be downloaded, and if not why."""

    AVAILABLE = "available"
    WAITS = "waits"
    FAILED = "failed"
    NOT_KEPT = "not_kept"
    # Its sound must be removed, which was not possible.
    WITH_SOUND = "with_sound"
    MISSING = "missing"


@dataclass(frozen=True)
class Offer:
    """One part of an incident, as its page offers it."""

    part: Part
    state: OfferState
    size: int | None = None


@dataclass(frozen=True)
class Download:
    """One part of an incident with the data needed to send it, without the database."""

    reference: str
    site_id: int
    part: Part
    stored: StoredBytes


DOWNLOADED = {part: f"incident:{part}_downloaded" for part in Part}
_SLOTS: dict[Part, Slot] = {Part.CLIP: PLAYABLE, Part.ORIGINAL: ORIGINAL, Part.FRAMES: FRAMES}


def offers_of(incident: Incident) -> list[Offer]:
    """Return what an incident's page offers for download; nothing without a video."""
    video = incident.video
    if video is None:
        return []
    parts = [Part.CLIP]
    if video.kind == VideoKind.CLIP:
        parts.append(Part.ORIGINAL)
    if incident.frames_received:
        parts.append(Part.FRAMES)
    return [_offer(incident, video, part) for part in parts]


def get_download(actor: Actor, public_id: str, part: Part) -> Download:
    """Return a part of the incident of a video of the actor's sites.

    Raises:
        NotFound: the actor sees no such video, or it is not of an incident.
        FileUnavailable: the part cannot be downloaded.
    """
    video = find_visible_video(actor, public_id)
    incident = find_incident_of(video.id)
    if incident is None:
        raise NotFound
    offered = [offer for offer in offers_of(incident) if offer.part == part]
    if not offered or offered[0].state != OfferState.AVAILABLE:
        raise FileUnavailable
    file = video.file(*_SLOTS[part])
    digest = _digest(incident, file, part)
    if file is None or digest is None:
        raise FileUnavailable
    stored = _stored(incident, video, file, part, digest)
    return Download(incident.reference, incident.site_id, part, stored)


def begin_download(actor: Actor, download: Download, *, first: int) -> None:
    """Check what is about to be sent, and record it in the audit trail.

    Args:
        first: the position of the first byte; one that begins later may continue a download.

    Raises:
        FileUnavailable: the file is missing.
        FileDamaged: it is not what was stored.
        Busy: too many files are being checked.
        StorageFull: it cannot be recorded.
    """
    part, stored = download.part, download.stored
    release_connection()  # reading may take seconds
    check = archive_damage if part == Part.FRAMES else file_damage
    try:
        damage = runtime().verdicts.of(
            stored.key, lambda: check(stored.key, stored.size, stored.sha256)
        )
    except FileNotFoundError:
        log.error("%s of %s is missing: %s", part, download.reference, stored.key)
        raise FileUnavailable from None
    if damage is not None:
        log.error(
            "%s of %s is damaged, restore %s from a backup: %s",
            part,
            download.reference,
            stored.key,
            damage,
        )
        raise FileDamaged
    digest = "manifest_sha256" if part == Part.FRAMES else "sha256"
    record_download(
        actor,
        DOWNLOADED[part],
        f"incident:{download.reference}",
        download.site_id,
        continues=first > 0,
        **{digest: stored.sha256},
    )


def _offer(incident: Incident, video: Video, part: Part) -> Offer:
    if part == Part.CLIP and video.status != VideoStatus.READY:
        failed = video.status == VideoStatus.FAILED
        return Offer(part, OfferState.FAILED if failed else OfferState.WAITS)
    if part == Part.ORIGINAL and video.sound_to_remove:
        failed = video.status == VideoStatus.FAILED
        return Offer(part, OfferState.WITH_SOUND if failed else OfferState.WAITS)
    if part == Part.FRAMES and not video.keeps_frames:
        return Offer(part, OfferState.NOT_KEPT)
    file = video.file(*_SLOTS[part])
    if file is None or _digest(incident, file, part) is None or storage().lacks(file.key):
        return Offer(part, OfferState.MISSING)
    return Offer(part, OfferState.AVAILABLE, file.size)


def _digest(incident: Incident, file: NamedFile | None, part: Part) -> str | None:
    """Return what identifies the bytes of a part.

    The archive of the images has no digest of its own, and needs none: it follows from its manifest
    (see frames_archive.py).
    """
    if part == Part.FRAMES:
        return incident.manifest_sha256
    return file.sha256 if file is not None else None


def _stored(
    incident: Incident, video: Video, file: NamedFile, part: Part, digest: str
) -> StoredBytes:
    types = {
        Part.CLIP: file.content_type or "video/mp4",
        Part.ORIGINAL: original_type(video),
        Part.FRAMES: file.content_type or "application/zip",
    }
    made = video.processing_completed_at if part == Part.CLIP else None
    return StoredBytes(
        key=file.key,
        size=file.size or 0,
        sha256=digest,
        content_type=types[part],
        stored_at=made or video.created_at,
        filename=_filename(incident, video, part),
    )


def _filename(incident: Incident, video: Video, part: Part) -> str:
    """Return a name of site, camera, local time and reference, valid on every file system."""
    camera = incident.camera
    place = [
        ascii_word(incident.site_name or incident.site.name) or f"site{incident.site_id}",
        *([ascii_word(camera.name) or f"camera{camera.id}"] if camera else []),
    ]
    moment = (video.recorded_at or incident.detected_at).astimezone(zone_of(incident.site))
    endings = {
        Part.CLIP: ".mp4",
        Part.ORIGINAL: f"_original{_suffix(video)}",
        Part.FRAMES: ".zip",
    }
    name = "_".join([*place, f"{moment:%Y-%m-%d_%H-%M-%S}", incident.reference])
    return name + endings[part]


def _suffix(video: Video) -> str:
    named = storage_suffix(video.original_name)
    return f".{video.format}" if named == ".bin" and video.format else named
