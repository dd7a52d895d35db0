"""Record acts about incidents: notes, and what happened outside Vigint."""

import unicodedata
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from vigint_web.errors import Invalid, Mistake, MistakeCode, NotFound, TooManyNotes
from vigint_web.extensions import db
from vigint_web.models import ActKind, Incident, IncidentAct
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import Actor
from vigint_web.services.incidents.incidents import get_incident
from vigint_web.services.review.named_requests import (
    Named,
    act_of_repeated,
    do_once,
    find_repeated,
)

LONGEST_NOTE = 2000
# Of an incident, with records: its page shows all of them.
MOST_NOTES = 500

_DECISIONS = (ActKind.CONFIRMED, ActKind.FALSE_ALARM, ActKind.CLOSED, ActKind.REOPENED)

# What people record with one key each; they change nothing else.
OUTSIDE = frozenset({ActKind.POLICE_CALLED, ActKind.CONFIRMED_BY_SIGHT})
_COUNTED = (ActKind.NOTE, *sorted(OUTSIDE))


def add_note(actor: Actor, reference: str, text: str, *, named: Named | None = None) -> IncidentAct:
    """Add a note to an incident.

    Args:
        named: a key's name for the request; a repetition adds nothing.

    Raises:
        NotFound: the actor sees no such incident.
        Invalid: the note is empty or too long, or has control characters.
        TooManyNotes: the incident takes no more.
        IdempotencyConflict: another request had this name.
    """
    text = checked_note(text)
    if not text:
        raise Invalid([Mistake(MistakeCode.MISSING, "text")])
    return _record(actor, reference, ActKind.NOTE, text, named)


def record_outside(
    actor: Actor, reference: str, kind: ActKind, *, named: Named | None = None
) -> IncidentAct:
    """Record that the police were called, or that the call was confirmed by sight.

    Args:
        named: as above.

    Raises:
        NotFound: the actor sees no such incident.
        Invalid: it is none of these.
        TooManyNotes: the incident takes no more.
        IdempotencyConflict: another request had this name.
    """
    if kind not in OUTSIDE:
        raise Invalid([Mistake(MistakeCode.UNKNOWN_ACT, "kind")])
    return _record(actor, reference, kind, "", named)


def checked_note(text: str) -> str:
    """Return a note without white space around it.

    Raises:
        Invalid: it is too long, or has control characters or halves of characters.
    """
    # A browser counts a line break as one character and sends two.
    text = text.replace("\r\n", "\n").strip()
    if len(text) > LONGEST_NOTE:
        raise Invalid([Mistake(MistakeCode.TOO_LONG, "text", {"most": LONGEST_NOTE})])
    # No database stores halves of surrogate pairs, and PostgreSQL no NUL.
    if any(unicodedata.category(one) in {"Cc", "Cs"} and one not in "\n\r\t" for one in text):
        raise Invalid([Mistake(MistakeCode.CONTROL_CHARACTERS, "text")])
    return text


def add_act(
    session: Session,
    actor: Actor,
    incident: Incident,
    kind: ActKind,
    *,
    text: str = "",
    reason: str | None = None,
    assignee: str | None = None,
    people: Sequence[str] | None = None,
) -> IncidentAct:
    """Add an act and its audit event, in the caller's transaction.

    The audit trail says that a note was written, not its text: notes may name people, and rows of
    the trail cannot be changed.

    Args:
        people: the addresses of the users who may see a confidential incident, for the trail.
    """
    act = IncidentAct(
        incident_id=incident.id,
        kind=kind,
        actor=actor.label,
        text=text,
        reason=reason,
        assignee=assignee,
    )
    session.add(act)
    detail = {"reason": reason, "assignee": assignee, "people": people}
    trail.record(
        actor,
        f"incident:{kind.value}",
        f"incident:{incident.reference}",
        site_id=incident.site_id,
        **{name: value for name, value in detail.items() if value is not None},
    )
    return act


def acts_of(incident_id: int) -> list[IncidentAct]:
    """Return the acts about an incident, in order."""
    query = select(IncidentAct).where(IncidentAct.incident_id == incident_id)
    return list(db.session.scalars(query.order_by(IncidentAct.id)))


def last_decision(incident_id: int) -> IncidentAct | None:
    """Return the act that gave an incident its state, if there was one."""
    query = select(IncidentAct).where(
        IncidentAct.incident_id == incident_id, IncidentAct.kind.in_(_DECISIONS)
    )
    return db.session.scalar(query.order_by(IncidentAct.id.desc()).limit(1))


def _record(
    actor: Actor, reference: str, kind: ActKind, text: str, named: Named | None
) -> IncidentAct:
    incident = get_incident(actor, reference)

    def act(session: Session) -> IncidentAct:
        _refuse_too_many(session, incident)
        return add_act(session, actor, incident, kind, text=text)

    repeated = find_repeated(actor, named)
    added = do_once(actor, named, act) if repeated is None else act_of_repeated(repeated)
    if added is None:
        raise NotFound  # deleted meanwhile, with its incident
    return added


def _refuse_too_many(session: Session, incident: Incident) -> None:
    # Without a lock: on PostgreSQL simultaneous requests may exceed the limit by a few.
    query = select(func.count()).where(
        IncidentAct.incident_id == incident.id, IncidentAct.kind.in_(_COUNTED)
    )
    if (session.scalar(query) or 0) >= MOST_NOTES:
        raise TooManyNotes
