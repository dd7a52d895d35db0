"""Ask another host, where there is one, for an incident's link before its alerts go."""

from datetime import timedelta
from urllib.parse import urlsplit

from sqlalchemy import select

from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import Hosting, HostingState, Incident, Video
from vigint_web.services.core import job_queue
from vigint_web.services.core.runtime import config
from vigint_web.services.core.transactions import after_commit, transaction
from vigint_web.services.dispatch.on_hold import is_incident_held

# How early an alert is released: the polling interval of `jobs.scheduler`.
ROUND = timedelta(seconds=3)
# A host that did not answer in time is not waited for again before this has passed.
_AWAY = timedelta(minutes=5)


def name_of_host(url: str) -> str:
    """Return a host's address without path or secrets, for people."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"[:300]


def ask_other_host(incident: Incident, ready: Video | None) -> HostingState | None:
    """Return how far another host is with an incident's clip; None: it has no say.

    Inside the caller's transaction, which asks it if it has not been asked yet.

    Args:
        ready: the clip, if there is one that can be uploaded.
    """
    state = db.session.scalar(select(Hosting.state).where(Hosting.incident_id == incident.id))
    if state is not None:
        return state
    settings = config()
    # What was given to us to host is never passed on: two servers could play ball with it.
    host, seconds = name_of_host(settings.sparse_url or ""), settings.sparse_wait_seconds
    goes = settings.hosts_elsewhere and seconds and not incident.hosted_id
    if ready is None or not goes or _is_away(host):
        return None
    with transaction() as session:
        if is_incident_held(session, incident.id):
            return None
        hosting = Hosting(
            incident_id=incident.id,
            host=host,
            state=HostingState.PENDING,
            next_attempt_at=utcnow(),
            give_up_at=utcnow() + timedelta(seconds=seconds),
            remote_id=ready.public_id,
        )
        session.add(hosting)
        session.flush()
        hosting_id = hosting.id
        after_commit(lambda: job_queue.enqueue_hosting(hosting_id, 0))
    return HostingState.PENDING


def _is_away(host: str) -> bool:
    """Return whether this host let the last alert wait in vain, a moment ago."""
    last = db.session.scalar(
        select(Hosting)
        .where(Hosting.host == host, Hosting.attempt > 0)
        .order_by(Hosting.id.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    )
    if last is None or abs(utcnow() - (last.settled_at or last.created_at)) > _AWAY:
        return False
    if last.state == HostingState.PENDING:
        return last.error is not None
    # What was refused before its time came from a host that is there.
    in_vain = last.settled_at is not None and last.settled_at >= last.give_up_at - ROUND
    return last.state == HostingState.FAILED and in_vain
