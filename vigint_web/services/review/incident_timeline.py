"""Collect what happened to an incident, in order."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select

from vigint_web.extensions import db
from vigint_web.models import (
    AuditEvent,
    Incident,
    Link,
    Notification,
    NotificationState,
    Video,
    VideoStatus,
)
from vigint_web.services.audit.staff_access import downloads_of, later_reasons
from vigint_web.services.incidents.downloads import DOWNLOADED
from vigint_web.services.review.acts import acts_of


class MomentKind(StrEnum):
    """What happened without a reviewer; acts have kinds of their own."""

    DETECTED = "detected"
    RECEIVED = "received"
    ENCODED = "encoded"
    FAILED = "failed"
    MAILED = "mailed"
    CALLED = "called"
    SHARED = "shared"
    WATCHED = "watched"
    REVOKED = "revoked"
    CLIP_DOWNLOADED = "clip_downloaded"
    ORIGINAL_DOWNLOADED = "original_downloaded"
    FRAMES_DOWNLOADED = "frames_downloaded"


@dataclass(frozen=True)
class Moment:
    """One entry of a timeline.

    Args:
        kind: the value of a MomentKind or an ActKind.
        who: the actor of an act or a download; the recipient of a mail or a link.
        text: a note; of a link the recipient.
        reason: the code of a false alarm's reason.
        assignee: the address of a user.
        why: the reason for sharing.
    """

    at: datetime
    kind: str
    who: str = ""
    text: str = ""
    reason: str | None = None
    assignee: str | None = None
    why: str = ""


def timeline_of(incident: Incident, notifications: list[Notification]) -> list[Moment]:
    """Return the moments of an incident, the oldest first.

    Of a link only its first play, of downloads the last ones.

    Args:
        notifications: those of the incident.
    """
    moments = [
        *_received(incident),
        *_encoded(incident.video),
        *_sent(notifications),
        *_watched(incident.video_id),
        *_downloaded(incident),
        *(
            Moment(act.at, act.kind, act.actor, act.text, act.reason, act.assignee)
            for act in acts_of(incident.id)
        ),
    ]
    return sorted(moments, key=lambda moment: moment.at)


def _received(incident: Incident) -> Iterator[Moment]:
    # A fast clock would put the detection behind its own receipt.
    yield Moment(min(incident.detected_at, incident.created_at), MomentKind.DETECTED)
    yield Moment(incident.created_at, MomentKind.RECEIVED)


def _encoded(video: Video | None) -> Iterator[Moment]:
    if video is None or video.processing_completed_at is None:
        return
    kinds = {VideoStatus.READY: MomentKind.ENCODED, VideoStatus.FAILED: MomentKind.FAILED}
    kind = kinds.get(video.status)
    if kind is not None:
        yield Moment(video.processing_completed_at, kind)


def _sent(notifications: list[Notification]) -> Iterator[Moment]:
    for row in notifications:
        if row.state == NotificationState.SENT and row.sent_at is not None:
            kind = MomentKind.CALLED if row.is_call else MomentKind.MAILED
            yield Moment(row.sent_at, kind, row.recipient)


def _downloaded(incident: Incident) -> Iterator[Moment]:
    kinds = {action: MomentKind(f"{part}_downloaded") for part, action in DOWNLOADED.items()}
    for event in downloads_of(f"incident:{incident.reference}", kinds):
        yield Moment(event.at, kinds[event.action], event.actor)


def _watched(video_id: int | None) -> Iterator[Moment]:
    if video_id is None:
        return
    query = select(
        Link.id,
        Link.recipient,
        Link.minted_at,
        Link.created_by,
        Link.created_by_id,
        Link.first_played_at,
        Link.revoked_at,
        Link.revoked_by,
        Link.reason,
    )
    links = db.session.execute(query.where(Link.video_id == video_id)).all()
    later = later_reasons(link.id for link in links if link.reason)
    for link in links:
        yield from _of_link(link, later.get(link.id))


def _of_link(link: Any, later: AuditEvent | None) -> Iterator[Moment]:
    recipient, why = link.recipient or "", link.reason or ""
    # Alerts are shared by no one, until a person hands their link over.
    if link.created_by_id is not None or (why and later is None):
        first = "" if later is not None else why
        yield Moment(link.minted_at, MomentKind.SHARED, link.created_by, text=recipient, why=first)
    if later is not None:
        yield Moment(later.at, MomentKind.SHARED, later.actor, text=recipient, why=why)
    if link.first_played_at is not None:
        yield Moment(link.first_played_at, MomentKind.WATCHED, recipient)
    if link.revoked_at is not None:
        yield Moment(link.revoked_at, MomentKind.REVOKED, link.revoked_by or "", text=recipient)
