"""Purge footage at its date, and record that it happened."""

import logging
import math
import time
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import select, tuple_
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
    ends, purged, after = time.monotonic() + seconds, 0, None
    while time.monotonic() < ends and (due := _due_after(after)):
        for one in due:
            if time.monotonic() >= ends:
                break
            after = one
            try:
                purged += _purge(one.video_id)
            except (VigintError, SQLAlchemyError):
                # Most often deleted by a user meanwhile; continue with the others.
                log.exception("video %s could not be purged; it will be retried", one.video_id)
                db.session.rollback()
    return purged


class _Due(NamedTuple):
    """A video past its date of deletion."""

    purge_at: datetime
    video_id: int


def _due_after(last: _Due | None) -> list[_Due]:
    """Return the next videos past their date, in the order of these dates.

    Read from the index of dates, so that the videos that are not due cost nothing: excluding states
    instead of naming some keeps SQLite, without statistics, from following the index of states.
    """
    due = (
        select(Video.purge_at, Video.id)
        .where(
            Video.purge_at <= utcnow(),
            Video.status.not_in([VideoStatus.UPLOADING, VideoStatus.PROCESSING]),
        )
        .order_by(Video.purge_at, Video.id)
    )
    if last is not None:
        due = due.where(tuple_(Video.purge_at, Video.id) > tuple_(*last))
    found = db.session.execute(due.limit(_BATCH)).all()
    return [_Due(row.purge_at, row.id) for row in found if row.purge_at is not None]


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
