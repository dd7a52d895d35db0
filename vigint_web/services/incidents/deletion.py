"""Delete test alerts, with their footage, links and mails; an incident is never deleted here."""

import math
import time
from dataclasses import dataclass, replace

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from vigint_web.errors import Conflict, NotFound
from vigint_web.models import Incident, Mail, Notification, NotificationKind, NotificationState
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.transactions import change, transaction
from vigint_web.services.incidents.incidents import get_incident
from vigint_web.services.incidents.listing import IncidentFilter, IncidentList
from vigint_web.services.videos.lifecycle import detach_and_delete_video

_AT_ONCE = 100


@dataclass(frozen=True)
class Deleted:
    """How many test alerts were deleted, and how many of those asked for are left.

    Args:
        left: counted as `IncidentList.count` does.
    """

    number: int
    left: int


def delete_test(actor: Actor, reference: str) -> None:
    """Delete a test alert, at whatever stage its footage and its mails are.

    A worker that is encoding it or sending its mail finds its row gone, and leaves nothing behind.
    The audit trail keeps its events.

    Raises:
        NotFound: there is no such incident for this actor.
        Conflict: it is an incident.
    """
    with transaction() as session:
        incident = get_incident(actor, reference)
        if not incident.is_test:
            raise Conflict
        number, site_id, video = incident.id, incident.site_id, incident.video
        # First, as a worker that settles a video does.
        mails = detach_and_delete_video(actor, video) if video is not None else 0
        mails += _forget_notifications(session, number)
        repeats = update(Incident).where(Incident.grouped_under_id == number)
        change(session, repeats.values(grouped_under_id=None))
        session.expunge(incident)
        # The condition is that of the statement: nothing read before decides it.
        if change(session, delete(Incident).where(Incident.id == number, Incident.is_test)) == 0:
            raise NotFound
        trail.record(
            actor,
            "incident:deleted",
            f"incident:{reference}",
            site_id=site_id,
            test=True,
            video=video.public_id if video is not None else None,
            mails=mails,
        )


def delete_tests(
    actor: Actor, wanted: IncidentFilter, newest_id: int, seconds: float = math.inf
) -> Deleted:
    """Delete the test alerts of a filter, each in a transaction of its own.

    Args:
        newest_id: the newest one that the actor was told of; later ones stay.
        seconds: after which no further one is begun.

    Raises:
        Conflict: the filter is one of incidents.
    """
    if not wanted.tests:
        raise Conflict
    ends, number = time.monotonic() + seconds, 0
    asked = IncidentList(actor, replace(wanted, newest_id=newest_id))
    while time.monotonic() < ends and (found := asked.page(size=_AT_ONCE).rows):
        references = [one.reference for one in found]
        gone = 0
        for reference in references:
            if time.monotonic() >= ends:
                break
            try:
                delete_test(actor, reference)
            except NotFound:
                continue  # by another person at the same moment
            gone += 1
        number += gone
        if not gone:
            break
    return Deleted(number, asked.count())


def _forget_notifications(session: Session, incident_id: int) -> int:
    """Delete the notifications about an incident and their mails; return the number of mails."""
    _hand_on(session, incident_id)
    own = select(Notification.id).where(Notification.incident_id == incident_id)
    several = select(Notification.told_by_id).where(Notification.incident_id == incident_id)
    about = or_(Mail.alert_id.in_(own), Mail.alert_id.in_(several))
    mails = change(session, delete(Mail).where(about))
    change(session, delete(Notification).where(Notification.incident_id == incident_id))
    return mails


def _hand_on(session: Session, incident_id: int) -> None:
    """Let a pending mail about several tests belong to another of them."""
    pending = session.scalars(
        select(Notification.id)
        .where(
            Notification.incident_id == incident_id,
            Notification.kind == NotificationKind.REPEATS,
            Notification.state == NotificationState.PENDING,
        )
        .with_for_update()
    ).all()
    for number in pending:
        next_first = session.scalar(
            select(func.min(Notification.incident_id)).where(
                Notification.told_by_id == number, Notification.incident_id != incident_id
            )
        )
        if next_first is not None:
            owned = update(Notification).where(Notification.id == number)
            change(session, owned.values(incident_id=next_first))
