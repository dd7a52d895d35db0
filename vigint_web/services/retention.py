"""Forget on time: purge footage at its date, and leave a trace that it happened."""

import logging

from sqlalchemy import select

from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import Source, Video, VideoStatus
from vigint_web.services import audit
from vigint_web.services.actors import SYSTEM
from vigint_web.services.runtime import storage
from vigint_web.services.sources import delete_source
from vigint_web.services.transactions import transaction
from vigint_web.services.videos import detach_and_delete_video
from vigint_web.storage import LocalStorage

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
            audit.record(
                SYSTEM,
                "video:purged",
                f"video:{video.public_id}",
                site_id=video.site_id,
                sha256=video.original_sha256,
            )
            detach_and_delete_video(video)
        log.info("video %s purged after its retention", video.id)
    return len(due)


def sweep_working_files() -> int:
    """Remove working files that nobody has touched for hours."""
    place = storage()
    if not isinstance(place, LocalStorage):
        return 0
    return place.sweep_incoming(_ABANDONED_SECONDS)
