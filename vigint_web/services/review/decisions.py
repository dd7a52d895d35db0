"""Decide about incidents: one conditional update, so that of two decisions the first counts."""

from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from vigint_web.clock import utcnow
from vigint_web.errors import AlreadyDecided, DecisionOutOfOrder, Invalid, Mistake, MistakeCode
from vigint_web.extensions import db
from vigint_web.models import Incident, IncidentAct, IncidentState
from vigint_web.services.core.actors import SYSTEM, Actor
from vigint_web.services.core.bulk import MOST_AT_ONCE
from vigint_web.services.core.count_changes import note_change
from vigint_web.services.core.transactions import change
from vigint_web.services.incidents.incidents import get_incident
from vigint_web.services.review import reasons
from vigint_web.services.review.acts import add_act, checked_note, last_decision
from vigint_web.services.review.named_requests import Named, do_once, find_repeated
from vigint_web.services.review.transitions import act_of, may_follow


def decide(
    actor: Actor,
    reference: str,
    wanted: IncidentState,
    *,
    seen: IncidentState,
    reason: str | None = None,
    note: str = "",
    named: Named | None = None,
    with_repeats: bool = False,
) -> Incident:
    """Confirm an incident, call it a false alarm, close it or reopen it.

    Args:
        wanted: NEW reopens it.
        seen: the state that the actor saw; the decision counts only if it still has it.
        reason: the code of a reason, required for a false alarm.
        note: an explanation, at most `LONGEST_NOTE` characters.
        named: a key's name for the request; a repetition decides nothing.
        with_repeats: decide alike about those of its repeats that are in the state `seen`, in the
            same transaction; at most `MOST_AT_ONCE`.

    Raises:
        NotFound: the actor sees no such incident.
        Invalid: the reason is missing or unknown, or the note is refused.
        AlreadyDecided: another decision came first.
        DecisionOutOfOrder: the decision does not follow that state, or the incident is undecided.
        IdempotencyConflict: another request had this name.
    """
    incident = get_incident(actor, reference)
    note = checked_note(note)
    # First: the reason of an accepted request may have been removed since.
    if find_repeated(actor, named) is None:
        reason = checked_reason(wanted, reason)
        if not may_follow(seen, wanted):
            raise DecisionOutOfOrder

        def act(session: Session) -> IncidentAct | None:
            added = _decide(session, actor, incident, wanted, seen, reason, note)
            for repeat in find_repeats(actor, incident.id, seen) if with_repeats else []:
                _apply(session, actor, repeat, wanted, seen, reason, note)
            return added

        do_once(actor, named, act)
    return get_incident(actor, reference)


def _decide(
    session: Session,
    actor: Actor,
    incident: Incident,
    wanted: IncidentState,
    seen: IncidentState,
    reason: str | None,
    note: str,
) -> IncidentAct | None:
    added = _apply(session, actor, incident, wanted, seen, reason, note)
    if added is not None:
        return added
    _compare(get_incident(actor, incident.reference), (wanted, actor.label, reason, note))
    return None


def _apply(
    session: Session,
    actor: Actor,
    incident: Incident,
    wanted: IncidentState,
    seen: IncidentState,
    reason: str | None,
    note: str,
) -> IncidentAct | None:
    """Decide about an incident, unless it has another state than the one that was seen."""
    decided = change(
        session,
        update(Incident)
        .where(Incident.id == incident.id, Incident.state == seen)
        .values(state=wanted, **_judgement(wanted, actor, reason, utcnow())),
    )
    if not decided:
        return None
    note_change(session, incident.id)
    return add_act(session, actor, incident, act_of(wanted), text=note, reason=reason)


def find_repeats(actor: Actor, incident_id: int, state: IncidentState) -> list[Incident]:
    """Return the repeats of an incident that are in a state; at most `MOST_AT_ONCE`."""
    query = (
        select(Incident)
        .where(
            actor.scope(Incident.site_id),
            Incident.grouped_under_id == incident_id,
            Incident.state == state,
        )
        .order_by(Incident.id)
        .limit(MOST_AT_ONCE)
    )
    return list(db.session.scalars(query))


def count_undecided_repeats(actor: Actor, incident_id: int) -> int:
    """Return how many repeats of an incident are undecided."""
    query = select(func.count(Incident.id)).where(
        actor.scope(Incident.site_id),
        Incident.grouped_under_id == incident_id,
        Incident.state == IncidentState.NEW,
    )
    return db.session.scalar(query) or 0


def _compare(current: Incident, asked: tuple[IncidentState, str, str | None, str]) -> None:
    """Refuse a second decision, unless it is the same one: the second click of the same person."""
    decision = act_of(IncidentState(current.state)).value
    first = last_decision(current.id)
    if first is None and current.state == IncidentState.NEW:
        raise DecisionOutOfOrder  # the state that was seen is not of this incident
    if first is None:  # closed by the upgrade that added decisions
        raise AlreadyDecided(SYSTEM.label, decision)
    if (current.state, first.actor, first.reason, first.text) != asked:
        raise AlreadyDecided(first.actor, decision, first.at, first.reason)


def checked_reason(wanted: IncidentState, reason: str | None) -> str | None:
    """Return the reason that goes with a decision; raises Invalid when it lacks or is unknown."""
    if wanted != IncidentState.FALSE_ALARM:
        return None
    if reason not in {known.code for known in reasons.list_reasons()}:
        raise Invalid([Mistake(MistakeCode.UNKNOWN_REASON, "reason")])
    return reason


def _judgement(
    wanted: IncidentState, actor: Actor, reason: str | None, now: datetime
) -> dict[str, object]:
    if wanted == IncidentState.CLOSED:
        return {}  # a judgement stands
    if wanted == IncidentState.NEW:
        return {"decision": None, "reason": None, "decided_at": None, "decided_by": None}
    return {"decision": wanted, "reason": reason, "decided_at": now, "decided_by": actor.label}
