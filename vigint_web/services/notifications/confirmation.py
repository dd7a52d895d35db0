"""State who confirmed an incident, for those outside the dashboard."""

from vigint_web.i18n.sentences import author_in_sentence
from vigint_web.mail.words import Confirmation
from vigint_web.models import Incident, IncidentState
from vigint_web.services.incidents.undoing import is_told


def confirmation_of(incident: Incident, *, at_once: bool = False) -> Confirmation | None:
    """Return who confirmed an incident and when; None while it is not confirmed.

    Args:
        at_once: also while the confirmation can still be undone, for what a person sends.
    """
    confirmed = incident.decision == IncidentState.CONFIRMED and (at_once or is_told(incident))
    if not confirmed or incident.decided_at is None or incident.decided_by is None:
        return None
    return Confirmation(author_in_sentence(incident.decided_by), incident.decided_at)
