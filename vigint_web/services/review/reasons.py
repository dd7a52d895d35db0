"""Edit the reasons for false alarms, and find the one that a camera had last."""

import secrets

from sqlalchemy import Select, func, literal, select
from sqlalchemy.orm import Session

from vigint_web.clock import utcnow
from vigint_web.errors import Conflict, NotFound
from vigint_web.extensions import db
from vigint_web.i18n.normal_forms import normalized
from vigint_web.i18n.reasons import reason_words
from vigint_web.models import FalseAlarmReason, Incident, IncidentState
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.transactions import transaction

MOST_REASONS = 20


def list_reasons() -> list[FalseAlarmReason]:
    """Return the reasons that can be chosen, in order."""
    query = select(FalseAlarmReason).where(FalseAlarmReason.retired_at.is_(None))
    return list(db.session.scalars(query.order_by(FalseAlarmReason.position, FalseAlarmReason.id)))


def reason_labels() -> dict[str, str | None]:
    """Return all labels by code, of retired reasons too; None: an initial one, not renamed."""
    rows = db.session.execute(select(FalseAlarmReason.code, FalseAlarmReason.label))
    return {row.code: row.label for row in rows}


def last_reason_of(camera_id: int | None) -> str | None:
    """Return the code of the reason of a camera's last false alarm, None if there was none.

    Of those that the acting person sees: the camera must be of an incident of theirs.
    """
    if camera_id is None:
        return None
    return db.session.scalar(_false_alarms_of(camera_id).limit(1))


def _false_alarms_of(camera_id: int) -> Select[str | None]:
    # In the statement's text, as the partial index has it.
    decision = literal(IncidentState.FALSE_ALARM.value, literal_execute=True)
    query = select(Incident.reason).where(
        Incident.camera_id == camera_id, Incident.decision == decision
    )
    return query.order_by(Incident.decided_at.desc())


def add_reason(actor: Actor, label: str) -> FalseAlarmReason:
    """Add a reason at the end.

    Raises:
        Conflict: the label is empty or taken, or there are `MOST_REASONS`.
    """
    label = normalized("NFC", label.strip())
    with transaction() as session:
        _lock(session)
        if not label or len(list_reasons()) >= MOST_REASONS or _is_taken(label):
            raise Conflict
        last = session.scalar(select(func.max(FalseAlarmReason.position))) or 0
        added = FalseAlarmReason(code=f"own-{secrets.token_hex(4)}", label=label, position=last + 1)
        session.add(added)
        trail.record(actor, "reason:added", f"reason:{added.code}", label=label)
    return added


def rename_reason(actor: Actor, code: str, label: str) -> FalseAlarmReason:
    """Change a reason's label, in past decisions too.

    Raises:
        NotFound: there is no such reason.
        Conflict: the label is empty, or another reason has it.
    """
    label = normalized("NFC", label.strip())
    with transaction() as session:
        _lock(session)
        reason = _reason(code)
        if label == reason_words(code, reason.label):
            return reason  # an initial one stays translated
        if not label or _is_taken(label, other_than=code):
            raise Conflict
        reason.label = label
        trail.record(actor, "reason:renamed", f"reason:{code}", label=label)
    return reason


def retire_reason(actor: Actor, code: str) -> FalseAlarmReason:
    """Remove a reason from the choice; past decisions keep it.

    Raises:
        NotFound: there is no such reason.
        Conflict: it is the last one.
    """
    with transaction() as session:
        _lock(session)
        reason = _reason(code)
        if len(list_reasons()) == 1:
            raise Conflict
        reason.retired_at = utcnow()
        trail.record(actor, "reason:retired", f"reason:{code}")
    return reason


def _lock(session: Session) -> None:
    """Let one change of the list follow the other: on SQLite the transaction does."""
    session.execute(select(FalseAlarmReason.id).with_for_update())


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
        reason_words(reason.code, reason.label).casefold() == label.casefold()
        and reason.code != other_than
        for reason in list_reasons()
    )
