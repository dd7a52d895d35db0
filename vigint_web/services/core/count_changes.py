"""Note incidents that changed, for the kept counts; see services/reports/counts.py."""

from sqlalchemy import literal, select
from sqlalchemy.orm import Session

from vigint_web.clock import utcnow
from vigint_web.models import CountChange, Incident, Notification
from vigint_web.models.types import UtcDateTime
from vigint_web.services.core.transactions import insert_into


def note_change(session: Session, incident_id: int | None) -> None:
    """Note that an incident was added, changed or deleted, in the caller's transaction.

    Rows are only added: changes of one incident or of one hour wait for no other's lock.
    """
    if incident_id is not None:
        session.add(CountChange(incident_id=incident_id))


def note_change_of_video(session: Session, video_id: int) -> None:
    """Note that the incident of a video changed, if it is one's."""
    found = select(Incident.id, literal(utcnow(), UtcDateTime())).where(
        Incident.video_id == video_id
    )
    session.execute(insert_into(session, CountChange).from_select(["incident_id", "at"], found))


def note_change_of_notifications(session: Session, ids: list[int]) -> None:
    """Note that the incidents of some notifications changed."""
    found = (
        select(Notification.incident_id, literal(utcnow(), UtcDateTime()))
        .where(Notification.id.in_(ids), Notification.incident_id.is_not(None))
        .distinct()
    )
    session.execute(insert_into(session, CountChange).from_select(["incident_id", "at"], found))
