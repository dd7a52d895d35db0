"""Edit the reasons of false alarms."""

import secrets

from sqlalchemy import func, select

from vigint_web.clock import utcnow
from vigint_web.errors import Conflict, NotFound
from vigint_web.extensions import db
from vigint_web.i18n.normal_forms import normalized
from vigint_web.models import FalseAlarmReason
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.transactions import transaction

# Digits choose a reason while an incident is decided by keyboard.
MOST_REASONS = 20


def list_reasons() -> list[FalseAlarmReason]:
    """Return the reasons that can be chosen, in order."""
    query = select(FalseAlarmReason).where(FalseAlarmReason.retired_at.is_(None))
    return list(db.session.scalars(query.order_by(FalseAlarmReason.position, FalseAlarmReason.id)))


def reason_labels() -> dict[str, str | None]:
    """Return all labels by code, of retired reasons too; None: an initial one, not renamed."""
    rows = db.session.execute(select(FalseAlarmReason.code, FalseAlarmReason.label))
    return {row.code: row.label for row in rows}


def add_reason(actor: Actor, label: str) -> FalseAlarmReason:
    """Add a reason at the end; raises Conflict where there are `MOST_REASONS`, or one so named."""
    label = normalized("NFC", label.strip())
    if len(list_reasons()) >= MOST_REASONS or _is_taken(label):
        raise Conflict
    with transaction() as session:
        last = session.scalar(select(func.max(FalseAlarmReason.position))) or 0
        added = FalseAlarmReason(code=f"own-{secrets.token_hex(4)}", label=label, position=last + 1)
        session.add(added)
        trail.record(actor, "reason:added", f"reason:{added.code}", label=label)
    return added


def rename_reason(actor: Actor, code: str, label: str) -> FalseAlarmReason:
    """Change a reason's label, in past decisions too.

    Raises:
        NotFound: there is no such reason.
        Conflict: another one is so named.
    """
    label = normalized("NFC", label.strip())
    reason = _reason(code)
    if _is_taken(label, other_than=code):
        raise Conflict
    with transaction():
        reason.label = label
        trail.record(actor, "reason:renamed", f"reason:{code}", label=label)
    return reason


def retire_reason(actor: Actor, code: str) -> FalseAlarmReason:
    """Remove a reason from the choice; past decisions keep it.

    Raises:
        NotFound: there is no such reason.
        Conflict: it is the last one.
    """
    reason = _reason(code)
    if len(list_reasons()) == 1:
        raise Conflict
    with transaction():
        reason.retired_at = utcnow()
        trail.record(actor, "reason:retired", f"reason:{code}")
    return reason


def _reason(code: str) -> FalseAlarmReason:
    query = select(FalseAlarmReason).where(
        FalseAlarmReason.code == code, FalseAlarmReason.retired_at.is_(None)
    )
    found = db.session.scalar(query)
    if found is None:
        raise NotFound
    return found


def _is_taken(label: str, *, other_than: str = "") -> bool:
    return any(
        reason.label is not None
        and reason.label.casefold() == label.casefold()
        and reason.code != other_than
        for reason in list_reasons()
    )
