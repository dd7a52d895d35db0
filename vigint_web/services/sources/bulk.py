"""Bulk actions on sources, each in its own transaction, with an exact report."""

from collections.abc import Sequence

from sqlalchemy import select

from vigint_web.errors import Invalid, Mistake, MistakeCode
from vigint_web.extensions import db
from vigint_web.models import Source, VideoStatus
from vigint_web.models.video_file import ORIGINAL
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.bulk import MOST_AT_ONCE, BulkOutcome, apply_to_each
from vigint_web.services.sources import sources, tags
from vigint_web.services.sources.editing import add_tags


def choose(actor: Actor, source_ids: Sequence[str]) -> list[Source]:
    """Return the selected sources that exist for an actor, newest first."""
    query = select(Source).where(
        actor.scope(Source.site_id), Source.source_id.in_(source_ids[:MOST_AT_ONCE])
    )
    return list(db.session.scalars(query.order_by(Source.id.desc())))


def can_retry(source: Source) -> bool:
    """Return whether a source has failed and has something that could be processed again."""
    return source.video.status == VideoStatus.FAILED and source.video.file(*ORIGINAL) is not None


def delete_many(actor: Actor, source_ids: Sequence[str]) -> BulkOutcome:
    """Delete sources with all their files and links."""
    return apply_to_each(source_ids, lambda source_id: sources.delete_source(actor, source_id))


def retry_many(actor: Actor, source_ids: Sequence[str]) -> BulkOutcome:
    """Process failed sources again."""
    return apply_to_each(source_ids, lambda source_id: sources.retry_source(actor, source_id))


def tag_many(actor: Actor, source_ids: Sequence[str], text: str) -> BulkOutcome:
    """Add tags to sources.

    Raises:
        Invalid: there is no tag, or a tag is invalid; nothing was done.
    """
    names = tags.parse_tags(text)
    mistakes = tags.tag_mistakes(names) if names else [Mistake(MistakeCode.NO_TAG, "tags")]
    if mistakes:
        raise Invalid(mistakes)
    return apply_to_each(source_ids, lambda source_id: add_tags(actor, source_id, names))
