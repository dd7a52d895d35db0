"""Compute a digest of the visible data, with which an open page detects changes."""

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute

from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import AuditEvent, Incident, IncidentRead, Link, Mail, Notification, Video
from vigint_web.services.core.actors import Actor

# The maximum delay for changes that depend on the clock (a link that expires, “5 min ago”), or that
# a transaction committed later than its times say.
BUCKET_SECONDS = 30

# Each is the last entry of an index or of the table itself: the cost does not grow with the tables.
# A deletion is detected by its audit event. Nothing limits these to sites: that would need a scan,
# and a change elsewhere only renders a page again with the same result.
_LATEST: tuple[InstrumentedAttribute[object], ...] = (
    Video.changed_at,
    Notification.changed_at,
    Link.changed_at,
    Incident.id,
    Mail.id,
    AuditEvent.id,
)
_NEWEST = [select(func.max(column)).scalar_subquery() for column in _LATEST]


def pulse(actor: Actor) -> str:
    """Return a text that differs once anything visible to this actor has changed."""
    # What this person has read is shown to this person.
    read = select(func.max(IncidentRead.at)).where(IncidentRead.user_id == actor.user_id)
    latest = db.session.execute(select(*_NEWEST, read.scalar_subquery())).one()
    # Staggered, so that not all pages are rendered again in the same second.
    shift = (actor.user_id or 0) * 7 % BUCKET_SECONDS
    bucket = int(utcnow().timestamp() + shift) // BUCKET_SECONDS
    return "|".join(str(value) for value in (*latest, bucket))
