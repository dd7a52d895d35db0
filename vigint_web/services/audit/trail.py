"""Write the audit trail, in the transaction of what it tells, and check that nobody changed it."""

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select, text

from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import AuditEvent
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.transactions import before_commit

GENESIS = "0" * 64
_LOCK = 0x56494749  # one number for the whole installation: the chain has one writer at a time


def record(
    actor: Actor, action: str, subject: str, *, site_id: int | None = None, **detail: Any
) -> None:
    """Append one event to the chain, inside the open transaction of the change it tells.

    It is written as the last thing before the commit: whoever holds the chain's lock asks for no
    other, so two transactions can never wait for each other.
    """
    at = utcnow()
    before_commit(lambda: _append(at, actor.label, action, subject, site_id, detail))


def first_broken_event() -> int | None:
    """Return the number of the first event that does not follow from the one before, or None."""
    return read_chain(lambda _event: None)[1]


def read_chain(each: Callable[[AuditEvent], None]) -> tuple[int, int | None]:
    """Read the chain from its beginning, and stop where an event does not follow.

    Args:
        each: is given every event that follows from the one before, in order.

    Returns:
        How many follow, and the number of the first one that does not; None: all do.
    """
    previous, expected = GENESIS, 1
    chain = select(AuditEvent).order_by(AuditEvent.id).execution_options(yield_per=500)
    with db.session.scalars(chain) as events:  # PostgreSQL holds a cursor until it is closed
        for event in events:
            fields = (
                event.at, event.actor, event.action, event.subject, event.site_id, event.detail,
            )  # fmt: skip
            follows = event.id == expected and event.previous_hash == previous
            if not follows or event.hash != _digest(previous, event.id, *fields):
                return expected - 1, expected
            each(event)
            previous, expected = event.hash, expected + 1
    return expected - 1, None


def _append(
    at: datetime,
    actor: str,
    action: str,
    subject: str,
    site_id: int | None,
    detail: Mapping[str, Any],
) -> None:
    session = db.session()
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    last = session.execute(
        select(AuditEvent.id, AuditEvent.hash).order_by(AuditEvent.id.desc()).limit(1)
    ).first()
    number, previous = (last.id, last.hash) if last else (0, GENESIS)
    fields = (at, actor, action, subject, site_id, detail)
    session.add(
        AuditEvent(
            id=number + 1,
            at=at,
            actor=actor,
            action=action,
            subject=subject,
            site_id=site_id,
            detail=dict(detail),
            previous_hash=previous,
            hash=_digest(previous, number + 1, *fields),
        )
    )
    session.flush()


def _digest(
    previous: str,
    number: int,
    at: datetime,
    actor: str,
    action: str,
    subject: str,
    site_id: int | None,
    detail: Mapping[str, Any],
) -> str:
    fields = [number, at.isoformat(), actor, action, subject, site_id, dict(detail)]
    body = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256((previous + body).encode()).hexdigest()
