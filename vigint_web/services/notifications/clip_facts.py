"""Provide the facts about an incident's video for a mail, and its link."""

from datetime import timedelta

from vigint_web.clock import utcnow
from vigint_web.i18n.sentences import FRAMES_SKIPPED
from vigint_web.mail.messages import ClipFacts
from vigint_web.models import (
    Audience,
    Incident,
    Link,
    Notification,
    NotificationKind,
    Video,
    VideoStatus,
)
from vigint_web.services.core.actors import SYSTEM
from vigint_web.services.core.transactions import transaction
from vigint_web.services.hosting.remote import find_hosting, hosted_link
from vigint_web.services.links.links import hours_left, mint_link, private_url


def renew_link(notification: Notification, incident: Incident) -> None:
    """Replace a link that expired while its mail waited, while there is footage."""
    link, video = notification.link, incident.video
    if video is None or notification.kind != NotificationKind.VIDEO or _still_opens(link, incident):
        return
    with transaction() as session:
        fresh = mint_link(
            SYSTEM,
            video,
            Audience.PERSON,
            recipient=notification.recipient,
            hours=incident.link_hours,
        )
        notification.link_id = fresh.id
        session.flush()
        session.refresh(notification, ["link"])


def _still_opens(link: Link | None, incident: Incident) -> bool:
    """Return whether no other link is needed; a revoked one is never replaced."""
    if link is None:
        hosting = find_hosting(incident.id)
        return hosting is None or hosted_link(hosting) is not None
    return link.revoked_at is not None or link.expires_at is None or link.expires_at > utcnow()


def failure_of(notification: Notification, incident: Incident) -> str:
    """Return the code of why a mail has no link."""
    video = incident.video
    if video is None:
        return "original_missing" if incident.frames_received else _why_no_frames(incident)
    if notification.link is not None and notification.link.revoked_at is not None:
        return "link_revoked"
    # Recipients notified by text at once get the link in another mail.
    late = notification.kind == NotificationKind.TEXT_ONLY and video.status == VideoStatus.READY
    if video.waits_for_room or late:
        return "waits_for_room"
    return video.error_code or "original_missing"


def _why_no_frames(incident: Incident) -> str:
    # The detector's number was not validated before.
    skipped = incident.extra.get(FRAMES_SKIPPED)
    if isinstance(skipped, int) and not isinstance(skipped, bool) and 0 < skipped < 10**6:
        return f"{FRAMES_SKIPPED}:{skipped}"
    return "no_frames"


def clip_of(notification: Notification, incident: Incident) -> ClipFacts | None:
    """Return a mail's facts about the video, None without a playable one."""
    link, video = notification.link, incident.video
    if notification.kind != NotificationKind.VIDEO or video is None:
        return None
    if link is None:
        return _hosted_clip(incident, video)
    if link.revoked_at is not None or link.expires_at is None or video.streamed_size is None:
        return None
    return ClipFacts(
        url=private_url(link, video.public_id),
        video_id=video.public_id,
        size=video.streamed_size,
        expires_at=link.expires_at,
        hours=hours_left(link.expires_at, utcnow()),
        pace_known=incident.pace_known is not False,
    )


def _hosted_clip(incident: Incident, video: Video) -> ClipFacts | None:
    """Return a mail's facts about a clip on another server, if any."""
    hosting = find_hosting(incident.id)
    address = hosted_link(hosting) if hosting is not None else None
    if hosting is None or address is None or video.streamed_size is None:
        return None
    hours = timedelta(hours=incident.link_hours)
    expires_at = hosting.expires_at or (hosting.settled_at or utcnow()) + hours
    return ClipFacts(
        url=address,
        video_id=hosting.remote_id or video.public_id,
        size=video.streamed_size,
        expires_at=expires_at,
        hours=hours_left(expires_at, utcnow()),
        pace_known=incident.pace_known is not False,
    )
