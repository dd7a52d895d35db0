"""Find unfinished work without a worker and enqueue it: the database row is the source of truth."""

import logging
from collections.abc import Callable, Sequence

from sqlalchemy import exists, or_, select

from vigint_web.extensions import db
from vigint_web.models import Source, Upload, Video, VideoStatus
from vigint_web.services.core import job_queue
from vigint_web.services.core.actors import SYSTEM
from vigint_web.services.core.leases import is_free
from vigint_web.services.hosting.remote import due_hostings, release_overdue
from vigint_web.services.notifications.account_delivery import due_account_mails
from vigint_web.services.notifications.delivery import due_notifications
from vigint_web.services.sources.sources import UPLOAD_LEASE, fail_upload
from vigint_web.services.uploads import receiving
from vigint_web.services.videos.lifecycle import is_unfinished

log = logging.getLogger(__name__)

_BATCH = 500


def reconcile() -> int:
    """Enqueue unfinished rows without a lease; end stalled uploads; return the number.

    Runs at every worker's start and every few seconds besides. Jobs are idempotent: a superfluous
    one finds its row owned and does nothing.
    """
    return (
        _videos()
        + release_overdue()
        + _hand_over(due_hostings(), job_queue.enqueue_hosting)
        + _hand_over(due_notifications(), job_queue.enqueue_notification)
        + _hand_over(due_account_mails(), job_queue.enqueue_account_mail)
        + _stopped_uploads()
        + receiving.sweep()
    )


def _videos() -> int:
    rows = db.session.execute(
        select(Video.id, Video.attempt, Video.kind)
        .where(is_unfinished(), is_free(Video))
        .order_by(Video.id)
        .limit(_BATCH)
    ).all()
    db.session.rollback()
    for row in rows:
        job_queue.enqueue_video(row.kind, row.id, row.attempt)
    return len(rows)


def _hand_over(found: Sequence[tuple[int, int]], enqueue: Callable[[int, int], bool]) -> int:
    db.session.rollback()
    for row_id, attempt in found:
        enqueue(row_id, attempt)
    return len(found)


def _stopped_uploads() -> int:
    sources = db.session.scalars(
        select(Source)
        .join(Video, Source.video_id == Video.id)
        .where(
            Video.status == VideoStatus.UPLOADING,
            or_(
                Video.lease_until.is_not(None) & is_free(Video, UPLOAD_LEASE),
                # A resumable upload that was deleted with its owner.
                Video.lease_until.is_(None) & ~exists().where(Upload.source_id == Source.id),
            ),
        )
        .limit(_BATCH)
    ).all()
    for source in sources:
        log.warning("upload of %s stopped before its end", source.source_id)
        fail_upload(SYSTEM, source, "upload_interrupted")
    return len(sources)
