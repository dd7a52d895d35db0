"""Settle videos: publish results, record failures, delete files."""

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, or_, select, update
from sqlalchemy.orm import Session

from vigint_web.clock import utcnow
from vigint_web.errors import Conflict, NotFound
from vigint_web.models import (
    Access,
    ActKind,
    FileKind,
    Incident,
    IncidentAct,
    Link,
    Mail,
    Notification,
    Playback,
    Video,
    VideoStatus,
)
from vigint_web.models.types import ATTEMPTS
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.leases import Lease
from vigint_web.services.core.runtime import runtime
from vigint_web.services.core.transactions import after_commit, change, transaction
from vigint_web.services.videos.publication import Files, has_file, publish_files
from vigint_web.storage import StorageError

log = logging.getLogger(__name__)

# The code of a video that waits for space.
_READY = {"status": VideoStatus.READY, "progress": 100, "error_code": None, "error_detail": None}


def is_unfinished() -> ColumnElement[bool]:
    """Return the condition that a worker has something left to do for a video."""
    awaits_pictures = and_(Video.status == VideoStatus.READY, Video.lease_until.is_not(None))
    return or_(Video.status == VideoStatus.PROCESSING, awaits_pictures)


def settle_ready(
    lease: Lease, values: dict[str, Any], files: Files, *, awaits_pictures: bool
) -> None:
    """Make a video ready, if the lease still holds; inside the caller's transaction.

    Args:
        files: what was made, beside the files that the video has.
        awaits_pictures: the lease continues, until `settle_pictures` ends it.

    Raises:
        LeaseLost: another worker owns the video now.
    """
    settle = lease.end
    if awaits_pictures:
        settle = partial(lease.keep, attempt_limit=Video.attempt + ATTEMPTS)
    with transaction() as session:
        _settle(session, lease, settle, {**_READY, **values}, files)
        _add_up(session, lease.row_id)


def settle_pictures(lease: Lease, values: dict[str, Any], files: Files) -> None:
    """Add its pictures to a video that is ready and end the lease, if it still holds.

    In the caller's transaction.

    Raises:
        LeaseLost: another worker owns the video now.
    """
    with transaction() as session:
        end = partial(lease.end, session, Video.status == VideoStatus.READY)
        lease.require(publish_files(session, lease.row_id, end, files, values))
        _add_up(session, lease.row_id)


def settle_failed(lease: Lease, code: str, detail: str) -> None:
    """Make a video failed, with a code that becomes a sentence; raises LeaseLost."""
    failed = {"status": VideoStatus.FAILED, "error_code": code, "error_detail": detail}
    with transaction() as session:
        _settle(session, lease, lease.end, failed, {})


def _settle(
    session: Session,
    lease: Lease,
    settle: Callable[..., int],
    values: dict[str, Any],
    files: Files,
) -> None:
    processed = Video.status == VideoStatus.PROCESSING
    write = partial(settle, session, processed, processing_completed_at=utcnow())
    lease.require(publish_files(session, lease.row_id, write, files, values))


def _add_up(session: Session, video_id: int) -> None:
    video = session.get_one(Video, video_id, populate_existing=True)
    video.stored_size = video.files_size
    session.flush()


def restart_failed(video_id: int) -> int:
    """Restart the processing of a failed video, in the caller's transaction; return its attempt.

    Raises:
        Conflict: it has not failed, or nothing is stored that could be processed.
    """
    with transaction() as session:
        attempt: int | None = session.scalar(
            update(Video)
            .where(
                Video.id == video_id,
                Video.status == VideoStatus.FAILED,
                has_file(FileKind.ORIGINAL, FileKind.FRAMES),
            )
            .values(
                status=VideoStatus.PROCESSING,
                attempt_limit=Video.attempt + ATTEMPTS,
                lease_until=None,
                error_code=None,
                error_detail=None,
                processing_started_at=None,
                processing_completed_at=None,
                progress=None,
            )
            .returning(Video.attempt)
            .execution_options(synchronize_session=False)
        )
    if attempt is None:
        raise Conflict
    return attempt


def restart_without_sound(video_id: int) -> int | None:
    """Process a stored video again without its sound, in the caller's transaction.

    A worker that processes it loses it, and it is not served until this is done. What plays instead
    of the original is removed at once.

    Returns:
        The attempt to be enqueued; None for a video that is still received, or that failed, whose
        sound is removed when it is processed.
    """
    with transaction() as session:
        video = session.get_one(Video, video_id, populate_existing=True, with_for_update=True)
        if video.status == VideoStatus.UPLOADING:
            return None
        video.sound_to_remove = True
        if video.status == VideoStatus.FAILED:
            return None
        if video.is_converted:
            named = video.named_files.items()
            plays = [file.key for (kind, _), file in named if kind == FileKind.PLAYABLE]
            after_commit(lambda: delete_video_files(plays))
        video.status = VideoStatus.PROCESSING
        video.attempt += 1
        video.attempt_limit = video.attempt + ATTEMPTS
        video.lease_until = video.progress = video.error_code = video.error_detail = None
        video.processing_started_at = video.processing_completed_at = None
        session.flush()
        return video.attempt


def detach_and_delete_video(actor: Actor, video: Video) -> int:
    """Remove a video's row, links and files; its access log is kept.

    The timeline of its incident records it; the caller writes the audit event.

    Returns the number of its mails that were deleted too.

    Raises:
        NotFound: it was deleted since this row was read.
    """
    with transaction() as session:
        # A worker may have published since this row was read.
        if session.get(Video, video.id, populate_existing=True, with_for_update=True) is None:
            raise NotFound
        keys = video.stored_keys
        links = [row.id for row in session.query(Link.id).where(Link.video_id == video.id)]
        mails = _delete_mails(session, video.id, links)
        session.execute(update(Access).where(Access.link_id.in_(links)).values(link_id=None))
        session.execute(
            update(Notification).where(Notification.link_id.in_(links)).values(link_id=None)
        )
        for incident_id in session.scalars(
            select(Incident.id).where(Incident.video_id == video.id)
        ):
            act = IncidentAct(
                incident_id=incident_id, kind=ActKind.VIDEO_DELETED, actor=actor.label
            )
            session.add(act)
        session.execute(update(Incident).where(Incident.video_id == video.id).values(video_id=None))
        session.execute(delete(Playback).where(Playback.link_id.in_(links)))
        session.execute(delete(Link).where(Link.video_id == video.id))
        session.delete(video)
        session.flush()
        after_commit(lambda: delete_video_files(keys))
    return mails


def _delete_mails(session: Session, video_id: int, links: Sequence[int]) -> int:
    incidents = select(Incident.id).where(Incident.video_id == video_id)
    notifications = or_(Notification.incident_id.in_(incidents), Notification.link_id.in_(links))
    notification_ids = [
        select(Notification.id).where(notifications),
        select(Notification.told_by_id).where(notifications),
    ]
    gone = delete(Mail).where(
        or_(*(Mail.alert_id.in_(some) for some in notification_ids), Mail.link_id.in_(links))
    )
    return change(session, gone)


def delete_video_files(keys: Iterable[str]) -> None:
    """Remove files; those that cannot be removed now are removed by the sweep later."""
    for key in keys:
        try:
            runtime().storage.delete(key)
        except (StorageError, OSError) as error:
            log.warning("file %s could not be removed yet: %s", key, type(error).__name__)
