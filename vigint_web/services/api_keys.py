"""Create API keys and check them."""

import hashlib
import secrets
from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import select

from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import ApiKey, Scope, Site
from vigint_web.services import audit
from vigint_web.services.actors import Actor
from vigint_web.services.transactions import transaction

_PREFIX = "vgk_"
# Last use is for people to see dead keys by; a write per request would be its price.
_USE_PRECISION = timedelta(minutes=1)


def create_api_key(actor: Actor, name: str, site: Site, scopes: Collection[Scope]) -> str:
    """Add a key and return it; only its SHA-256 is kept, so it can never be shown again.

    A key is 256 random bits: a plain hash suffices, there is nothing to guess.
    """
    key = _PREFIX + secrets.token_urlsafe(32)
    with transaction() as session:
        row = ApiKey(
            site_id=site.id,
            name=name,
            prefix=key[:10],
            key_hash=_hash(key),
            scopes=" ".join(sorted(scope.value for scope in scopes)),
        )
        session.add(row)
        session.flush()
        audit.record(
            actor, "api_key:created", f"api_key:{row.id}", site_id=site.id, scopes=row.scopes
        )
    return key


def find_api_key(key: str) -> ApiKey | None:
    """Return the living key, and remember its use."""
    row = db.session.scalar(select(ApiKey).where(ApiKey.key_hash == _hash(key)))
    if row is None or row.revoked_at is not None:
        return None
    now = utcnow()
    if row.last_used_at is None or now - row.last_used_at > _USE_PRECISION:
        with transaction() as session:
            session.get_one(ApiKey, row.id).last_used_at = now
    return row


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
