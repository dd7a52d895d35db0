"""Remember the named requests of keys, so that a repeated one changes nothing again."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from vigint_web.clock import utcnow
from vigint_web.errors import IdempotencyConflict
from vigint_web.extensions import db
from vigint_web.models import IncidentAct, NamedRequest
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.transactions import change, transaction

# As long as the names of posted incidents.
_KEPT = timedelta(days=30)


@dataclass(frozen=True)
class Named:
    """A key's name for a request, and the SHA-256 of what it asks for."""

    name: str
    fingerprint: str


def fingerprint(method: str, path: str, members: Mapping[str, object]) -> str:
    """Return the SHA-256 of a request, whatever the order and the encoding of its members."""
    text = json.dumps([method, path, members], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def find_repeated(actor: Actor, named: Named | None) -> NamedRequest | None:
    """Return an earlier identical request of a key that was accepted.

    Raises:
        IdempotencyConflict: another request had this name.
    """
    if named is None or actor.api_key_id is None:
        return None
    found = db.session.scalar(
        select(NamedRequest).where(
            NamedRequest.api_key_id == actor.api_key_id,
            NamedRequest.request_id == named.name,
            NamedRequest.created_at >= _oldest(),
        )
    )
    if found is not None and found.fingerprint != named.fingerprint:
        raise IdempotencyConflict
    return found


def do_once(
    actor: Actor, named: Named | None, act: Callable[[Session], IncidentAct | None]
) -> IncidentAct | None:
    """Act in a transaction that keeps the request's name; a refusal keeps none.

    Returns:
        The added act, or that of a simultaneous identical request; None if nothing was to change.

    Raises:
        IdempotencyConflict: another request had this name at the same moment.
    """
    try:
        with transaction() as session:
            request = _remember(session, actor, named)
            added = act(session)
            if request is not None and added is not None:
                session.flush()
                request.act_id = added.id
            return added
    except IntegrityError:
        # The name is in use: the same request at the same moment in another thread.
        found = find_repeated(actor, named)
        if found is None:
            raise
        return act_of_repeated(found)


def act_of_repeated(request: NamedRequest) -> IncidentAct | None:
    """Return the act that an earlier request added, if it changed anything."""
    return db.session.get(IncidentAct, request.act_id) if request.act_id is not None else None


def forget_old_names() -> int:
    """Delete names that are no longer kept; return their number."""
    with transaction() as session:
        return change(session, delete(NamedRequest).where(NamedRequest.created_at < _oldest()))


def _remember(session: Session, actor: Actor, named: Named | None) -> NamedRequest | None:
    """Store the name first: of simultaneous identical requests the others wait here, and fail."""
    if named is None or actor.api_key_id is None:
        return None
    lapsed = delete(NamedRequest).where(
        NamedRequest.api_key_id == actor.api_key_id,
        NamedRequest.request_id == named.name,
        NamedRequest.created_at < _oldest(),
    )
    change(session, lapsed)
    request = NamedRequest(
        api_key_id=actor.api_key_id, request_id=named.name, fingerprint=named.fingerprint
    )
    session.add(request)
    session.flush()
    return request


def _oldest() -> datetime:
    return utcnow() - _KEPT
