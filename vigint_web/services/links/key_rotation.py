"""Rotate the keys that sign links: record the key of each link, revoke links of old keys."""

from sqlalchemy import ColumnElement, func, or_, select, update

from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import Link
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.runtime import runtime
from vigint_web.services.core.transactions import change, transaction


def name_signing_keys() -> None:
    """Record the key of links that were created before there was more than one."""
    with transaction() as session:
        change(
            session,
            update(Link)
            .where(Link.signing_key.is_(None))
            .values(signing_key=runtime().tokens.key_ids[-1]),
        )


def count_open_links(*, signed_by_newest: bool) -> int:
    """Return the numbers of valid links signed by the newest key, and by others."""
    newest = _signed_by_newest()
    query = select(func.count(Link.id)).where(_open(), newest if signed_by_newest else ~newest)
    return db.session.scalar(query) or 0


def record_rotation(actor: Actor, key_id: str) -> None:
    """Record in the audit trail that a new key signs from now on; its id is not secret."""
    with transaction():
        trail.record(actor, "signing_key:rotated", f"signing_key:{key_id}")


def revoke_links_of_old_keys(actor: Actor) -> int:
    """Revoke every open link not signed by the newest key; return their number."""
    with transaction() as session:
        found = list(session.scalars(select(Link).where(_open(), ~_signed_by_newest())))
        for link in found:
            link.revoked_at, link.revoked_by = utcnow(), actor.label
            link.revoked_reason = "signing key retired"
            trail.record(
                actor,
                "link:revoked",
                f"link:{link.id}",
                site_id=link.site_id,
                reason=link.revoked_reason,
            )
        trail.record(
            actor, "signing_key:retired", f"signing_key:{runtime().tokens.newest}", links=len(found)
        )
    return len(found)


def _open() -> ColumnElement[bool]:
    return Link.revoked_at.is_(None) & or_(Link.expires_at.is_(None), Link.expires_at > utcnow())


def _signed_by_newest() -> ColumnElement[bool]:
    tokens = runtime().tokens
    # A link without a key id was signed by the oldest key, which may be the only one.
    key = func.coalesce(Link.signing_key, tokens.key_ids[-1])
    return key == tokens.newest
