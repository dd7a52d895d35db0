"""Create, list, check and revoke API keys."""

from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import func, or_, select, update

from vigint_web.clock import utcnow
from vigint_web.crypto.tokens import digest, new_token
from vigint_web.errors import NotFound
from vigint_web.extensions import db
from vigint_web.models import ApiKey, Scope, Site
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.transactions import change, read_again, transaction

_PREFIX = "vgk_"
# The last use is shown to people for finding unused keys; a write per request would be too
# expensive.
_USE_PRECISION = timedelta(minutes=1)


def create_api_key(
    actor: Actor,
    name: str,
    site: Site,
    scopes: Collection[Scope],
    *,
    days: int | None = None,
) -> str:
    """Add a key and return it; only its SHA-256 is stored, so it can never be shown again.

    A key is 256 random bits: a plain hash suffices, because it cannot be guessed.

    Args:
        days: its validity; None: until it is revoked.
    """
    key = _PREFIX + new_token()
    with transaction() as session:
        row = ApiKey(
            site_id=site.id,
            name=name,
            prefix=key[:10],
            key_hash=digest(key),
            scopes=" ".join(sorted(scope.value for scope in scopes)),
            created_by=actor.label,
            expires_at=utcnow() + timedelta(days=days) if days is not None else None,
        )
        session.add(row)
        session.flush()
        trail.record(
            actor, "api_key:created", f"api_key:{row.id}", site_id=site.id, scopes=row.scopes
        )
    return key


def list_api_keys(actor: Actor, limit: int = 500) -> list[ApiKey]:
    """Return the keys of an actor's sites, valid ones first, then the newest first."""
    query = (
        select(ApiKey)
        .where(actor.scope(ApiKey.site_id))
        .order_by(ApiKey.revoked_at.is_not(None), ApiKey.id.desc())
        .limit(limit)
    )
    return list(db.session.scalars(query))


def is_name_taken(name: str, site: Site) -> bool:
    """Return whether a valid key of a site already has this name."""
    query = select(func.count(ApiKey.id)).where(
        ApiKey.site_id == site.id,
        ApiKey.name == name,
        ApiKey.revoked_at.is_(None),
        or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > utcnow()),
    )
    return bool(db.session.scalar(query))


def revoke_api_key(actor: Actor, key_id: int) -> ApiKey:
    """Revoke a key from its next request on; repeated revocation is ignored. Raises NotFound."""
    with transaction() as session:
        key = session.get(ApiKey, key_id)
        if key is None or not actor.sees(key.site_id):
            raise NotFound
        done = change(
            session,
            update(ApiKey)
            .where(ApiKey.id == key_id, ApiKey.revoked_at.is_(None))
            .values(revoked_at=utcnow(), revoked_by=actor.label),
        )
        if done:
            trail.record(
                actor, "api_key:revoked", f"api_key:{key_id}", site_id=key.site_id, name=key.name
            )
        read_again(session, key)
    return key


def find_api_key(key: str) -> ApiKey | None:
    """Return the valid key, and record its use."""
    row = db.session.scalar(select(ApiKey).where(ApiKey.key_hash == digest(key)))
    now = utcnow()
    if row is None or row.revoked_at is not None:
        return None
    if row.expires_at is not None and row.expires_at <= now:
        return None
    if row.last_used_at is None or now - row.last_used_at > _USE_PRECISION:
        with transaction() as session:
            session.get_one(ApiKey, row.id).last_used_at = now
    return row
