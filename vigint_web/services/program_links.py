"""Manage the link by which programs read a source: when it ends, and when it works again."""

from datetime import datetime

from sqlalchemy import update

from vigint_web.clock import utcnow
from vigint_web.errors import Conflict, Invalid, NotFound
from vigint_web.models import Link
from vigint_web.services import audit, links
from vigint_web.services.actors import Actor
from vigint_web.services.sharing import expiry_mistakes
from vigint_web.services.sources import get_source
from vigint_web.services.transactions import change, transaction


def set_expiry(actor: Actor, source_id: str, expires_at: datetime | None) -> Link:
    """Let a program's token end at a time, or never; an expired one works again.

    Raises:
        Conflict: it is revoked.
        Invalid: the end is over, or later than the footage is kept; as codes.
    """
    with transaction() as session:
        link = _link(actor, source_id)
        mistakes = expiry_mistakes(expires_at, link.video, utcnow()) if expires_at else []
        if mistakes:
            raise Invalid(mistakes)
        before = link.expires_at
        changed = change(
            session,
            update(Link)
            .where(Link.id == link.id, Link.revoked_at.is_(None))
            .values(expires_at=expires_at),
        )
        if not changed:
            raise Conflict
        session.refresh(link)
        audit.record(
            actor,
            "link:expiry_changed",
            f"link:{link.id}",
            site_id=link.site_id,
            before=before.isoformat() if before else None,
            after=expires_at.isoformat() if expires_at else None,
        )
    return link


def renew(actor: Actor, source_id: str) -> Link:
    """Give a source's programs a new token; the old one opens nothing any more.

    What was revoked or had expired works again, without an end.

    Raises:
        Conflict: it was revoked by somebody who may what the actor may not.
    """
    with transaction():
        link = _link(actor, source_id)
        if link.expires_at is not None and link.expires_at <= utcnow():
            link.expires_at = None
        return links.rotate_program_link(actor, link.id)


def revoke(actor: Actor, source_id: str, reason: str = "") -> Link:
    """Let a source's programs read nothing any more, at once."""
    with transaction():
        return links.revoke_link(actor, _link(actor, source_id).id, reason)


def _link(actor: Actor, source_id: str) -> Link:
    link = links.program_link(get_source(actor, source_id).video_id)
    if link is None:
        raise NotFound
    return link
