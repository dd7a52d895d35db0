"""Find sources whose bytes were stored before, and let users keep both."""

from sqlalchemy import select

from vigint_web.extensions import db
from vigint_web.models import Source, Video
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.transactions import transaction
from vigint_web.services.sources.sources import get_source

_MOST = 20


def find_duplicates(actor: Actor, source: Source) -> list[Source]:
    """Return the older sources of the actor's sites with the same file, oldest first.

    Of two that arrived together only the later one is a duplicate.
    """
    sha256 = source.video.original_sha256
    if sha256 is None:
        return []
    return list(
        db.session.scalars(
            select(Source)
            .join(Video)
            .where(
                actor.scope(Source.site_id),
                Video.original_sha256 == sha256,
                Source.id < source.id,
            )
            .order_by(Source.id)
            .limit(_MOST)
        )
    )


def keep_duplicate(actor: Actor, source_id: str) -> Source:
    """Keep a source although its bytes are already stored; raises NotFound."""
    with transaction():
        source = get_source(actor, source_id)
        if not source.keeps_duplicate:
            source.keeps_duplicate = True
            trail.record(
                actor,
                "source:duplicate_kept",
                f"source:{source_id}",
                site_id=source.site_id,
                sha256=source.video.original_sha256,
            )
    return source
