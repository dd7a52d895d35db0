"""Record acts about incidents: notes, and what happened outside Vigint."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from vigint_web.errors import Invalid, Mistake, MistakeCode
from vigint_web.extensions import db
from vigint_web.models import ActKind, Incident, IncidentAct
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.transactions import transaction
from vigint_web.services.incidents.incidents import get_incident

LONGEST_NOTE = 2000

_DECISIONS = (ActKind.CONFIRMED, ActKind.FALSE_ALARM, ActKind.CLOSED, ActKind.REOPENED)

# What people record with one key each; they change nothing else.
OUTSIDE = frozenset({ActKind.POLICE_CALLED, ActKind.CONFIRMED_BY_SIGHT})


def add_note(actor: Actor, reference: str, text: str) -> IncidentAct:
    """Add a note to an incident.

    Raises:
        NotFound: the actor sees no such incident.
        Invalid: the note is empty or too long.
    """
    text = checked_note(text)
    if not text:
        raise Invalid([Mistake(MistakeCode.MISSING, "text")])
    return _record(actor, reference, ActKind.NOTE, text)


def record_outside(actor: Actor, reference: str, kind: ActKind) -> IncidentAct:
    """Record that the police were called, or that the call was confirmed by sight.

    Raises:
        NotFound: the actor sees no such incident.
        Invalid: it is none of these.
    """
    if kind not in OUTSIDE:
        raise Invalid([Mistake(MistakeCode.UNKNOWN_ACT, "kind")])
    return _record(actor, reference, kind, "")


def checked_note(text: str) -> str:
    """Return a note without white space around it; raises Invalid when it is too long."""
    # A browser counts a line break as one character and sends two.
    text = text.replace("\r\n", "\n").strip()
    if len(text) > LONGEST_NOTE:
        raise Invalid([Mistake(MistakeCode.TOO_LONG, "text", {"most": LONGEST_NOTE})])
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
) -> IncidentAct:
    """Add an act and its audit event, in the caller's transaction.

    The audit trail says that a note was written, not its text: notes may name people, and rows of
    the trail cannot be changed.
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
    detail = {"reason": reason, "assignee": assignee}
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


def _record(actor: Actor, reference: str, kind: ActKind, text: str) -> IncidentAct:
    incident = get_incident(actor, reference)
    with transaction() as session:
        return add_act(session, actor, incident, kind, text=text)
