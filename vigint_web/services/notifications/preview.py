"""Preview a recipient's mail about an incident, without a usable link."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from vigint_web.clock import utcnow
from vigint_web.config.values import LOCALES, is_mailbox
from vigint_web.errors import Invalid
from vigint_web.extensions import db
from vigint_web.mail.messages import ClipFacts, compose_alert
from vigint_web.models import Incident, Link, Notification, NotificationKind, Video, VideoStatus
from vigint_web.models.notification import WEBHOOK
from vigint_web.services.core import addresses
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.runtime import config
from vigint_web.services.incidents.incidents import get_incident
from vigint_web.services.links.links import hours_left
from vigint_web.services.links.sharing import not_an_address
from vigint_web.services.notifications.clip_facts import failure_of
from vigint_web.services.notifications.recipient_locale import mail_locale
from vigint_web.services.notifications.rendering import facts_of


@dataclass(frozen=True)
class Preview:
    """A mail as it would be sent; its link consists of dots."""

    incident: Incident
    recipient: str
    # All present and past recipients.
    recipients: tuple[str, ...]
    locale: str
    subject: str
    text: str
    html: str
    # The clip is not ready, so its size is not known yet.
    is_early: bool


def preview_mail(
    actor: Actor, reference: str, recipient: str | None = None, locale: str | None = None
) -> Preview:
    """Return a recipient's mail about an incident.

    Args:
        recipient: None: the incident's first one.
        locale: None: the recipient's.

    Raises:
        NotFound: there is no such incident for this actor.
        Invalid: the recipient is not a mail address.
    """
    incident = get_incident(actor, reference)
    recipients = _recipients(incident)
    recipient = (recipient or "").strip() or next(iter(recipients), "nobody@example.com")
    if not is_mailbox(recipient):
        raise Invalid([not_an_address(recipient)])
    video = incident.video
    early = video is not None and video.status in {VideoStatus.UPLOADING, VideoStatus.PROCESSING}
    shown = video is not None and (early or video.streamed_size is not None)
    notification = Notification(
        recipient=recipient,
        kind=NotificationKind.VIDEO if shown else NotificationKind.TEXT_ONLY,
        message_id="<preview@vigint.invalid>",
    )
    clip = _clip(incident, video, recipient) if shown and video is not None else None
    facts = facts_of(notification, incident, clip, failure_of(notification, incident))
    wanted = locale if locale in LOCALES else mail_locale(recipient, incident.site)
    mail = compose_alert(facts, config(), wanted)
    return Preview(
        incident=incident,
        recipient=recipient,
        recipients=recipients,
        locale=wanted,
        subject=mail.subject,
        text=mail.body or "",
        html=mail.html or "",
        is_early=early,
    )


def _recipients(incident: Incident) -> tuple[str, ...]:
    found = db.session.scalars(
        select(Notification.recipient)
        .where(
            Notification.incident_id == incident.id,
            Notification.kind.in_([NotificationKind.VIDEO, NotificationKind.TEXT_ONLY]),
            Notification.channel.is_distinct_from(WEBHOOK),
        )
        .order_by(Notification.id)
    )
    return tuple(dict.fromkeys(found))


def _clip(incident: Incident, video: Video, recipient: str) -> ClipFacts:
    now = utcnow()
    ends = now + timedelta(hours=incident.link_hours)
    would_end = min(ends, video.purge_at) if video.purge_at is not None else ends
    expires_at = _end_of_link(video, recipient) or would_end
    return ClipFacts(
        url=addresses.video_page(video.public_id, "…"),
        video_id=video.public_id,
        size=video.streamed_size or 0,
        expires_at=expires_at,
        hours=hours_left(expires_at, now),
        pace_known=incident.pace_known is not False,
    )


def _end_of_link(video: Video, recipient: str) -> datetime | None:
    """Return the end of a recipient's link, if there is one."""
    return db.session.scalar(
        select(Link.expires_at)
        .where(Link.video_id == video.id, Link.recipient == recipient, Link.revoked_at.is_(None))
        .order_by(Link.id)
        .limit(1)
    )
