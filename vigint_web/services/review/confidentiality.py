"""Restrict incidents to named users."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from vigint_web.clock import utcnow
from vigint_web.errors import EditedMeanwhile, Invalid, Mistake, MistakeCode
from vigint_web.extensions import db
from vigint_web.models import (
    ActKind,
    Audience,
    ConfidentialIncident,
    Cooldown,
    CooldownSpan,
    Incident,
    IncidentReader,
    Link,
    Notification,
    NotificationState,
    Role,
    Site,
    User,
)
from vigint_web.permissions import Permission, may
from vigint_web.services.accounts.users import select_users_of
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.count_changes import note_change
from vigint_web.services.core.hidden_rows import EVERY_ROW
from vigint_web.services.core.transactions import change, insert_into, transaction
from vigint_web.services.dispatch.enqueue import send_off
from vigint_web.services.incidents.incidents import get_incident
from vigint_web.services.links.links import revoke_link
from vigint_web.services.review.acts import add_act

_UNSENT = (NotificationState.WAITING, NotificationState.PENDING, NotificationState.GATHERED)
# The code in i18n/deliveries.py.
CONFIDENTIAL = "incident_confidential"


@dataclass(frozen=True)
class Restriction:
    """The users who may see a confidential incident, by address.

    Args:
        version: which of its successive lists this is; 0: the incident is not confidential.
    """

    version: int = 0
    readers: tuple[User, ...] = ()

    @property
    def is_confidential(self) -> bool:
        """Return whether only the readers see the incident."""
        return self.version > 0


def restriction_of(incident_id: int) -> Restriction:
    """Return who may see an incident."""
    version = db.session.scalar(
        select(ConfidentialIncident.version).where(ConfidentialIncident.incident_id == incident_id)
    )
    if version is None:
        return Restriction()
    named = select(User).join(IncidentReader, IncidentReader.user_id == User.id)
    found = db.session.scalars(
        named.where(IncidentReader.incident_id == incident_id).order_by(User.email)
    )
    return Restriction(version, tuple(found))


def possible_readers(site_id: int) -> list[User]:
    """Return the users who may see a site's incidents, by address."""
    return list(db.session.scalars(select_users_of(Site.id == site_id)))


def confidential_among(incident_ids: Collection[int]) -> set[int]:
    """Return those of some incidents that are confidential."""
    marked = ConfidentialIncident.incident_id
    return set(db.session.scalars(select(marked).where(marked.in_(incident_ids))))


def may_read(incident_id: int) -> ColumnElement[bool]:
    """Return the condition that an incident is not confidential, or names a user."""
    marked = exists().where(ConfidentialIncident.incident_id == incident_id)
    named = exists().where(
        IncidentReader.incident_id == incident_id, IncidentReader.user_id == User.id
    )
    return or_(~marked, named)


def restrict(
    actor: Actor,
    reference: str,
    user_ids: Collection[int],
    *,
    seen: int,
    revoke_links: bool = False,
) -> int:
    """Make an incident visible to some users only, or change who they are.

    What has not been sent yet to others is not sent, and an assignment to another user ends. The
    repeats that are grouped under it become incidents of their own.

    Args:
        seen: the version of the list that the actor saw.
        revoke_links: revoke the links that people have received.

    Returns:
        The number of links that were revoked.

    Raises:
        NotFound: the actor sees no such incident.
        Invalid: a user may not see the site, or none of them may work on the incident.
        EditedMeanwhile: the list has changed since; nothing was done.
    """
    incident = get_incident(actor, reference)
    with transaction() as session:
        readers = _checked(incident, user_ids)
        _raise_version(session, incident.id, seen)
        _write_readers(session, incident.id, readers)
        _end_assignment(session, actor, incident, readers)
        _part_from_repeats(session, incident.id)
        _cancel_unsent(session, incident, {user.email for user in readers})
        note_change(session, incident.id)
        kind = ActKind.READERS_CHANGED if seen else ActKind.RESTRICTED
        names = [user.email for user in readers]
        add_act(session, actor, incident, kind, text="\n".join(names), people=names)
        return _revoke_links(session, actor, incident) if revoke_links else 0


def lift(actor: Actor, reference: str, *, seen: int) -> None:
    """Make a confidential incident visible to everyone who may see its site.

    Raises:
        NotFound: the actor sees no such incident.
        EditedMeanwhile: the list of its readers has changed since; nothing was done.
    """
    incident = get_incident(actor, reference)
    with transaction() as session:
        mark = ConfidentialIncident
        same = mark.incident_id == incident.id, mark.version == seen
        # Not by the foreign key alone: its deletion is the database's.
        change(session, delete(IncidentReader).where(IncidentReader.incident_id == incident.id))
        if not change(session, delete(mark).where(*same)):
            raise EditedMeanwhile
        note_change(session, incident.id)
        add_act(session, actor, incident, ActKind.UNRESTRICTED)


def name_reader(actor: Actor, reference: str, email: str) -> None:
    """Add a user to the readers of a confidential incident, from the command line.

    For an incident whose readers have all left.

    Raises:
        NotFound: there is no such incident.
        Invalid: the incident is not confidential, or no user with this address may see its site.
    """
    incident = get_incident(actor, reference)
    present = restriction_of(incident.id)
    known = {user.email: user.id for user in possible_readers(incident.site_id)}
    if not present.is_confidential or email not in known:
        raise Invalid([Mistake(MistakeCode.UNKNOWN_READER, "email")])
    named = {user.id for user in present.readers if user.id in known.values()} | {known[email]}
    restrict(actor, reference, named, seen=present.version)


def every_confidential_incident() -> list[tuple[Incident, Restriction]]:
    """Return the confidential incidents and their readers, the newest first."""
    marked = select(Incident).join(
        ConfidentialIncident, ConfidentialIncident.incident_id == Incident.id
    )
    found = db.session.scalars(marked.order_by(Incident.id.desc())).all()
    return [(incident, restriction_of(incident.id)) for incident in found]


def _checked(incident: Incident, user_ids: Collection[int]) -> list[User]:
    known = {user.id: user for user in possible_readers(incident.site_id)}
    if not set(user_ids) <= known.keys():
        raise Invalid([Mistake(MistakeCode.UNKNOWN_READER, "readers")])
    readers = [known[number] for number in sorted(set(user_ids))]
    if not any(may(Role(user.role), Permission.MANAGE_INCIDENTS) for user in readers):
        raise Invalid([Mistake(MistakeCode.NO_READER, "readers")])
    return readers


def _raise_version(session: Session, incident_id: int, seen: int) -> None:
    mark = ConfidentialIncident
    if seen:
        same = mark.incident_id == incident_id, mark.version == seen
        done = change(session, update(mark).where(*same).values(version=seen + 1))
    else:
        first = insert_into(session, mark).values(
            incident_id=incident_id, since=utcnow(), version=1
        )
        done = len(
            session.execute(first.on_conflict_do_nothing().returning(mark.incident_id)).all()
        )
    if not done:
        raise EditedMeanwhile


def _write_readers(session: Session, incident_id: int, readers: Collection[User]) -> None:
    change(session, delete(IncidentReader).where(IncidentReader.incident_id == incident_id))
    rows = [{"incident_id": incident_id, "user_id": user.id} for user in readers]
    session.execute(insert_into(session, IncidentReader).values(rows))


def _end_assignment(
    session: Session, actor: Actor, incident: Incident, readers: Collection[User]
) -> None:
    others = Incident.assignee_id.not_in([user.id for user in readers])
    if change(
        session, update(Incident).where(Incident.id == incident.id, others).values(assignee_id=None)
    ):
        add_act(session, actor, incident, ActKind.UNASSIGNED)


def _part_from_repeats(session: Session, incident_id: int) -> None:
    """End the cool-down of an incident; what was gathered under it is sent by itself."""
    change(session, delete(Cooldown).where(Cooldown.incident_id == incident_id))
    change(session, delete(CooldownSpan).where(CooldownSpan.incident_id == incident_id))
    repeats = select(Incident.id).where(Incident.grouped_under_id == incident_id)
    gathered = select(Notification).where(
        Notification.incident_id.in_(repeats),
        Notification.told_by_id.is_not(None),
        Notification.state.in_(_UNSENT),
    )
    every = session.scalars(gathered.execution_options(**EVERY_ROW)).all()
    for notification in every:
        notification.told_by_id = None
        if notification.state == NotificationState.GATHERED:
            send_off(session, notification)
    change(
        session,
        update(Incident)
        .where(Incident.grouped_under_id == incident_id)
        .values(grouped_under_id=None),
    )
    change(
        session, update(Incident).where(Incident.id == incident_id).values(grouped_under_id=None)
    )


def _cancel_unsent(session: Session, incident: Incident, addresses: Collection[str]) -> None:
    """Settle the mails and calls to others that have not been sent."""
    of_links = select(Link.id).where(Link.video_id == incident.video_id)
    about = or_(Notification.incident_id == incident.id, Notification.link_id.in_(of_links))
    change(
        session,
        update(Notification)
        .where(
            about,
            Notification.state.in_(_UNSENT),
            func.lower(Notification.recipient).not_in(addresses),
        )
        .values(
            state=NotificationState.FAILED,
            error=CONFIDENTIAL,
            told_by_id=None,
            on_hold=False,
            next_attempt_at=None,
        ),
    )


def _revoke_links(session: Session, actor: Actor, incident: Incident) -> int:
    still_open = (
        select(Link.id)
        .where(
            Link.video_id == incident.video_id,
            Link.audience == Audience.PERSON,
            Link.revoked_at.is_(None),
        )
        .order_by(Link.id)
    )
    found = list(session.scalars(still_open))
    for link_id in found:
        revoke_link(actor, link_id)
    return len(found)
