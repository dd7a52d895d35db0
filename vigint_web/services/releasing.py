"""Let the mails go that waited for an incident's video."""

from vigint_web.clock import utcnow
from vigint_web.models import Alert, AlertKind, AlertState, Audience, Incident, Video
from vigint_web.services import cooling, queueing
from vigint_web.services.actors import SYSTEM
from vigint_web.services.incidents import alerts_of
from vigint_web.services.links import mint_link
from vigint_web.services.transactions import Hook, after_commit


def waiting_alerts(incident: Incident) -> list[Alert]:
    """Return the mails of an incident that wait for its video."""
    return [alert for alert in alerts_of(incident.id) if alert.state == AlertState.WAITING]


def release_without_video(incident: Incident) -> None:
    """Let the mails go with a sentence on why there is no video; in the caller's transaction."""
    for alert in waiting_alerts(incident):
        alert.kind = AlertKind.TEXT_ONLY
        _release(alert)


def release_with_links(incident: Incident, video: Video) -> None:
    """Let the mails go with a link each; in the caller's transaction."""
    for alert in waiting_alerts(incident):
        link = mint_link(
            SYSTEM, video, Audience.PERSON, recipient=alert.recipient, hours=incident.link_hours
        )
        alert.link_id = link.id
        _release(alert)


def release_with_hosted_link(incident: Incident) -> None:
    """Let the mails go with the link of another host; in the caller's transaction."""
    for alert in waiting_alerts(incident):
        _release(alert)


def _release(alert: Alert) -> None:
    first = alert.incident.grouped_under_id if alert.incident is not None else None
    if alert.told_by_id is not None and first is not None:
        # The mail that should have told of it may be on its way already.
        cooling.gather(alert, first, utcnow())
        alert.state = AlertState.GATHERED
        return
    alert.state = AlertState.PENDING
    alert.next_attempt_at = utcnow()
    after_commit(_deliver_later(alert))


def _deliver_later(alert: Alert) -> Hook:
    return lambda: queueing.enqueue_alert(alert.id, alert.attempt)
