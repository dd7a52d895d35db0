"""Write the audit trail, in the transaction of what it tells, and check that nobody changed it."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select, text

from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import AuditEvent
from vigint_web.services.actors import Actor
from vigint_web.services.transactions import transaction

_GENESIS = "0" * 64
_LOCK = 0x56494749  # one number for the whole installation: the chain has one writer at a time


def record(
    actor: Actor, action: str, subject: str, *, site_id: int | None = None, **detail: Any
) -> None:
    """Append one event to the chain; must run inside the transaction of the change it tells."""
    with transaction() as session:
        if session.get_bind().dialect.name == "postgresql":
            session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        session.flush()
        last = session.execute(
            select(AuditEvent.id, AuditEvent.hash).order_by(AuditEvent.id.desc()).limit(1)
        ).first()
        number, previous = (last.id, last.hash) if last else (0, _GENESIS)
        at = utcnow()
        body = _body(number + 1, at, actor.label, action, subject, site_id, detail)
        session.add(
            AuditEvent(
                id=number + 1,
                at=at,
                actor=actor.label,
                action=action,
                subject=subject,
                site_id=site_id,
                detail=dict(detail),
                previous_hash=previous,
                hash=_digest(previous, body),
            )
        )
        session.flush()


def first_broken_event() -> int | None:
    """Return the number of the first event that does not follow from the one before, or None."""
    previous, expected = _GENESIS, 1
    for event in db.session.scalars(
        select(AuditEvent).order_by(AuditEvent.id).execution_options(yield_per=500)
    ):
        body = _body(
            event.id,
            event.at,
            event.actor,
            event.action,
            event.subject,
            event.site_id,
            event.detail,
        )
        follows = event.id == expected and event.previous_hash == previous
        if not follows or event.hash != _digest(previous, body):
            return expected
        previous, expected = event.hash, expected + 1
    return None


def _body(
    number: int,
    at: datetime,
    actor: str,
    action: str,
    subject: str,
    site_id: int | None,
    detail: Mapping[str, Any],
) -> bytes:
    fields = [number, at.isoformat(), actor, action, subject, site_id, dict(detail)]
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def _digest(previous: str, body: bytes) -> str:
    return hashlib.sha256(previous.encode() + body).hexdigest()
