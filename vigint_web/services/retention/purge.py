"""Purge footage at its date, and record that it happened."""

import logging
import math
import time
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from vigint_web.clock import utcnow
from vigint_web.errors import VigintError
from vigint_web.extensions import db
from vigint_web.models import Source, Video, VideoStatus
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import SYSTEM
from vigint_web.services.core.runtime import config, storage
from vigint_web.services.core.transactions import transaction
from vigint_web.services.notifications import sent_mails
from vigint_web.services.sources.sources import delete_source
from vigint_web.services.videos import storage_check
from vigint_web.services.videos.lifecycle import detach_and_delete_video
from vigint_web.services.videos.retention_dates import in_force
from vigint_web.services.videos.retention_rules import Setting

log = logging.getLogger(__name__)

# Longer than any upload or encode may go without writing to its working files.
_ABANDONED_SECONDS = 6 * 3600
_BATCH = 200


def purge_due(seconds: float = math.inf) -> int:
    """Delete footage at the end of its retention, with its links; return the number of videos.

    Args:
        seconds: the approximate time limit, so that a large purge delays nothing else.
    """
    ends, purged, after = time.monotonic() + seconds, 0, 0
    while time.monotonic() < ends and (due := _due_after(after)):
        for video_id in due:
            if time.monotonic() >= ends:
                break
            after = video_id
            try:
                purged += _purge(video_id)
            except (VigintError, SQLAlchemyError):
                # Most often deleted by a user meanwhile; continue with the others.
                log.exception("video %s could not be purged; it will be retried", video_id)
                db.session.rollback()
    return purged


def _due_after(video_id: int) -> list[int]:
    """Return the next videos past their date, in the order of their ids."""
    due = db.session.scalars(
        select(Video.id)
        .where(
            Video.id > video_id,
            Video.purge_at <= utcnow(),
            Video.status.in_([VideoStatus.READY, VideoStatus.FAILED]),
        )
        .order_by(Video.id)
        .limit(_BATCH)
    ).all()
    return list(due)


def _purge(video_id: int) -> int:
    """Delete one video unless it is gone or its date has moved meanwhile; return the number."""
    with transaction() as session:
        video = session.get(Video, video_id, populate_existing=True)
        if video is None or video.purge_at is None or video.purge_at > utcnow():
            return 0
        source = session.scalar(select(Source.source_id).where(Source.video_id == video_id))
        if source is not None:
            delete_source(SYSTEM, source)
            return 1
        mails = detach_and_delete_video(SYSTEM, video)
        trail.record(
            SYSTEM,
            "video:purged",
            f"video:{video.public_id}",
            site_id=video.site_id,
            sha256=video.original_sha256,
            mails=mails,
        )
    log.info("video %s purged after its retention", video_id)
    return 1


def purge_outbox() -> int:
    """Delete mails older than the maximum age of footage, rows and files; return the number."""
    days = in_force(Setting.INCIDENTS)
    if days is None:
        return 0
    limit = utcnow() - timedelta(days=days)
    folder = config().outbox_dir
    old = [path for path in folder.glob("*.eml") if path.stat().st_mtime < limit.timestamp()]
    for path in old:
        path.unlink(missing_ok=True)
    rows = sent_mails.count_mails_before(limit)
    if old or rows:
        with transaction():
            rows = sent_mails.delete_mails_before(limit)
            trail.record(SYSTEM, "outbox:purged", "outbox", mails=rows, files=len(old))
    return rows + len(old)


def sweep_orphans() -> int:
    """Remove unused working files and unreferenced published files; return the number.

    A worker that dies between the rename and the commit leaves such files; those of attempts that
    may still be running are younger.
    """
    place = storage()
    removed = place.sweep_incoming(_ABANDONED_SECONDS)
    for held in storage_check.find_orphans(_ABANDONED_SECONDS):
        place.delete(held.name)
        removed += 1
        log.warning("orphan %s removed", held.name)
    return removed
