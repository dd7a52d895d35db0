"""Write the audit trail, in the transaction of the recorded action, and verify it."""

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
from vigint_web.services.core.transactions import before_commit, open_notes

GENESIS = "0" * 64
_EVENTS = "audit events"
_LOCK = 0x56494749  # one number for the whole installation: the chain has one writer at a time


def record(
    actor: Actor, action: str, subject: str, *, site_id: int | None = None, **detail: Any
) -> None:
    """Append one event to the chain, in the open transaction of the recorded change.

    It is written last before the commit: a transaction that holds the chain's lock takes no further
    lock, so this lock causes no deadlock.
    """
    events = open_notes(_EVENTS)
    if not events:
        before_commit(lambda: _append(events))
    events.append((utcnow(), actor.label, action, subject, site_id, detail))


def first_broken_event() -> int | None:
    """Return the number of the first event with a wrong hash of its predecessor, or None."""
    return read_chain(lambda _event: None)[1]


def read_chain(each: Callable[[AuditEvent], None]) -> tuple[int, int | None]:
    """Read the chain from its beginning, and stop at the first invalid event.

    Args:
        each: called with every valid event, in order.

    Returns:
        The number of valid events, and the number of the first invalid one; None: all are valid.
    """
    previous, expected = GENESIS, 1
    chain = select(AuditEvent).order_by(AuditEvent.id).execution_options(yield_per=500)
    with db.session.scalars(chain) as events:  # PostgreSQL keeps a cursor until it is closed
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


def _append(events: list[Any]) -> None:
    """Write the events of a transaction, and forget them."""
    session = db.session()
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    last = session.execute(
        select(AuditEvent.id, AuditEvent.hash).order_by(AuditEvent.id.desc()).limit(1)
    ).first()
    newest, previous = (last.id, last.hash) if last else (0, GENESIS)
    for number, fields in enumerate(events, start=newest + 1):
        digest = _digest(previous, number, *fields)
        at, actor, action, subject, site_id, detail = fields
        session.add(
            AuditEvent(
                id=number,
                at=at,
                actor=actor,
                action=action,
                subject=subject,
                site_id=site_id,
                detail=dict(detail),
                previous_hash=previous,
                hash=digest,
            )
        )
        previous = digest
    events.clear()
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
