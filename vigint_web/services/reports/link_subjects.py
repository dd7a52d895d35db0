"""Describe the subjects of links and mails: type, place and time, a whole list in two queries."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from vigint_web.extensions import db
from vigint_web.models import Incident, Link, Mail, Notification, Source


@dataclass(frozen=True)
class Subject:
    """A description of a video's content."""

    what: str
    where: str
    when: datetime
    is_test: bool = False


def subjects_of(links: Iterable[Link]) -> dict[int, Subject]:
    """Return the subjects of the links' videos, by the videos' ids."""
    wanted = {link.video_id for link in links}
    if not wanted:
        return {}
    incidents = db.session.scalars(select(Incident).where(Incident.video_id.in_(wanted)))
    sources = db.session.scalars(select(Source).where(Source.video_id.in_(wanted)))
    found = {source.video_id: _of_source(source) for source in sources}
    for incident in incidents:
        if incident.video_id is not None:
            found[incident.video_id] = _of_incident(incident)
    return found


def subjects_of_mails(mails: Iterable[Mail]) -> dict[int, Subject]:
    """Return the subjects of mails, by the mails' ids; a mail about an account has none."""
    listed = list(mails)
    by_video = subjects_of(mail.link for mail in listed if mail.link is not None)
    query = select(Notification.id, Incident).join(
        Incident, Notification.incident_id == Incident.id
    )
    alert_ids = {mail.alert_id for mail in listed if mail.alert_id is not None}
    rows = (
        db.session.execute(query.where(Notification.id.in_(alert_ids))).all() if alert_ids else ()
    )
    by_notification = {alert_id: _of_incident(incident) for alert_id, incident in rows}
    found = {}
    for mail in listed:
        subject = by_video.get(mail.link.video_id) if mail.link is not None else None
        if subject is None and mail.alert_id is not None:
            subject = by_notification.get(mail.alert_id)
        if subject is not None:
            found[mail.id] = subject
    return found


def _of_incident(incident: Incident) -> Subject:
    place = incident.site_name or incident.site.name
    camera = incident.camera.name if incident.camera else ""
    return Subject(
        what=incident.incident_type,
        where=", ".join(filter(None, (place, camera))),
        when=incident.detected_at,
        is_test=incident.is_test,
    )


def _of_source(source: Source) -> Subject:
    camera = source.camera.name if source.camera else ""
    return Subject(
        what=source.name,
        where=", ".join(filter(None, (source.site.name, camera))),
        when=source.video.recorded_at or source.created_at,
    )
