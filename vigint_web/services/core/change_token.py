"""Fingerprint what people can see, so that an open page can ask whether anything changed."""

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute

from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import Alert, AuditEvent, Incident, Link, Mail, Video
from vigint_web.services.core.actors import Actor

# What depends on the clock (a link that expires, “5 min ago”), and what a transaction committed
# later than its times say, is seen after this long at most.
BUCKET_SECONDS = 30

# Each is the last entry of an index or of the table itself: the cost does not grow with the tables.
# A deletion is seen by its audit event. Nothing narrows these to sites: that would cost a scan, and
# what changed elsewhere only has a page made again that is the same.
_LATEST: tuple[InstrumentedAttribute[object], ...] = (
    Video.changed_at,
    Alert.changed_at,
    Link.changed_at,
    Incident.id,
    Mail.id,
    AuditEvent.id,
)
_QUERY = select(*(select(func.max(column)).scalar_subquery() for column in _LATEST))


def pulse(actor: Actor) -> str:
    """Return a text that differs once anything that this actor may see has changed."""
    latest = db.session.execute(_QUERY).one()
    # Not everybody's page is made anew in the same second.
    shift = (actor.user_id or 0) * 7 % BUCKET_SECONDS
    bucket = int(utcnow().timestamp() + shift) // BUCKET_SECONDS
    return "|".join(str(value) for value in (*latest, bucket))
