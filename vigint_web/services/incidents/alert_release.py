"""Release the mails that wait for an incident's video."""

from sqlalchemy import select, update

from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import (
    Audience,
    HostingState,
    Incident,
    Link,
    Notification,
    NotificationKind,
    NotificationState,
    Video,
    VideoStatus,
)
from vigint_web.services.core import job_queue
from vigint_web.services.core.actors import SYSTEM
from vigint_web.services.core.leases import is_free
from vigint_web.services.core.transactions import Hook, after_commit, change, transaction
from vigint_web.services.dispatch import backlog, digests
from vigint_web.services.dispatch.enqueue import queue_notification
from vigint_web.services.incidents.incidents import notifications_of
from vigint_web.services.incidents.other_host import ask_other_host
from vigint_web.services.links.links import mint_link


def release(incident: Incident) -> None:
    """Release the mails that wait for an incident's video, if nothing else must be waited for.

    With a link each once the video is ready, unless another host is requested to host it: then with
    its link, or with the local one if it has none. Without a video they say why. In the caller's
    transaction.
    """
    waiting = [
        notification
        for notification in notifications_of(incident.id)
        if notification.state == NotificationState.WAITING
    ]
    if not waiting:
        return
    ready = _find_ready_video(incident)
    hosted = ask_other_host(incident, ready)
    if hosted == HostingState.PENDING:
        return
    for notification in waiting:
        if hosted == HostingState.HOSTED:
            pass  # its link is read when the mail is written
        elif ready is not None:
            notification.link_id = _own_link(incident, ready, notification).id
        else:
            notification.kind = NotificationKind.TEXT_ONLY
        _release(notification)


def _find_ready_video(incident: Incident) -> Video | None:
    """Return an incident's video as it is now, if it can be watched."""
    return db.session.scalar(
        select(Video)
        .join(Incident, Incident.video_id == Video.id)
        .where(Incident.id == incident.id, Video.status == VideoStatus.READY)
        .execution_options(populate_existing=True)
    )


def _own_link(incident: Incident, video: Video, notification: Notification) -> Link:
    return mint_link(
        SYSTEM, video, Audience.PERSON, recipient=notification.recipient, hours=incident.link_hours
    )


def queue_late_videos(incident: Incident, video: Video) -> None:
    """Enqueue a link for every recipient notified by text that there is no video yet.

    One mail each, whatever delayed the video; an unsent mail gets the link itself. In the caller's
    transaction, which makes the video ready.
    """
    notifications = [
        notification for notification in notifications_of(incident.id) if not notification.is_call
    ]
    linked = {
        notification.recipient
        for notification in notifications
        if notification.kind == NotificationKind.VIDEO
    }
    for notification in notifications:
        if notification.kind != NotificationKind.TEXT_ONLY or notification.recipient in linked:
            continue
        if notification.state == NotificationState.FAILED:
            continue
        linked.add(notification.recipient)
        _queue_link(incident, video, notification)


def _queue_link(incident: Incident, video: Video, notification: Notification) -> None:
    link = _own_link(incident, video, notification)
    with transaction() as session:
        unsent = Notification.state.in_([NotificationState.PENDING, NotificationState.GATHERED])
        turned = change(
            session,
            update(Notification)
            .where(Notification.id == notification.id, unsent, is_free(Notification))
            .values(kind=NotificationKind.VIDEO, link_id=link.id),
        )
        if not turned:
            queue_notification(
                session,
                notification.recipient,
                NotificationKind.VIDEO,
                incident_id=incident.id,
                link_id=link.id,
            )


def _release(notification: Notification) -> None:
    covering = (
        db.session.get(Notification, notification.told_by_id)
        if notification.told_by_id is not None
        else None
    )
    if covering is not None and covering.is_digest and notification.incident is not None:
        backlog.gather(notification, notification.incident)
        notification.state = NotificationState.GATHERED
        return
    first = notification.incident.grouped_under_id if notification.incident is not None else None
    if notification.told_by_id is not None and first is not None:
        # The mail that covers it may already be on its way.
        digests.gather(notification, first, utcnow())
        notification.state = NotificationState.GATHERED
        return
    notification.state = NotificationState.PENDING
    notification.next_attempt_at = utcnow()
    after_commit(_deliver_later(notification))


def _deliver_later(notification: Notification) -> Hook:
    return lambda: job_queue.enqueue_notification(notification.id, notification.attempt)
