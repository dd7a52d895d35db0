"""Add the pictures and the timeline to a clip that is ready and whose alert was released."""

import logging
from pathlib import Path

from rq.timeouts import JobTimeoutException
from sqlalchemy import update

from vigint_web.clock import utcnow
from vigint_web.errors import LeaseLost, StorageFull
from vigint_web.media.errors import MediaError
from vigint_web.media.probe import Probe
from vigint_web.media.tools import ToolMissing
from vigint_web.models import Video
from vigint_web.models.types import ATTEMPTS
from vigint_web.services.core.leases import LONGEST_LEASE, Lease
from vigint_web.services.core.transactions import change, transaction
from vigint_web.services.incidents.clip_boxes import record_poster
from vigint_web.services.processing.producing import Product, produce_pictures
from vigint_web.services.processing.room import ROOM_WAITED_FOR, is_full
from vigint_web.services.processing.stored_drafts import published
from vigint_web.services.videos.lifecycle import settle_pictures
from vigint_web.storage import NoRoom, StorageError

log = logging.getLogger(__name__)


def add_pictures(lease: Lease, video: Video, folder: Path, seen: Probe | None = None) -> None:
    """Make and publish the pictures of a clip, and end the lease; the clip stays ready.

    What interrupts it, such as a storage that does not answer, is left to the next attempt: the
    lease expires, and the reconciler enqueues the row. Without pictures after the last attempt, the
    clip has none.

    Args:
        folder: an empty working folder, or that of the attempt that made the clip.
        seen: the facts of the clip, where this process knows them.
    """
    product = Product(values={})
    try:
        if video.attempt > video.attempt_limit:
            log.warning("video %s: no attempt made its pictures, it stays without", video.id)
        else:
            product = produce_pictures(video, folder, lease, seen)
        _publish(lease, video, product)
    except LeaseLost:
        log.warning("video %s: attempt %s lost its lease", video.id, lease.attempt)
    except (NoRoom, StorageFull):
        _wait_for_room(lease, video)
    except OSError as error:
        if is_full(error):
            _wait_for_room(lease, video)
        else:
            _leave(video, error)
    except (MediaError, ToolMissing, StorageError, JobTimeoutException) as error:
        _leave(video, error)


def _publish(lease: Lease, video: Video, product: Product) -> None:
    with published(product.drafts), transaction() as session:
        settle_pictures(lease, product.values, product.files)
        if product.drawn is not None and product.drawn.poster_at is not None:
            record_poster(session, video.id, product.drawn.poster_at)
    log.info("video %s has its pictures", video.id)


def _leave(video: Video, error: Exception) -> None:
    name = type(error).__name__
    log.warning("video %s: its pictures were interrupted (%s) and will be retried", video.id, name)


def _wait_for_room(lease: Lease, video: Video) -> None:
    """Let the row wait for space; attempts that end here do not count."""
    waited = utcnow() - (video.processing_completed_at or utcnow())
    more = {} if waited > ROOM_WAITED_FOR else {"attempt_limit": Video.attempt + ATTEMPTS}
    log.warning("video %s: its pictures wait for room in the storage", video.id)
    try:
        with transaction() as session:
            waits = update(Video).where(lease.held(), Video.lease_until.is_not(None))
            change(session, waits.values(lease_until=utcnow() + LONGEST_LEASE, **more))
    except StorageFull:
        log.warning("video %s: there is no space to record that it waits", video.id)
