"""State who confirmed an incident, for those outside the dashboard."""

from vigint_web.i18n.sentences import author_in_sentence
from vigint_web.mail.words import Confirmation
from vigint_web.models import Incident, IncidentState


def confirmation_of(incident: Incident) -> Confirmation | None:
    """Return who confirmed an incident and when; None while it is not confirmed."""
    confirmed = incident.decision == IncidentState.CONFIRMED
    if not confirmed or incident.decided_at is None or incident.decided_by is None:
        return None
    return Confirmation(author_in_sentence(incident.decided_by), incident.decided_at)
