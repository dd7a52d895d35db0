"""Decide about several incidents, or assign them, each in its own transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Select, select

from vigint_web.extensions import db
from vigint_web.models import Incident, IncidentState, User
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.bulk import MOST_AT_ONCE, BulkOutcome, apply_to_each
from vigint_web.services.incidents.listing import IncidentFilter, IncidentList
from vigint_web.services.review.assignment import assign, assignable
from vigint_web.services.review.decisions import checked_reason, decide
from vigint_web.services.review.transitions import may_follow


def choose(
    actor: Actor, references: Sequence[str], *, with_repeats: bool = False
) -> list[Incident]:
    """Return the selected incidents that the actor sees, the last detected first.

    Args:
        with_repeats: with the repeats of each that are in the state that it is in.
    """
    query = select(Incident).where(
        actor.scope(Incident.site_id), Incident.reference.in_(references[:MOST_AT_ONCE])
    )
    found = {one.id: one for one in db.session.scalars(query)}
    if with_repeats:
        states = {one.id: one.state for one in found.values()}
        repeats = db.session.scalars(_repeats_of(actor, list(found)).limit(MOST_AT_ONCE))
        for one in repeats:
            if len(found) < MOST_AT_ONCE and one.state == states[one.grouped_under_id or 0]:
                found.setdefault(one.id, one)
    return sorted(found.values(), key=lambda one: (one.listed_at, one.id), reverse=True)


def _repeats_of(actor: Actor, ids: Sequence[int]) -> Select[Incident]:
    return select(Incident).where(actor.scope(Incident.site_id), Incident.grouped_under_id.in_(ids))


def decide_repeats(
    actor: Actor,
    first: Incident,
    wanted: IncidentState,
    *,
    seen: IncidentState,
    reason: str | None = None,
) -> int:
    """Decide about the repeats of an incident as about itself; return how many were decided.

    At most `MOST_AT_ONCE`: the others are rows of their own in the list from then on.

    Args:
        seen: the state that the incident was in; repeats in another one stay as they are.
    """
    query = _repeats_of(actor, [first.id]).where(Incident.state == seen)
    references = [one.reference for one in db.session.scalars(query.limit(MOST_AT_ONCE))]
    outcome = decide_many(actor, dict.fromkeys(references, seen), wanted, reason)
    return len(outcome.done)


def choose_all(
    actor: Actor, wanted: IncidentFilter, decision: IncidentState | None
) -> tuple[list[Incident], int]:
    """Return the last detected incidents of a filter, and how many more there are.

    Args:
        decision: only those that it may follow; so the next ones are found once these are decided.
    """
    wanted = replace(wanted, folded=False)
    lists = [IncidentList(actor, wanted)]
    if decision is not None:
        asked = [wanted.state] if wanted.state is not None else list(IncidentState)
        fit = [state for state in asked if may_follow(state, decision)]
        lists = [IncidentList(actor, replace(wanted, state=state)) for state in fit]
    found = [row for listed in lists for row in listed.page(size=MOST_AT_ONCE).rows]
    found.sort(key=lambda one: (one.listed_at, one.id), reverse=True)
    more = sum(listed.count() for listed in lists) - len(found[:MOST_AT_ONCE])
    return found[:MOST_AT_ONCE], max(0, more)


def can_decide(incident: Incident, wanted: IncidentState) -> bool:
    """Return whether a decision may follow an incident's state."""
    return may_follow(incident.state, wanted)


def decide_many(
    actor: Actor,
    seen: Mapping[str, IncidentState],
    wanted: IncidentState,
    reason: str | None = None,
) -> BulkOutcome:
    """Decide about incidents alike.

    Args:
        seen: by reference, the state that the actor saw.

    Raises:
        Invalid: the reason is missing or unknown; nothing was done.
    """
    checked_reason(wanted, reason)
    return apply_to_each(
        seen, lambda one: decide(actor, one, wanted, seen=seen[one], reason=reason)
    )


def assign_many(actor: Actor, seen: Mapping[str, int | None], user_id: int | None) -> BulkOutcome:
    """Assign incidents to a user, or to none.

    Args:
        seen: by reference, the assignee that the actor saw.
    """
    return apply_to_each(seen, lambda one: assign(actor, one, user_id, seen=seen[one]))


def assignable_to_all(incidents: Sequence[Incident]) -> list[User]:
    """Return the users who may work on every one of these incidents, by address."""
    by_site = [assignable(site_id) for site_id in {incident.site_id for incident in incidents}]
    ids = [{user.id for user in users} for users in by_site]
    return [user for user in by_site[0] if all(user.id in known for known in ids)] if ids else []
