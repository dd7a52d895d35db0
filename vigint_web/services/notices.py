"""Owe people mails about links; the alerts' machinery delivers them."""

from email.utils import make_msgid
from urllib.parse import urlsplit

from vigint_web.clock import utcnow
from vigint_web.models import Alert, AlertKind, AlertState
from vigint_web.services import queueing
from vigint_web.services.runtime import config
from vigint_web.services.transactions import after_commit, transaction


def owe_mail(link_id: int, kind: AlertKind, recipient: str) -> None:
    """Store a mail about a link and hand it to the workers, inside the caller's transaction."""
    with transaction() as session:
        alert = Alert(
            link_id=link_id,
            recipient=recipient,
            state=AlertState.PENDING,
            kind=kind,
            message_id=make_msgid(domain=urlsplit(config().base_url).hostname),
            next_attempt_at=utcnow(),
        )
        session.add(alert)
        session.flush()
        after_commit(lambda: queueing.enqueue_alert(alert.id, alert.attempt))
