"""Forget on time: purge footage at its date, and leave a trace that it happened."""

import logging
from datetime import timedelta

from sqlalchemy import select

from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import Source, Video, VideoStatus
from vigint_web.services import audit, media_check, outbox
from vigint_web.services.actors import SYSTEM
from vigint_web.services.runtime import config, storage
from vigint_web.services.sources import delete_source
from vigint_web.services.transactions import transaction
from vigint_web.services.videos import detach_and_delete_video

log = logging.getLogger(__name__)

# Longer than any upload or encode may go without writing to its working files.
_ABANDONED_SECONDS = 6 * 3600


def purge_due() -> int:
    """Delete footage whose retention is over, with its links; return how many videos."""
    due = db.session.scalars(
        select(Video).where(
            Video.purge_at <= utcnow(),
            Video.status.in_([VideoStatus.READY, VideoStatus.FAILED]),
        )
    ).all()
    for video in due:
        source = db.session.scalar(select(Source).where(Source.video_id == video.id))
        if source is not None:
            delete_source(SYSTEM, source.source_id)
            continue
        with transaction():
            mails = detach_and_delete_video(video)
            audit.record(
                SYSTEM,
                "video:purged",
                f"video:{video.public_id}",
                site_id=video.site_id,
                sha256=video.original_sha256,
                mails=mails,
            )
        log.info("video %s purged after its retention", video.id)
    return len(due)


def purge_outbox() -> int:
    """Delete mails that are older than footage may get, rows and files; return how many."""
    limit = utcnow() - timedelta(days=config().retention_days)
    folder = config().outbox_dir
    old = [path for path in folder.glob("*.eml") if path.stat().st_mtime < limit.timestamp()]
    for path in old:
        path.unlink(missing_ok=True)
    rows = outbox.count_mails_before(limit)
    if old or rows:
        with transaction():
            rows = outbox.delete_mails_before(limit)
            audit.record(SYSTEM, "outbox:purged", "outbox", mails=rows, files=len(old))
    return rows + len(old)


def sweep_orphans() -> int:
    """Remove working files nobody touches and published files no row names; return how many.

    A worker that dies between the rename and the commit leaves such files; those of attempts that
    may still be under way are younger.
    """
    place = storage()
    removed = place.sweep_incoming(_ABANDONED_SECONDS)
    for held in media_check.find_orphans(_ABANDONED_SECONDS):
        place.delete(held.name)
        removed += 1
        log.warning("orphan %s removed", held.name)
    return removed
