"""Cancel the processing of a video on a user's request."""

from sqlalchemy import update

from vigint_web.clock import utcnow
from vigint_web.errors import Conflict
from vigint_web.media.errors import MediaErrorCode
from vigint_web.models import Source, Video, VideoStatus
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.transactions import change, read_again, transaction
from vigint_web.services.sources.sources import get_source


def cancel_processing(actor: Actor, source_id: str) -> Source:
    """End the processing of a source, whether it has begun or waits for a worker.

    The row changes its owner at once: its worker notices within about a second, ends its ffmpeg,
    and can publish nothing. The original stays and can be processed again.

    Raises:
        NotFound: the actor sees no such source.
        Conflict: nothing is being processed.
    """
    source = get_source(actor, source_id)
    with transaction() as session:
        ended = change(
            session,
            update(Video)
            .where(Video.id == source.video_id, Video.status == VideoStatus.PROCESSING)
            .values(
                status=VideoStatus.FAILED,
                error_code=MediaErrorCode.CANCELLED,
                error_detail=None,
                attempt=Video.attempt + 1,
                lease_until=None,
                processing_completed_at=utcnow(),
            ),
        )
        if not ended:
            raise Conflict
        trail.record(actor, "source:cancelled", f"source:{source_id}", site_id=source.site_id)
    read_again(session, source.video)
    return source
