"""Enqueue a mail, or a webhook call, for delivery."""

import secrets
from email.utils import make_msgid

from sqlalchemy.orm import Session

from vigint_web.clock import utcnow
from vigint_web.models import Notification, NotificationKind, NotificationState
from vigint_web.models.notification import WEBHOOK
from vigint_web.services.core import addresses, job_queue
from vigint_web.services.core.transactions import Hook, after_commit, transaction


def queue_mail(link_id: int, kind: NotificationKind, recipient: str) -> None:
    """Store a mail about a link and enqueue it, in the caller's transaction."""
    with transaction() as session:
        queue_notification(session, recipient, kind, link_id=link_id)


def queue_notification(
    session: Session,
    recipient: str,
    kind: NotificationKind,
    *,
    incident_id: int | None = None,
    link_id: int | None = None,
    call: bool = False,
    on_hold: bool = False,
) -> None:
    """Store a mail, or a webhook call, and enqueue it after the commit."""
    notification = new_notification(recipient, kind, incident_id=incident_id, link_id=link_id)
    notification.on_hold = on_hold
    if call:
        notification.channel, notification.message_id = WEBHOOK, f"dlv_{secrets.token_hex(16)}"
    send_off(session, notification)
    session.add(notification)
    session.flush()


def new_notification(recipient: str, kind: NotificationKind, **about: int | None) -> Notification:
    """Return a new notification, with an id that stays the same over all attempts."""
    return Notification(
        recipient=recipient,
        kind=kind,
        message_id=make_msgid(domain=addresses.public_host()),
        **about,
    )


def send_off(session: Session, notification: Notification) -> None:
    """Enqueue a new notification once the open transaction is committed."""
    notification.state, notification.next_attempt_at = NotificationState.PENDING, utcnow()
    session.add(notification)
    session.flush()
    after_commit(_deliver_later(notification.id, notification.attempt))


def _deliver_later(alert_id: int, attempt: int) -> Hook:
    return lambda: job_queue.enqueue_notification(alert_id, attempt)
