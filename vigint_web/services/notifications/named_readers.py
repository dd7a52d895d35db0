"""Keep mails and calls about a confidential incident from recipients that it does not name."""

from sqlalchemy import exists, func, select

from vigint_web.extensions import db
from vigint_web.models import (
    ConfidentialIncident,
    Incident,
    IncidentReader,
    Notification,
    NotificationKind,
    User,
)


def is_barred(notification: Notification) -> bool:
    """Return whether a notification is about a confidential incident that names others.

    A link that was shared since then is a reader's own decision. A mail about several lists none of
    them: they were taken out when they became confidential.
    """
    if notification.kind == NotificationKind.REPEATS:
        return False
    named = exists().where(
        IncidentReader.incident_id == ConfidentialIncident.incident_id,
        IncidentReader.user_id == User.id,
        User.active,
        func.lower(User.email) == notification.recipient.lower(),
    )
    query = select(ConfidentialIncident.since, named.label("named")).join(
        Incident, Incident.id == ConfidentialIncident.incident_id
    )
    if notification.incident_id is not None:
        query = query.where(Incident.id == notification.incident_id)
    elif notification.link is not None:
        query = query.where(Incident.video_id == notification.link.video_id)
    else:
        return False
    mark = db.session.execute(query).first()
    if mark is None or (mark.named and not notification.is_call):
        return False
    return notification.kind != NotificationKind.SHARED or notification.created_at < mark.since
