"""Enqueue a mail, or a webhook call, for delivery."""

import secrets
from email.utils import make_msgid

from sqlalchemy.orm import Session

from vigint_web.clock import utcnow
from vigint_web.models import Alert, AlertKind, AlertState
from vigint_web.models.alert import WEBHOOK
from vigint_web.services.core import addresses, job_queue
from vigint_web.services.core.transactions import Hook, after_commit, transaction


def owe_mail(link_id: int, kind: AlertKind, recipient: str) -> None:
    """Store a mail about a link and enqueue it, in the caller's transaction."""
    with transaction() as session:
        owe(session, recipient, kind, link_id=link_id)


def owe(
    session: Session,
    recipient: str,
    kind: AlertKind,
    *,
    incident_id: int | None = None,
    link_id: int | None = None,
    call: bool = False,
    on_hold: bool = False,
) -> None:
    """Store a mail, or a webhook call, and enqueue it after the commit."""
    alert = new_alert(recipient, kind, incident_id=incident_id, link_id=link_id)
    alert.on_hold = on_hold
    if call:
        alert.channel, alert.message_id = WEBHOOK, f"dlv_{secrets.token_hex(16)}"
    send_off(session, alert)
    session.add(alert)
    session.flush()


def new_alert(recipient: str, kind: AlertKind, **about: int | None) -> Alert:
    """Return a new notification, with an id that stays the same over all attempts."""
    return Alert(
        recipient=recipient,
        kind=kind,
        message_id=make_msgid(domain=addresses.public_host()),
        **about,
    )


def send_off(session: Session, alert: Alert) -> None:
    """Enqueue a new alert once the open transaction is committed."""
    alert.state, alert.next_attempt_at = AlertState.PENDING, utcnow()
    session.add(alert)
    session.flush()
    after_commit(_deliver_later(alert.id, alert.attempt))


def _deliver_later(alert_id: int, attempt: int) -> Hook:
    return lambda: job_queue.enqueue_alert(alert_id, attempt)
