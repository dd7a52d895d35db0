"""Record which incidents a user has read, and when the user visited the list."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy import select

from vigint_web.clock import utcnow
from vigint_web.errors import StorageFull
from vigint_web.extensions import db
from vigint_web.models import Incident, IncidentRead, User
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.transactions import insert_into, transaction

# A user who comes back after this long begins another visit.
VISIT = timedelta(minutes=30)
# Visits are recorded this precisely.
_PRECISION = timedelta(minutes=1)


def mark_read(actor: Actor, incident: Incident) -> None:
    """Record that the acting user opened an incident; nothing for programs."""
    if actor.user_id is None or incident.id not in unread_of(actor, [incident]):
        return
    # On a full disk an incident is still shown.
    with suppress(StorageFull), transaction() as session:
        session.execute(
            insert_into(session, IncidentRead)
            .values(incident_id=incident.id, user_id=actor.user_id, at=utcnow())
            .on_conflict_do_nothing()
        )


def unread_of(actor: Actor, incidents: Iterable[Incident]) -> set[int]:
    """Return the ids of those among some incidents that the acting user has not opened.

    Those received before the user was there count as read.
    """
    user = _user(actor)
    if user is None:
        return set()
    since = user.unread_since or user.created_at
    fresh = {row.id for row in incidents if row.created_at >= since}
    if not fresh:
        return set()
    read = select(IncidentRead.incident_id).where(
        IncidentRead.user_id == user.id, IncidentRead.incident_id.in_(fresh)
    )
    return fresh - set(db.session.scalars(read))


def begin_visit(actor: Actor) -> None:
    """Record that the acting user looks at the list: another visit after a pause of `VISIT`."""
    user, now = _user(actor), utcnow()
    if user is None or (user.list_seen_at and now - user.list_seen_at < _PRECISION):
        return
    with suppress(StorageFull), transaction():
        if user.list_seen_at is not None and now - user.list_seen_at >= VISIT:
            user.list_seen_before_at = user.list_seen_at
        user.list_seen_at = now


def last_visit(actor: Actor) -> datetime | None:
    """Return the end of the acting user's visit before this one, if there was one."""
    user = _user(actor)
    return user.list_seen_before_at if user is not None else None


def _user(actor: Actor) -> User | None:
    return db.session.get(User, actor.user_id) if actor.user_id is not None else None
