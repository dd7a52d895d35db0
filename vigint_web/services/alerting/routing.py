"""Decide who is notified: recipients, webhooks, administrators."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from vigint_web.models import (
    Audience,
    Incident,
    Link,
    Notification,
    NotificationKind,
    NotificationState,
    Video,
)
from vigint_web.net.mail_reach import reachable
from vigint_web.services.accounts.users import FIRST_ADMIN, admin_addresses
from vigint_web.services.alerting import webhooks
from vigint_web.services.alerting.recipients import Refused
from vigint_web.services.core.actors import SYSTEM
from vigint_web.services.core.runtime import config
from vigint_web.services.core.transactions import transaction
from vigint_web.services.dispatch import backlog, digests
from vigint_web.services.dispatch.enqueue import new_notification, queue_notification, send_off
from vigint_web.services.dispatch.on_hold import is_incident_held
from vigint_web.services.links.links import mint_link, program_link


def record_notifications(
    incident: Incident, recipients: Sequence[str], video: Video | None
) -> None:
    """Store an incident's notifications, in the transaction that stores the incident.

    A mail to each recipient, once the video is ready or failed; a call of each webhook at once.
    Repeats of an alert that a recipient was recently sent are gathered, and so are alerts that a
    detector spooled during an outage.

    Args:
        recipients: if empty, webhooks are still called.
    """
    with transaction() as session:
        # A test by a user is never a repeat.
        span = digests.join_cooldown(incident) if incident.api_key_id is not None else None
        notified = digests.find_notified(span.first_id) if span is not None else set()
        late = backlog.joins_digest(incident)
        for recipient in recipients:
            kind = NotificationKind.TEXT_ONLY if video is None else NotificationKind.VIDEO
            notification = new_notification(recipient, kind, incident_id=incident.id)
            gathered = late or (span is not None and recipient in notified)
            if late:
                backlog.gather(notification, incident)
            elif span is not None and gathered:
                digests.gather(notification, span.first_id, digests.end_of_cooldown(span.first_id))
            if video is not None:
                notification.state = NotificationState.WAITING
            elif gathered:
                notification.state = NotificationState.GATHERED
            else:
                send_off(session, notification)
            session.add(notification)
        for name in webhooks.names():
            _call(session, name, incident, video)
        session.flush()


def record_refused(incident: Incident, refused: Sequence[Refused], video: Video | None) -> None:
    """Store that a named recipient is not mailed, and why, in the caller's transaction."""
    kind = NotificationKind.TEXT_ONLY if video is None else NotificationKind.VIDEO
    with transaction() as session:
        for one in refused:
            notification = new_notification(one.recipient, kind, incident_id=incident.id)
            notification.state, notification.refused = NotificationState.FAILED, one.code
            session.add(notification)


def _call(session: Session, name: str, incident: Incident, video: Video | None) -> None:
    link = None
    if video is not None:
        link = mint_link(SYSTEM, video, Audience.PERSON, recipient=name, hours=incident.link_hours)
    kind = NotificationKind.TEXT_ONLY if video is None else NotificationKind.VIDEO
    queue_notification(
        session, name, kind, incident_id=incident.id, link_id=link.id if link else None, call=True
    )


def queue_video_calls(video: Video, incident: Incident | None) -> None:
    """Enqueue a call of every webhook about a video that is ready, or failed; as it is settled."""
    with transaction() as session:
        for name in webhooks.names():
            if incident is None:
                # A source is identified by its program link, whose token no call contains.
                program = program_link(video.id)
                if program is not None:
                    queue_notification(
                        session, name, NotificationKind.VIDEO_READY, link_id=program.id, call=True
                    )
                continue
            held = is_incident_held(session, incident.id)
            first_call = session.execute(
                select(Notification.link_id)
                .where(
                    Notification.incident_id == incident.id,
                    Notification.recipient == name,
                    Notification.channel == webhooks.WEBHOOK,
                )
                .order_by(Notification.id)
                .limit(1)
            ).first()
            if first_call is None:  # an incident without notifications
                continue
            queue_notification(
                session,
                name,
                NotificationKind.VIDEO_READY,
                incident_id=incident.id,
                link_id=first_call.link_id,
                call=True,
                on_hold=held,
            )


def notify_administrators(failed: Notification) -> None:
    """Enqueue a mail to administrators about an undeliverable one, as it fails.

    One for each incident, or link, however many recipients fail; none about itself.
    """
    nowhere = failed.incident_id is None and failed.link_id is None
    if failed.kind == NotificationKind.UNDELIVERABLE or nowhere:
        return
    with transaction() as session:
        about = _about(session, failed)
        known = (
            select(Notification.id)
            .where(*about, Notification.kind == NotificationKind.UNDELIVERABLE)
            .limit(1)
        )
        if session.scalar(known) is not None:
            return
        given_up = set(
            session.scalars(
                select(Notification.recipient).where(
                    *about, Notification.state == NotificationState.FAILED
                )
            )
        ) | {failed.recipient}
        others = [address for address in admin_addresses() if address not in given_up]
        email = config().email
        if email.server is not None:
            others = reachable(others, email.sender)
        # The first start's account has a placeholder address: used only if it is the only one.
        for address in [other for other in others if other != FIRST_ADMIN] or others:
            queue_notification(
                session,
                address,
                NotificationKind.UNDELIVERABLE,
                incident_id=failed.incident_id,
                link_id=None if failed.incident_id is not None else failed.link_id,
            )


def _about(session: Session, failed: Notification) -> tuple[ColumnElement[bool], ...]:
    """Return the common key of the failures of one incident, or link; locks its row."""
    if failed.incident_id is not None:
        # A weaker lock than that of a foreign key reference, to avoid a deadlock with a transaction
        # that adds a notification.
        lock = {"of": Incident, "key_share": True}
        session.get(Incident, failed.incident_id, with_for_update=lock)
        return (Notification.incident_id == failed.incident_id,)
    session.get(Link, failed.link_id, with_for_update={"of": Link, "key_share": True})
    return (Notification.incident_id.is_(None), Notification.link_id == failed.link_id)
