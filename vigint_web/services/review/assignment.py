"""Assign incidents to users."""

from sqlalchemy import or_, select, update

from vigint_web.errors import AssignedMeanwhile, Invalid, Mistake, MistakeCode
from vigint_web.extensions import db
from vigint_web.models import ActKind, Incident, Role, Site, User
from vigint_web.permissions import Permission, may
from vigint_web.services.accounts.users import normalise_email
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.transactions import change, transaction
from vigint_web.services.incidents.incidents import get_incident
from vigint_web.services.review.acts import add_act, find_repeated, once


def assignable(site_id: int) -> list[User]:
    """Return the users who may work on a site's incidents, by address."""
    roles = [role for role in Role if may(role, Permission.MANAGE_INCIDENTS)]
    granted = User.sites.any(Site.id == site_id)
    query = select(User).where(
        User.active, User.role.in_(roles), or_(User.role == Role.ADMIN, granted)
    )
    return list(db.session.scalars(query.order_by(User.email)))


def assign(
    actor: Actor,
    reference: str,
    user_id: int | None,
    *,
    seen: int | None,
    request_id: str | None = None,
) -> Incident:
    """Assign an incident to a user, or to none.

    Args:
        seen: the assignee that the actor saw.
        request_id: a key's name for the request.

    Raises:
        NotFound: the actor sees no such incident.
        Invalid: the user may not work on it.
        AssignedMeanwhile: it has been assigned to another one since.
    """
    incident = get_incident(actor, reference)
    email = None
    if user_id is not None:
        known = {user.id: user.email for user in assignable(incident.site_id)}
        if user_id not in known:
            raise Invalid([Mistake(MistakeCode.UNKNOWN_ASSIGNEE, "assignee")])
        email = known[user_id]
    with transaction() as session:
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
        if changed:
            kind = ActKind.UNASSIGNED if user_id is None else ActKind.ASSIGNED
            add_act(session, actor, incident, kind, assignee=email, request_id=request_id)
    current = get_incident(actor, reference)
    if current.assignee_id != user_id:
        raise AssignedMeanwhile(assignee_of(current))
    return current


def assign_by_address(
    actor: Actor,
    reference: str,
    email: str | None,
    *,
    seen: str | None,
    request_id: str | None = None,
) -> Incident:
    """Assign an incident to the user with an address, or to none.

    Args:
        seen: the address of the assignee that the actor saw.
        request_id: a key's name for the request; a repetition assigns nothing.

    Raises:
        NotFound: the actor sees no such incident.
        Invalid: no user with this address may work on it.
        AssignedMeanwhile: it is assigned to another one than the actor saw.
        IdempotencyConflict: another request had this name.
    """
    incident = get_incident(actor, reference)
    wanted, user_id = None, None
    if email is not None:
        wanted = normalise_email(email)
        user_id = {user.email: user.id for user in assignable(incident.site_id)}.get(wanted)
        if user_id is None:
            raise Invalid([Mistake(MistakeCode.NOT_ASSIGNABLE, "email")])
    kind = ActKind.UNASSIGNED if wanted is None else ActKind.ASSIGNED

    def find() -> Incident | None:
        repeated = find_repeated(actor, request_id, incident, kind, "", None, wanted)
        return get_incident(actor, reference) if repeated is not None else None

    def act() -> Incident:
        present = assignee_of(incident)
        expected = normalise_email(seen) if seen is not None else None
        if present not in {expected, wanted}:
            raise AssignedMeanwhile(present)
        before = incident.assignee_id
        return assign(actor, reference, user_id, seen=before, request_id=request_id)

    return once(find, act)


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
