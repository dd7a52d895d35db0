"""Process an original into the playable version: claim, produce, publish, settle.

Safe to run twice, concurrently or in sequence. A clip made from frames is ready, and its alert
released, before its pictures are made.
"""

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from rq.timeouts import JobTimeoutException
from sqlalchemy import select, update

from vigint_web.clock import utcnow
from vigint_web.errors import LeaseLost, StorageFull
from vigint_web.extensions import db
from vigint_web.logs import Event, about
from vigint_web.media.errors import MediaError, MediaErrorCode, ToolRefused
from vigint_web.media.tools import ToolMissing
from vigint_web.models import Source, Video, VideoStatus
from vigint_web.models import VideoKind as Kind
from vigint_web.models.types import ATTEMPTS
from vigint_web.models.video_file import FRAMES
from vigint_web.services.alerting.routing import queue_video_calls
from vigint_web.services.audit import trail
from vigint_web.services.core import job_queue
from vigint_web.services.core.actors import SYSTEM
from vigint_web.services.core.leases import LONGEST_LEASE, Lease, claim
from vigint_web.services.core.runtime import storage
from vigint_web.services.core.transactions import after_commit, change, transaction
from vigint_web.services.incidents.alert_release import queue_late_videos, release
from vigint_web.services.incidents.clip_boxes import place_boxes
from vigint_web.services.incidents.incidents import find_incident_of
from vigint_web.services.processing.picturing import add_pictures
from vigint_web.services.processing.producing import Product, produce
from vigint_web.services.processing.room import ROOM_WAITED_FOR, is_full
from vigint_web.services.processing.stored_drafts import published
from vigint_web.services.videos.lifecycle import (
    delete_video_files,
    is_unfinished,
    settle_failed,
    settle_ready,
)
from vigint_web.storage import NoRoom, StorageError

log = logging.getLogger(__name__)

# The time for a storage server to restart; five attempts cover some minutes.
_STORAGE_PAUSE = timedelta(seconds=60)
_FIRST_ROOM_PAUSE, _LONGEST_ROOM_PAUSE = timedelta(seconds=15), LONGEST_LEASE


def process_video(video_id: int) -> None:
    """Process one waiting video; do nothing if another worker already does."""
    lease = claim(Video, video_id, is_unfinished())
    if lease is None:
        log.info("video %s is settled or owned by another worker", video_id)
        return
    with transaction() as session:
        video = session.get_one(Video, video_id, populate_existing=True)
        if video.status == VideoStatus.PROCESSING:
            begun: dict[str, Any] = {"progress": None}
            if not video.waits_for_room:  # otherwise it has begun already, and waits since then
                begun["processing_started_at"] = utcnow()
            change(session, update(Video).where(lease.held()).values(**begun))
            session.refresh(video)
    with lease.kept():
        if video.status == VideoStatus.READY:
            with _workspace(lease) as folder:
                add_pictures(lease, video, folder)
            return
        try:
            if video.attempt > video.attempt_limit:
                raise MediaError(MediaErrorCode.TOOL_FAILED, "too many workers died processing it")
            with _workspace(lease) as folder:
                product = produce(video, folder, lease)
                _publish(lease, video, product)
                if product.unpictured is not None:
                    add_pictures(lease, video, folder, product.unpictured)
        except LeaseLost:
            log.warning("video %s: attempt %s lost its lease", video_id, lease.attempt)
        except MediaError as error:
            if lease.lost.is_set():
                log.warning("video %s: attempt %s lost its lease", video_id, lease.attempt)
                return
            if error.code == MediaErrorCode.NO_SPACE:
                _wait_for_room(lease, video, error.detail)
            elif error.code == MediaErrorCode.TOOL_FAILED and not isinstance(error, ToolRefused):
                _accident(lease, video, error.detail)
            else:
                _fail(lease, video, error.code, error.detail)
        except (NoRoom, StorageFull):
            _wait_for_room(lease, video, "no room left in the storage")
        except FileNotFoundError:
            _fail(lease, video, "original_missing", video.public_id)
        except JobTimeoutException:
            # It would take as long the next time.
            _fail(lease, video, MediaErrorCode.TIMED_OUT, "the job's time limit was reached")
        except StorageError as error:
            _accident(lease, video, str(error), pause=_STORAGE_PAUSE)
        except ToolMissing as error:
            _fail(lease, video, "tool_missing", str(error))
        except OSError as error:
            if not is_full(error):
                raise
            _wait_for_room(lease, video, f"no room left for working files: {error.strerror}")


@contextmanager
def _workspace(lease: Lease) -> Iterator[Path]:
    # Remains of killed attempts; one that still runs cannot publish.
    storage().discard_folders(f"work-{lease.row_id}-")
    folder = storage().new_folder(f"work-{lease.row_id}-{lease.attempt}-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _publish(lease: Lease, video: Video, product: Product) -> None:
    """Rename the files into place, then settle row, links and alerts in one transaction."""
    with published(product.drafts), transaction() as session:
        frames = video.file(*FRAMES)
        if frames is not None and FRAMES in product.files:
            dropped = [frames.key]
            after_commit(lambda: delete_video_files(dropped))
        awaits_pictures = product.unpictured is not None
        settle_ready(lease, product.values, product.files, awaits_pictures=awaits_pictures)
        session.refresh(video)
        found = find_incident_of(video.id)
        if found is not None:
            for name, value in product.incident_values.items():
                setattr(found, name, value)
            if product.drawn is not None:
                place_boxes(session, found, product.drawn)
            release(found)
            queue_late_videos(found, video)
        queue_video_calls(video, found)
        trail.record(
            SYSTEM,
            "video:ready",
            f"video:{video.public_id}",
            site_id=video.site_id,
            sha256=video.original_sha256,
        )
    log.info("video %s ready", video.id)


def _accident(lease: Lease, video: Video, detail: str, *, pause: timedelta = timedelta(0)) -> None:
    """Release a video for the next attempt: the machine failed, perhaps not the video.

    Args:
        pause: a delay before the next attempt, for the failed service to recover.
    """
    if video.attempt >= video.attempt_limit:
        _fail(lease, video, MediaErrorCode.TOOL_FAILED, detail)
        return
    log.warning("video %s: attempt %s was interrupted: %s", video.id, lease.attempt, detail)
    with transaction() as session:
        if pause:  # the scheduler enqueues it when the lease has expired
            until = utcnow() + pause
            change(session, update(Video).where(lease.held()).values(lease_until=until))
            return
        lease.end(session)
        after_commit(lambda: job_queue.enqueue_video(video.kind, video.id, lease.attempt))


def _wait_for_room(lease: Lease, video: Video, detail: str) -> None:
    """Release a video until there is space for it; notify recipients at once, by text.

    Attempts that end here do not count; the link follows when the video is ready.
    """
    now = utcnow()
    waited = now - (video.processing_started_at or now)
    if waited > ROOM_WAITED_FOR:
        _fail(lease, video, MediaErrorCode.NO_SPACE, detail)
        return
    log.warning(
        "video %s waits for room: %s; delete videos, lower the retention, or enlarge the disk",
        video.id,
        detail,
        extra=about(Event.VIDEO_WAITS_FOR_ROOM, video=_label(video)),
    )
    pause = max(_FIRST_ROOM_PAUSE, min(_LONGEST_ROOM_PAUSE, waited / 4))
    try:
        with transaction() as session:
            waits = update(Video).where(lease.held(), Video.status == VideoStatus.PROCESSING)
            done = change(
                session,
                waits.values(
                    lease_until=now + pause,
                    attempt_limit=Video.attempt + ATTEMPTS,
                    error_code=MediaErrorCode.NO_SPACE,
                    error_detail=detail,
                    progress=None,
                ),
            )
            lease.require(done)
            found = find_incident_of(video.id)
            if found is not None:
                release(found)
    except LeaseLost:
        log.warning("video %s: attempt %s lost its lease", lease.row_id, lease.attempt)
    except StorageFull:
        # The lease expires, and the reconciler enqueues the row again.
        log.warning("video %s: there is no space to record that it waits", video.id)


def _label(video: Video) -> str:
    """Return the usual name of a video: its incident's reference or its source's id."""
    found = find_incident_of(video.id)
    if found is not None:
        return found.reference
    named = select(Source.source_id).where(Source.video_id == video.id)
    return db.session.scalar(named) or video.public_id


def _fail(lease: Lease, video: Video, code: str, detail: str) -> None:
    failed = about(Event.VIDEO_FAILED, video=_label(video))
    log.warning("video %s failed: %s: %s", video.id, code, detail, extra=failed)
    try:
        with transaction():
            settle_failed(lease, code, detail)
            found = find_incident_of(video.id)
            if found is not None:
                if video.kind == Kind.FRAMES:
                    found.frames_used = 0
                release(found)
            queue_video_calls(video, found)
            trail.record(
                SYSTEM,
                "video:failed",
                f"video:{video.public_id}",
                site_id=video.site_id,
                code=code,
            )
    except LeaseLost:
        log.warning("video %s: attempt %s lost its lease", lease.row_id, lease.attempt)
