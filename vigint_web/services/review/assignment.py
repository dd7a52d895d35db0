"""Assign incidents to users."""

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from vigint_web.errors import AssignedMeanwhile, Invalid, Mistake, MistakeCode
from vigint_web.extensions import db
from vigint_web.models import ActKind, Incident, IncidentAct, IncidentState, Role, Site, User
from vigint_web.permissions import Permission, may
from vigint_web.services.accounts.users import normalise_email, select_users_of
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.transactions import change, transaction
from vigint_web.services.incidents.incidents import get_incident
from vigint_web.services.review.acts import add_act
from vigint_web.services.review.confidentiality import may_read
from vigint_web.services.review.decisions import find_repeats
from vigint_web.services.review.named_requests import Named, do_once, find_repeated

_WORKING = [role for role in Role if may(role, Permission.MANAGE_INCIDENTS)]


def assignable(site_id: int, incident_id: int | None = None) -> list[User]:
    """Return the users who may work on a site's incidents, by address.

    Args:
        incident_id: only those who may see this incident.
    """
    query = select_users_of(Site.id == site_id).where(User.role.in_(_WORKING))
    if incident_id is not None:
        query = query.where(may_read(incident_id))
    return list(db.session.scalars(query))


def assignable_by(actor: Actor) -> list[User]:
    """Return the users who may work on incidents of the actor's sites, by address."""
    query = select_users_of(actor.scope(Site.id)).where(User.role.in_(_WORKING))
    return list(db.session.scalars(query))


def assign(actor: Actor, reference: str, user_id: int | None, *, seen: int | None) -> Incident:
    """Assign an incident to a user, or to none.

    Args:
        seen: the assignee that the actor saw.

    Raises:
        NotFound: the actor sees no such incident.
        Invalid: the user may not work on it.
        AssignedMeanwhile: it has been assigned to another one since.
    """
    incident = get_incident(actor, reference)
    email = None
    if user_id is not None:
        known = {user.id: user.email for user in assignable(incident.site_id, incident.id)}
        if user_id not in known:
            raise Invalid([Mistake(MistakeCode.UNKNOWN_ASSIGNEE, "assignee")])
        email = known[user_id]
    with transaction() as session:
        _assign(session, actor, incident, user_id, email, seen)
    return get_incident(actor, reference)


def assign_by_address(
    actor: Actor,
    reference: str,
    email: str | None,
    *,
    seen: str | None,
    named: Named | None = None,
    with_repeats: bool = False,
) -> Incident:
    """Assign an incident to the user with an address, or to none.

    Args:
        seen: the address of the assignee that the actor saw.
        named: a key's name for the request; a repetition assigns nothing.
        with_repeats: assign alike those of its repeats that have its state and the assignee that
            it had, in the same transaction; at most `MOST_AT_ONCE`.

    Raises:
        NotFound: the actor sees no such incident.
        Invalid: no user with this address may work on it.
        AssignedMeanwhile: it is assigned to another one than the actor saw.
        IdempotencyConflict: another request had this name.
    """
    incident = get_incident(actor, reference)
    # First: the user of an accepted request may have been deactivated since.
    if find_repeated(actor, named) is None:
        user_id, wanted = _user_with(email, incident)
        expected = normalise_email(seen) if seen is not None else None

        def act(session: Session) -> IncidentAct | None:
            current = get_incident(actor, reference)
            present = assignee_of(current)
            if present not in {expected, wanted}:
                raise AssignedMeanwhile(present)
            added = _assign(session, actor, current, user_id, wanted, current.assignee_id)
            if with_repeats:
                seen_id = _id_of(expected)
                for one in find_repeats(actor, current.id, IncidentState(current.state)):
                    _apply(session, actor, one, user_id, wanted, seen_id)
            return added

        do_once(actor, named, act)
    return get_incident(actor, reference)


def _user_with(email: str | None, incident: Incident) -> tuple[int | None, str | None]:
    if email is None:
        return None, None
    wanted = normalise_email(email)
    known = {user.email: user.id for user in assignable(incident.site_id, incident.id)}
    user_id = known.get(wanted)
    if user_id is None:
        raise Invalid([Mistake(MistakeCode.NOT_ASSIGNABLE, "email")])
    return user_id, wanted


def _assign(
    session: Session,
    actor: Actor,
    incident: Incident,
    user_id: int | None,
    email: str | None,
    seen: int | None,
) -> IncidentAct | None:
    added = _apply(session, actor, incident, user_id, email, seen)
    if added is not None:
        return added
    current = get_incident(actor, incident.reference)
    if current.assignee_id != user_id:
        raise AssignedMeanwhile(assignee_of(current))
    return None


def _apply(
    session: Session,
    actor: Actor,
    incident: Incident,
    user_id: int | None,
    email: str | None,
    seen: int | None,
) -> IncidentAct | None:
    """Assign an incident that has the assignee who was seen, and not this one already."""
    changed = change(
        session,
        update(Incident)
        .where(
            Incident.id == incident.id,
            Incident.assignee_id.is_not_distinct_from(seen),
            Incident.assignee_id.is_distinct_from(user_id),
        )
        .values(assignee_id=user_id),
    )
    if not changed:
        return None
    kind = ActKind.UNASSIGNED if user_id is None else ActKind.ASSIGNED
    return add_act(session, actor, incident, kind, assignee=email)


def _id_of(email: str | None) -> int | None:
    return None if email is None else db.session.scalar(select(User.id).where(User.email == email))


def assignee_of(incident: Incident) -> str | None:
    """Return the address of the user an incident is assigned to."""
    if incident.assignee_id is None:
        return None
    user = db.session.get(User, incident.assignee_id)
    return user.email if user is not None else None


def assignees_of(incidents: list[Incident]) -> dict[int, str]:
    """Return the addresses of the assigned users of some incidents, by user id."""
    ids = {row.assignee_id for row in incidents if row.assignee_id is not None}
    if not ids:
        return {}
    rows = db.session.execute(select(User.id, User.email).where(User.id.in_(ids)))
    return {row.id: row.email for row in rows}
