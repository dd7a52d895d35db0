"""Write the JSON documents of the incident API (contracts, section 6)."""

from typing import Literal, cast

from typing_extensions import TypedDict

from vigint_web.i18n.deliveries import delivery_sentence
from vigint_web.i18n.sentences import failure_sentence
from vigint_web.models import Incident, NotificationKind, NotificationState, Video, VideoStatus
from vigint_web.services.core import addresses
from vigint_web.services.incidents.incidents import answered_link, notifications_of
from vigint_web.services.incidents.undoing import is_told
from vigint_web.services.links.links import private_url

Decision = Literal["confirmed", "false_alarm"]
Encoding = Literal["received", "processing", "ready", "failed"]


class WarningDocument(TypedDict):
    """A received value, shortened; why it is not used unchanged; the value used instead."""

    field: str
    value: str | int | float | bool | None
    code: str
    used: str | int | float | bool | None


class AcceptedDocument(TypedDict):
    """The answer to an accepted incident; without footage there is no link."""

    incident_id: str
    reference: str
    video_id: str | None
    private_link: str | None
    expiration_time: str | None
    status_url: str
    # The reference of the first alert that this one repeats: one mail covers all repeats.
    grouped_under: str | None
    # Values that were changed or not used.
    warnings: list[WarningDocument]


class FramesDocument(TypedDict):
    """How many frames were received, and how many of them are in the clip."""

    received: int
    used: int | None
    left_out: int | None


class DeliveryDocument(TypedDict):
    """The state of the mail to one recipient, or of the call of one webhook."""

    recipient: str
    channel: Literal["mail", "webhook"]
    state: NotificationState
    kind: NotificationKind
    sent_at: str | None
    error: str | None


class DecisionDocument(TypedDict):
    """A judgement about an incident."""

    decision: Decision | None
    reason: str | None
    decided_at: str | None


class StatusDocument(AcceptedDocument):
    """The state of an incident's clip and of every mail."""

    # A test alert, not an incident.
    test: bool
    state: Encoding
    file_hash: str | None
    size: int | None
    duration: float | None
    frames: FramesDocument
    pace_known: bool | None
    deliveries: list[DeliveryDocument]
    error: str | None
    done: bool
    # What people judged, for detectors to learn from: a false alarm has a reason.
    decision: Decision | None
    reason: str | None
    decided_at: str | None


# Mails about other incidents, and about mails.
_ABOUT_OTHERS = {NotificationKind.REPEATS, NotificationKind.UNDELIVERABLE}
# Gathered alerts are covered by a later mail; nothing more happens for this one alone.
_SETTLED = {NotificationState.SENT, NotificationState.FAILED, NotificationState.GATHERED}
_STATES: dict[VideoStatus, Encoding] = {
    VideoStatus.UPLOADING: "received",
    VideoStatus.PROCESSING: "processing",
    VideoStatus.READY: "ready",
    VideoStatus.FAILED: "failed",
}

# Also while a decision can still be undone.
_UNDECIDED: DecisionDocument = {"decision": None, "reason": None, "decided_at": None}


def accepted_document(incident: Incident) -> AcceptedDocument:
    """Return the answer to an accepted incident; without footage there is no link."""
    link, video = answered_link(incident), incident.video
    known = link is not None and video is not None
    return {
        "incident_id": incident.reference,
        "reference": incident.reference,
        "video_id": incident.video_name if video else None,
        "private_link": private_url(link, incident.video_name or video.public_id)
        if link and video
        else None,
        "expiration_time": link.expires_at.isoformat(timespec="seconds")
        if known and link and link.expires_at
        else None,
        "status_url": addresses.incident_document(incident.reference),
        "grouped_under": incident.grouped_under.reference if incident.grouped_under else None,
        "warnings": warning_documents(incident),
    }


def warning_documents(incident: Incident) -> list[WarningDocument]:
    """Return the warnings about received values that differ from those used."""
    return [
        {
            "field": str(one["field"]),
            "value": one["value"],
            "code": str(one["code"]),
            "used": one["used"],
        }
        for one in incident.warnings
    ]


def status_document(incident: Incident) -> StatusDocument:
    """Return the state of the clip and of every mail."""
    video = incident.video
    notifications = [
        notification
        for notification in notifications_of(incident.id)
        if notification.kind not in _ABOUT_OTHERS
    ]
    encoded = video is not None and video.status == VideoStatus.READY
    settled = video is None or video.is_settled
    return {
        **accepted_document(incident),
        "test": incident.is_test,
        "state": _state(video),
        "file_hash": video.original_sha256 if video and encoded else None,
        "size": video.streamed_size if video else None,
        "duration": video.duration if video else None,
        "frames": {
            "received": incident.frames_received,
            "used": incident.frames_used,
            "left_out": incident.frames_left_out,
        },
        "pace_known": incident.pace_known,
        "deliveries": [
            {
                "recipient": notification.recipient,
                "channel": "webhook" if notification.is_call else "mail",
                "state": notification.state,
                "kind": notification.kind,
                "sent_at": notification.sent_at.isoformat(timespec="seconds")
                if notification.sent_at
                else None,
                "error": delivery_sentence(notification.refused or notification.error) or None,
            }
            for notification in notifications
        ],
        "error": str(failure_sentence(video.error_code)) if video and video.error_code else None,
        "done": settled
        # A webhook that cannot be reached delays no caller.
        and all(
            notification.state in _SETTLED
            for notification in notifications
            if not notification.is_call
        ),
        **(decision_document(incident) if is_told(incident) else _UNDECIDED),
    }


def decision_document(incident: Incident) -> DecisionDocument:
    """Return the last judgement about an incident, which closing keeps and reopening takes back."""
    at = incident.decided_at
    return {
        "decision": cast("Decision | None", incident.decision),
        "reason": incident.reason,
        "decided_at": at.isoformat(timespec="seconds") if at is not None else None,
    }


def _state(video: Video | None) -> Encoding:
    if video is None:
        return "received"
    if video.status == VideoStatus.PROCESSING and video.processing_started_at is None:
        return "received"
    return _STATES[VideoStatus(video.status)]
