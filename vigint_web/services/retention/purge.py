"""Forget on time: purge footage at its date, and leave a trace that it happened."""

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
    """Delete footage whose retention is over, with its links; return how many videos.

    Args:
        seconds: after about so long it stops, so that a large purge keeps nothing else waiting.
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
                # Deleted by a person a moment ago, most often; the others go all the same.
                log.exception("video %s could not be purged; it is tried again", video_id)
                db.session.rollback()
    return purged


def _due_after(video_id: int) -> list[int]:
    """Return the next videos whose date is over, in the order of their ids."""
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
    """Delete one video unless it is gone or its date has moved meanwhile; return how many."""
    with transaction() as session:
        video = session.get(Video, video_id, populate_existing=True)
        if video is None or video.purge_at is None or video.purge_at > utcnow():
            return 0
        source = session.scalar(select(Source.source_id).where(Source.video_id == video_id))
        if source is not None:
            delete_source(SYSTEM, source)
            return 1
        mails = detach_and_delete_video(video)
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
    """Delete mails that are older than footage may get, rows and files; return how many."""
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
    """Remove working files nobody touches and published files no row names; return how many.

    A worker that dies between the rename and the commit leaves such files; those of attempts that
    may still be under way are younger.
    """
    place = storage()
    removed = place.sweep_incoming(_ABANDONED_SECONDS)
    for held in storage_check.find_orphans(_ABANDONED_SECONDS):
        place.delete(held.name)
        removed += 1
        log.warning("orphan %s removed", held.name)
    return removed
