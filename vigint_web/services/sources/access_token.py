"""Manage the programs' link of a source: its expiry and renewal."""

from datetime import datetime

from vigint_web.clock import utcnow
from vigint_web.errors import NotFound
from vigint_web.models import Audience, Link
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.transactions import transaction
from vigint_web.services.links import links
from vigint_web.services.links.sharing import set_end
from vigint_web.services.sources.sources import get_source


def set_expiry(actor: Actor, source_id: str, expires_at: datetime | None) -> Link:
    """Let a program's token end at a time, or never; an expired one works again.

    Raises:
        Conflict: it is revoked.
        Invalid: the end is over, or later than the footage is kept.
    """
    with transaction():
        return set_end(actor, _link(actor, source_id), Audience.PROGRAM, expires_at)


def renew(actor: Actor, source_id: str) -> Link:
    """Give a source's programs a new token; the old one becomes invalid.

    A revoked or expired link becomes valid again, without an end.

    Raises:
        Conflict: it was revoked by a person whose permission the actor lacks.
    """
    with transaction():
        link = _link(actor, source_id)
        if link.expires_at is not None and link.expires_at <= utcnow():
            link.expires_at = None
        return links.rotate_program_link(actor, link.id)


def revoke(actor: Actor, source_id: str, reason: str = "") -> Link:
    """Revoke the programs' token of a source at once."""
    with transaction():
        return links.revoke_link(actor, _link(actor, source_id).id, reason)


def _link(actor: Actor, source_id: str) -> Link:
    link = links.program_link(get_source(actor, source_id).video_id)
    if link is None:
        raise NotFound
    return link
