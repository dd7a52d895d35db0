"""Deliveries pending in a backup: on hold after its restore until an administrator decides.

They may have been sent since, by the installation of the backup. Only sending waits; processing
continues, and notifications created after the restore are sent normally.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, exists, func, literal, or_, select, update
from sqlalchemy.orm import Session

from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import (
    AccountMail,
    AccountMailState,
    AuditEvent,
    Hosting,
    HostingState,
    Incident,
    Link,
    Notification,
    NotificationState,
)
from vigint_web.models.notification import GIVEN_UP_AFTER, WEBHOOK
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.runtime import config
from vigint_web.services.core.transactions import change, transaction

RESTORED = "backup:restored"
_UNSENT = (NotificationState.WAITING, NotificationState.PENDING)
_ACCOUNT_MAIL_KEPT = timedelta(hours=24)


@dataclass(frozen=True)
class OnHold:
    """The notifications that wait for a decision."""

    mails: int
    # To programs: webhooks, and another host.
    calls: int
    # When the backup was made; None if the trail does not say.
    made_at: datetime | None = None

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return self.mails + self.calls > 0


def hold_everything() -> OnHold:
    """Put all pending notifications of a restored database on hold, in a transaction."""
    with transaction() as session:
        free = {"on_hold": True, "lease_until": None}
        change(
            session,
            update(Notification)
            .where(Notification.state.in_(_UNSENT))
            .values(**free, held_up=False),
        )
        change(session, update(Hosting).where(Hosting.state == HostingState.PENDING).values(**free))
        change(
            session,
            update(AccountMail).where(AccountMail.state == AccountMailState.PENDING).values(**free),
        )
    return _count(literal(True), literal(True))


def find_on_hold(actor: Actor) -> OnHold:
    """Return the notifications that this actor decides about."""
    found = _count(_notifications_of(actor), _others_of(actor))
    return OnHold(found.mails, found.calls, _made_at()) if found else found


def is_incident_held(session: Session, incident_id: int) -> bool:
    """Return whether deliveries of an incident are on hold: new ones of it are then too."""
    held = (
        select(Notification.id)
        .where(Notification.incident_id == incident_id, Notification.on_hold)
        .limit(1)
    )
    return session.scalar(held) is not None


def send(actor: Actor) -> OnHold:
    """Release the held notifications; return what they were."""
    now = utcnow()
    due = {"on_hold": False, "next_attempt_at": now}
    with transaction() as session:
        found = find_on_hold(actor)
        notifications = (Notification.on_hold, _notifications_of(actor))
        change(
            session,
            update(Notification)
            .where(*notifications, Notification.state == NotificationState.PENDING)
            .values(**due, give_up_at=now + GIVEN_UP_AFTER),
        )
        # These are sent when their video is ready.
        change(session, update(Notification).where(*notifications).values(on_hold=False))
        others = _others_of(actor)
        change(
            session,
            update(Hosting)
            .where(Hosting.on_hold, others)
            .values(**due, give_up_at=now + timedelta(seconds=config().sparse_wait_seconds)),
        )
        change(
            session,
            update(AccountMail)
            .where(AccountMail.on_hold, others)
            .values(**due, expires_at=now + _ACCOUNT_MAIL_KEPT),
        )
        _record(actor, "deliveries:released", found)
    return found


def drop(actor: Actor) -> OnHold:
    """Discard the held notifications; return what they were."""
    done: dict[str, Any] = {
        "on_hold": False,
        "next_attempt_at": None,
        "error": "dropped_after_restore",
    }
    with transaction() as session:
        found = find_on_hold(actor)
        held = select(Notification.id).where(Notification.on_hold, _notifications_of(actor))
        change(
            session,
            update(Notification)
            .where(
                Notification.state == NotificationState.GATHERED, Notification.told_by_id.in_(held)
            )
            .values(state=NotificationState.FAILED, error=done["error"]),
        )
        change(
            session,
            update(Notification)
            .where(Notification.on_hold, _notifications_of(actor))
            .values(**done, state=NotificationState.FAILED),
        )
        others = _others_of(actor)
        change(
            session,
            update(Hosting)
            .where(Hosting.on_hold, others)
            .values(**done, state=HostingState.FAILED, settled_at=utcnow()),
        )
        change(
            session,
            update(AccountMail)
            .where(AccountMail.on_hold, others)
            .values(**done, state=AccountMailState.FAILED),
        )
        _record(actor, "deliveries:dropped", found)
    return found


def _record(actor: Actor, action: str, found: OnHold) -> None:
    if found:
        trail.record(actor, action, "installation", mails=found.mails, calls=found.calls)


def _count(notifications: ColumnElement[bool], others: ColumnElement[bool]) -> OnHold:
    is_call = Notification.channel.is_not_distinct_from(WEBHOOK)
    rows = {
        bool(row[0]): row[1]
        for row in db.session.execute(
            select(is_call, func.count())
            .where(Notification.on_hold, notifications)
            .group_by(is_call)
        )
    }
    mails = db.session.scalar(select(func.count(AccountMail.id)).where(AccountMail.on_hold, others))
    hosted = db.session.scalar(select(func.count(Hosting.id)).where(Hosting.on_hold, others))
    return OnHold(rows.get(False, 0) + (mails or 0), rows.get(True, 0) + (hosted or 0))


def _notifications_of(actor: Actor) -> ColumnElement[bool]:
    if actor.site_ids is None:
        return literal(True)
    return or_(
        exists().where(
            Incident.id == Notification.incident_id, Incident.site_id.in_(actor.site_ids)
        ),
        exists().where(Link.id == Notification.link_id, Link.site_id.in_(actor.site_ids)),
    )


def _others_of(actor: Actor) -> ColumnElement[bool]:
    """Return whether an actor decides about mails about accounts and other hosts."""
    return literal(actor.site_ids is None)


def _made_at() -> datetime | None:
    event = db.session.scalar(
        select(AuditEvent)
        .where(AuditEvent.action == RESTORED)
        .order_by(AuditEvent.id.desc())
        .limit(1)
    )
    try:
        return datetime.fromisoformat(str(event.detail["made_at"])) if event is not None else None
    except (KeyError, TypeError, ValueError):
        return None
