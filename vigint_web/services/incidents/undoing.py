"""Hold a judgement back from those outside the dashboard while it can be undone at once."""

from datetime import timedelta

from vigint_web.clock import utcnow
from vigint_web.models import Incident

# The page after a decision offers to undo it: outsiders are not told what is then taken back.
UNDOING = timedelta(seconds=10)


def is_told(incident: Incident) -> bool:
    """Return whether detectors and recipients may learn what was judged about an incident."""
    at = incident.decided_at
    return at is None or not timedelta(0) <= utcnow() - at < UNDOING
