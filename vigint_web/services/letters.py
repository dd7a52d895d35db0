"""Write the letter that an alert row owes, from what the database says now."""

from dataclasses import dataclass

from vigint_web.clock import utcnow
from vigint_web.mail import (
    AlertMail,
    ClipFacts,
    Letter,
    LinkMail,
    compose_alert,
    compose_played,
    compose_shared,
)
from vigint_web.models import Alert, AlertKind, Audience, Incident, Link
from vigint_web.services.actors import SYSTEM
from vigint_web.services.incidents import find_incident_of
from vigint_web.services.links import hours_left, mint_link, private_url
from vigint_web.services.runtime import config
from vigint_web.services.transactions import transaction


class NothingToSay(Exception):
    """Say why a mail that was owed makes no sense any more."""


@dataclass(frozen=True)
class Written:
    """A mail, and the link whose token it carries, if it carries one."""

    message: Letter
    link: Link | None


def write_letter(alert: Alert) -> Written:
    """Return the mail that is owed; an expired link of an incident is replaced by a fresh one.

    Raises:
        NothingToSay: the link it is about is gone.
    """
    if alert.incident is not None:
        _renew_link(alert, alert.incident)
        facts = _facts(alert, alert.incident)
        carried = alert.link if facts.clip is not None else None
        return Written(compose_alert(facts, config()), carried)
    link = alert.link
    if link is None or (alert.kind == AlertKind.SHARED and link.revoked_at is not None):
        # Stored as it is said: English, like what a mail server answers.
        raise NothingToSay("The link was revoked or deleted before the mail could be sent.")
    if alert.kind == AlertKind.SHARED:
        return Written(compose_shared(_about_link(alert, link), config()), link)
    return Written(compose_played(_about_link(alert, link), config()), None)


def _about_link(alert: Alert, link: Link) -> LinkMail:
    incident = find_incident_of(link.video_id)
    address = (
        private_url(link, link.video.public_id)
        if alert.kind == AlertKind.SHARED
        else f"{config().base_url}/links/{link.id}/"
    )
    return LinkMail(
        recipient=alert.recipient,
        message_id=alert.message_id,
        url=address,
        sharer=link.created_by,
        link_recipient=link.recipient or "",
        about=_what(incident) if incident is not None else "",
        note=link.note,
        not_before=link.not_before,
        expires_at=link.expires_at,
        max_views=link.max_views,
        played_at=link.first_played_at,
    )


def _what(incident: Incident) -> str:
    place = incident.site_name or incident.site.name
    camera = f", {incident.camera.name}" if incident.camera else ""
    return f"{incident.incident_type} – {place}{camera}"


def _renew_link(alert: Alert, incident: Incident) -> None:
    """Give a mail that waited longer than its link lived another link, while there is footage."""
    link, video = alert.link, incident.video
    if link is None or video is None or link.revoked_at is not None or link.expires_at is None:
        return
    if link.expires_at > utcnow():
        return
    with transaction() as session:
        fresh = mint_link(
            SYSTEM,
            video,
            Audience.PERSON,
            recipient=alert.recipient,
            hours=incident.link_hours,
        )
        alert.link_id = fresh.id
        session.flush()
        session.refresh(alert, ["link"])


def _facts(alert: Alert, incident: Incident) -> AlertMail:
    clip = _clip(alert, incident)
    return AlertMail(
        recipient=alert.recipient,
        message_id=alert.message_id,
        reference=incident.reference,
        alert_type=_one_line(incident.extra.get("alert_type") or "security").upper()[:40],
        incident_type=incident.incident_type,
        risk_level=incident.risk_level,
        message=incident.message,
        site=incident.site_name or incident.site.name,
        camera=incident.camera.name if incident.camera else None,
        detected_at=incident.detected_at,
        zone_assumed=incident.zone_assumed,
        frame_count=incident.frame_count,
        confidence=incident.confidence,
        analysis=incident.analysis,
        clip=clip,
        failure_code=None if clip is not None else _failure(alert, incident),
    )


def _one_line(value: object) -> str:
    return " ".join(str(value).split())


def _failure(alert: Alert, incident: Incident) -> str:
    video = incident.video
    if video is None:
        return "original_missing" if incident.frames_received else "no_frames"
    if alert.link is not None and alert.link.revoked_at is not None:
        return "link_revoked"
    return video.error_code or "original_missing"


def _clip(alert: Alert, incident: Incident) -> ClipFacts | None:
    link, video = alert.link, incident.video
    if alert.kind != AlertKind.VIDEO or link is None or video is None:
        return None
    if link.revoked_at is not None or link.expires_at is None or video.playable_size is None:
        return None
    return ClipFacts(
        url=private_url(link, video.public_id),
        video_id=video.public_id,
        size=video.playable_size,
        expires_at=link.expires_at,
        hours=hours_left(link.expires_at, utcnow()),
        pace_known=incident.pace_known is not False,
    )
