"""Find work that nobody does and put it back on the queue: the database row is the truth."""

import logging
from collections.abc import Callable, Sequence

from sqlalchemy import exists, or_, select

from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import Source, Upload, Video, VideoStatus
from vigint_web.services import queueing, upload_receiving
from vigint_web.services.account_mails import due_account_mails
from vigint_web.services.actors import SYSTEM
from vigint_web.services.alerts import due_alerts
from vigint_web.services.hosting_elsewhere import due_hostings
from vigint_web.services.sources import fail_upload

log = logging.getLogger(__name__)

_BATCH = 500


def reconcile() -> int:
    """Enqueue what is unfinished and in nobody's hands; end uploads that stopped; return how many.

    Runs at every worker's start and every few seconds besides. Assumes that jobs are idempotent:
    what it enqueues once too often finds its row claimed and does nothing.
    """
    return (
        _videos()
        + _hand_over(due_hostings(), queueing.enqueue_hosting)
        + _hand_over(due_alerts(), queueing.enqueue_alert)
        + _hand_over(due_account_mails(), queueing.enqueue_account_mail)
        + _stopped_uploads()
        + upload_receiving.sweep()
    )


def _videos() -> int:
    now = utcnow()
    rows = db.session.execute(
        select(Video.id, Video.attempt, Video.kind)
        .where(
            Video.status == VideoStatus.PROCESSING,
            or_(Video.lease_until.is_(None), Video.lease_until < now),
        )
        .order_by(Video.id)
        .limit(_BATCH)
    ).all()
    db.session.rollback()
    for row in rows:
        queueing.enqueue_video(row.kind, row.id, row.attempt)
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
                Video.lease_until < utcnow(),
                # A resumable upload that went with whoever it was of.
                Video.lease_until.is_(None) & ~exists().where(Upload.source_id == Source.id),
            ),
        )
        .limit(_BATCH)
    ).all()
    for source in sources:
        log.warning("upload of %s stopped before its end", source.source_id)
        fail_upload(SYSTEM, source, "upload_interrupted")
    return len(sources)
