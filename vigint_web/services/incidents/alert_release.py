"""Release the mails that wait for an incident's video."""

from sqlalchemy import select, update

from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import (
    Alert,
    AlertKind,
    AlertState,
    Audience,
    HostingState,
    Incident,
    Link,
    Video,
    VideoStatus,
)
from vigint_web.services.core import job_queue
from vigint_web.services.core.actors import SYSTEM
from vigint_web.services.core.leases import is_free
from vigint_web.services.core.transactions import Hook, after_commit, change, transaction
from vigint_web.services.dispatch import backlog, digests
from vigint_web.services.dispatch.enqueue import owe
from vigint_web.services.incidents.incidents import alerts_of
from vigint_web.services.incidents.other_host import ask_other_host
from vigint_web.services.links.links import mint_link


def release(incident: Incident) -> None:
    """Release the mails that wait for an incident's video, if nothing else must be waited for.

    With a link each once the video is ready, unless another host is requested to host it: then with
    its link, or with the local one if it has none. Without a video they say why. In the caller's
    transaction.
    """
    waiting = [alert for alert in alerts_of(incident.id) if alert.state == AlertState.WAITING]
    if not waiting:
        return
    ready = _find_ready_video(incident)
    hosted = ask_other_host(incident, ready)
    if hosted == HostingState.PENDING:
        return
    for alert in waiting:
        if hosted == HostingState.HOSTED:
            pass  # its link is read when the mail is written
        elif ready is not None:
            alert.link_id = _own_link(incident, ready, alert).id
        else:
            alert.kind = AlertKind.TEXT_ONLY
        _release(alert)


def _find_ready_video(incident: Incident) -> Video | None:
    """Return an incident's video as it is now, if it can be watched."""
    return db.session.scalar(
        select(Video)
        .join(Incident, Incident.video_id == Video.id)
        .where(Incident.id == incident.id, Video.status == VideoStatus.READY)
        .execution_options(populate_existing=True)
    )


def _own_link(incident: Incident, video: Video, alert: Alert) -> Link:
    return mint_link(
        SYSTEM, video, Audience.PERSON, recipient=alert.recipient, hours=incident.link_hours
    )


def owe_late_videos(incident: Incident, video: Video) -> None:
    """Enqueue a link for every recipient notified by text that there is no video yet.

    One mail each, whatever delayed the video; an unsent mail gets the link itself. In the caller's
    transaction, which makes the video ready.
    """
    told = [alert for alert in alerts_of(incident.id) if not alert.is_call]
    linked = {alert.recipient for alert in told if alert.kind == AlertKind.VIDEO}
    for alert in told:
        if alert.kind != AlertKind.TEXT_ONLY or alert.recipient in linked:
            continue
        if alert.state == AlertState.FAILED:
            continue
        linked.add(alert.recipient)
        _owe_link(incident, video, alert)


def _owe_link(incident: Incident, video: Video, alert: Alert) -> None:
    link = _own_link(incident, video, alert)
    with transaction() as session:
        unsent = Alert.state.in_([AlertState.PENDING, AlertState.GATHERED])
        turned = change(
            session,
            update(Alert)
            .where(Alert.id == alert.id, unsent, is_free(Alert))
            .values(kind=AlertKind.VIDEO, link_id=link.id),
        )
        if not turned:
            owe(
                session,
                alert.recipient,
                AlertKind.VIDEO,
                incident_id=incident.id,
                link_id=link.id,
            )


def _release(alert: Alert) -> None:
    teller = db.session.get(Alert, alert.told_by_id) if alert.told_by_id is not None else None
    if teller is not None and teller.is_digest and alert.incident is not None:
        backlog.gather(alert, alert.incident)
        alert.state = AlertState.GATHERED
        return
    first = alert.incident.grouped_under_id if alert.incident is not None else None
    if alert.told_by_id is not None and first is not None:
        # The mail that covers it may already be on its way.
        digests.gather(alert, first, utcnow())
        alert.state = AlertState.GATHERED
        return
    alert.state = AlertState.PENDING
    alert.next_attempt_at = utcnow()
    after_commit(_deliver_later(alert))


def _deliver_later(alert: Alert) -> Hook:
    return lambda: job_queue.enqueue_alert(alert.id, alert.attempt)
