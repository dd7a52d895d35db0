"""Add, find, retry and delete sources."""

import re
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from vigint_web.clock import utcnow
from vigint_web.errors import (
    Conflict,
    Invalid,
    Mistake,
    MistakeCode,
    NotFound,
    SourceIdTaken,
    StorageFull,
)
from vigint_web.extensions import db
from vigint_web.models import (
    Audience,
    Camera,
    NamedFile,
    Site,
    Source,
    Upload,
    Video,
    VideoKind,
    VideoStatus,
)
from vigint_web.models.video_file import ORIGINAL
from vigint_web.services.accounts.cameras import camera_of
from vigint_web.services.accounts.sites import home_site
from vigint_web.services.audit import trail
from vigint_web.services.core import job_queue
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.runtime import storage
from vigint_web.services.core.sequences import next_number
from vigint_web.services.core.transactions import after_commit, change, read_again, transaction
from vigint_web.services.links.links import mint_link
from vigint_web.services.sources.recording import read_recording
from vigint_web.services.sources.tags import forget_unused
from vigint_web.services.videos.filenames import safe_filename, storage_suffix
from vigint_web.services.videos.lifecycle import (
    delete_video_files,
    detach_and_delete_video,
    restart_failed,
)
from vigint_web.services.videos.publication import Files, publish_files
from vigint_web.services.videos.retention_dates import date_for_new
from vigint_web.services.videos.totals import totals_of_sources
from vigint_web.storage import NoRoom

# An upload without a byte for this long has stopped; connections time out earlier.
UPLOAD_LEASE = timedelta(seconds=120)
_SOURCE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def begin_upload(
    actor: Actor,
    filename: str,
    name: str = "",
    description: str = "",
    *,
    site: Site | None = None,
    source_id: str = "",
    camera: str = "",
    recorded_at: str = "",
    resumable: bool = False,
) -> Source:
    """Add a source before its bytes arrive, with its video and its program link.

    Args:
        filename: from the browser; sanitized here.
        name: the display name; derived from the file's name when empty.
        site: one that the actor may see; the actor's own when there is none.
        source_id: the id for programs; the next number when empty.
        camera: the name of one of the site, added if necessary.
        recorded_at: the time of the first picture in ISO 8601; without an offset, that of the site.
        resumable: silence does not end this upload; see services/uploads/uploads.py.

    Raises:
        Invalid: the id, the camera or the time is invalid.
        SourceIdTaken: another source has it.
    """
    site = site or home_site(actor)
    require_source_id(source_id)
    recording = read_recording(site, camera, recorded_at)
    shown = safe_filename(filename)
    now = utcnow()
    with transaction() as session:
        if source_id and _is_taken(session, source_id):
            raise SourceIdTaken
        source_id = source_id or _next_id(session)
        video = Video(
            public_id=f"vid_{secrets.token_hex(8)}",
            site_id=site.id,
            kind=VideoKind.SOURCE,
            status=VideoStatus.UPLOADING,
            original_name=shown,
            lease_until=None if resumable else now + UPLOAD_LEASE,
            created_at=now,
            purge_at=date_for_new(VideoKind.SOURCE, now),
            recorded_at=recording.began,
        )
        session.add(video)
        session.flush()
        source = Source(
            source_id=source_id,
            site_id=site.id,
            video_id=video.id,
            name=name.strip()[:200] or recording.name_of(Path(shown).stem)[:200] or source_id,
            camera=camera_of(site.id, recording.camera) if recording.camera else None,
            description=description.strip(),
            created_by_id=actor.user_id,
        )
        session.add(source)
        try:
            session.flush()
        except IntegrityError:  # the same id concurrently
            raise SourceIdTaken from None
        mint_link(actor, video, Audience.PROGRAM)
        trail.record(actor, "source:added", f"source:{source_id}", site_id=site.id, filename=shown)
    return source


def require_source_id(text: str) -> None:
    """Raise Invalid for an invalid source id; an empty one requests the next number."""
    if text and not _SOURCE_ID.fullmatch(text):
        raise Invalid([Mistake(MistakeCode.SOURCE_ID_MALFORMED, "source_id")])


def _is_taken(session: Session, source_id: str) -> bool:
    return session.scalar(select(Source.id).where(Source.source_id == source_id)) is not None


def _next_id(session: Session) -> str:
    """Return the next number not already used as a typed id."""
    while True:
        source_id = f"file_{next_number('source'):03d}"
        if not _is_taken(session, source_id):
            return source_id


def upload_goes_on(video_id: int) -> None:
    """Record that the bytes of an upload are still arriving."""
    with transaction() as session:
        session.execute(
            update(Video)
            .where(Video.id == video_id, Video.status == VideoStatus.UPLOADING)
            .values(lease_until=utcnow() + UPLOAD_LEASE)
        )


def finish_upload(actor: Actor, source: Source, draft: Path, size: int, sha256: str) -> None:
    """Store an upload's bytes durably, then enqueue the video.

    Raises:
        Conflict: the upload was aborted meanwhile.
        StorageFull: nothing was kept but the failed source, which can be retried.
    """
    key = original_key_of(source.video)
    upload_goes_on(source.video_id)  # syncing a large file may take its time
    try:
        storage().publish(draft, key)
    except NoRoom:
        fail_upload(actor, source, "no_space")
        raise StorageFull from None
    try:
        hand_over(actor, source, size, sha256)
    except Conflict:
        delete_video_files([key])
        raise


def original_key_of(video: Video) -> str:
    """Return the key under which the original of a source is stored."""
    return f"videos/{video.public_id}/original{storage_suffix(video.original_name)}"


def hand_over(actor: Actor, source: Source, size: int, sha256: str) -> None:
    """Enqueue a source after its original was published.

    Raises:
        Conflict: it was aborted meanwhile.
    """
    video = source.video
    with transaction() as session:
        drops_sound = _drops_sound(session, source.id)
        done = _end_upload(
            session,
            video.id,
            {ORIGINAL: NamedFile(original_key_of(video), size, sha256)},
            status=VideoStatus.PROCESSING,
            stored_size=size,
            sound_to_remove=drops_sound,
        )
        if not done:
            raise Conflict
        trail.record(
            actor,
            "source:received",
            f"source:{source.source_id}",
            site_id=source.site_id,
            size=size,
            sha256=sha256,
        )
        after_commit(lambda: job_queue.enqueue_video(video.kind, video.id, video.attempt))
    read_again(session, video)


def _drops_sound(session: Session, row_id: int) -> bool:
    """Return whether the sound of a source is to be removed, as the settings of its camera require.

    Its row is locked: a change of its camera comes before this, or finds the upload ended.
    """
    lock = select(Source.camera_id).where(Source.id == row_id).with_for_update()
    camera_id = session.scalar(lock)
    kept = session.scalar(select(Camera.keeps_sound).where(Camera.id == camera_id))
    return kept is False


def fail_upload(actor: Actor, source: Source, code: str, detail: str = "") -> None:
    """End an upload whose bytes did not arrive or are refused, with a sentence."""
    with transaction() as session:
        failed = _end_upload(
            session,
            source.video_id,
            {},
            status=VideoStatus.FAILED,
            error_code=code,
            error_detail=detail,
            processing_completed_at=utcnow(),
        )
        if not failed:
            return
        trail.record(
            actor, "source:failed", f"source:{source.source_id}", site_id=source.site_id, code=code
        )
    read_again(session, source.video)


def _end_upload(session: Session, video_id: int, files: Files, **values: Any) -> bool:
    """Move a video on from its upload; return whether that was still going on."""
    uploading = (Video.id == video_id) & (Video.status == VideoStatus.UPLOADING)
    ended = update(Video).where(uploading).values(lease_until=None, **values)
    return bool(
        publish_files(
            session, video_id, lambda **columns: change(session, ended.values(**columns)), files
        )
    )


def get_source(actor: Actor, source_id: str) -> Source:
    """Return the current source of the actor's sites; raises NotFound."""
    source = db.session.scalar(
        select(Source)
        .where(Source.source_id == source_id)
        .execution_options(populate_existing=True)
    )
    if source is None or not actor.sees(source.site_id):
        raise NotFound
    return source


def find_source_of(video_id: int) -> Source | None:
    """Return the source of a video."""
    return db.session.scalar(select(Source).where(Source.video_id == video_id))


def count_sources(actor: Actor) -> dict[str, int]:
    """Return how many sources there are by status."""
    return {status: total.number for status, total in totals_of_sources(actor).items()}


def retry_source(actor: Actor, source_id: str) -> Source:
    """Process a failed source again; raises Conflict when there is nothing to process."""
    source = get_source(actor, source_id)
    with transaction() as session:
        attempt = restart_failed(source.video_id)
        trail.record(actor, "source:retried", f"source:{source_id}", site_id=source.site_id)
        after_commit(lambda: job_queue.enqueue_video(VideoKind.SOURCE, source.video_id, attempt))
    read_again(session, source.video)
    return source


def delete_source(actor: Actor, source_id: str, action: str = "source:deleted") -> None:
    """Remove a source with its files and links; the audit trail records it.

    Args:
        action: the name in the audit trail.

    Raises:
        NotFound: there is none, or another request has just deleted it.
    """
    source = get_source(actor, source_id)
    with transaction() as session:
        lock = {"of": Source}
        if session.get(Source, source.id, populate_existing=True, with_for_update=lock) is None:
            raise NotFound
        trail.record(
            actor,
            action,
            f"source:{source_id}",
            site_id=source.site_id,
            name=source.name,
            sha256=source.video.original_sha256,
        )
        video = source.video
        upload = session.scalar(select(Upload.public_id).where(Upload.source_id == source.id))
        if upload is not None:  # its row is deleted with the source's
            after_commit(lambda: storage().staged(upload).discard())
        carried = [tag.id for tag in source.tags]
        session.delete(source)
        session.flush()
        forget_unused(carried)
        detach_and_delete_video(actor, video)
