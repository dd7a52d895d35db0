"""Post an incident to a Vigint server and follow what becomes of it."""

import datetime as dt
import logging
import math
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from vigint_client.bodies import Body, MultipartBody, Part, json_body, json_part, to_plain
from vigint_client.errors import RequestError
from vigint_client.frames import FrameBatch
from vigint_client.retries import ONCE, RetryPolicy
from vigint_client.transport import Transport

log = logging.getLogger("vigint_client")

INCIDENTS = "/api/v1/incidents"
FIRST_POLL = 0.2
LONGEST_POLL = 2.0
_MOST_HOURS = 87_600
# The server could not use the frames; without them it may still take the alert.
_FRAMES_REFUSED = (400, 413, 415, 422)
_UNDER_WAY = ("waiting", "pending")


@dataclass(frozen=True)
class Report:
    """What a detector wants to tell, without the frames.

    `recipients` None means whom the server is configured to alert, an empty tuple nobody.
    """

    message: str
    incident_data: dict[str, Any]
    recipients: tuple[str, ...] | None = None
    expiration_hours: int | None = None
    alert: bool = True
    idempotency_key: str = field(default_factory=lambda: uuid.uuid4().hex)
    called_at: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))


@dataclass(frozen=True)
class Posting:
    """What is posted: the same bytes in every attempt, from memory or from the spool.

    `document` holds JSON's own types only.
    """

    key: str
    document: dict[str, Any]
    batch: FrameBatch

    def body(self) -> Body:
        """Return the request's body."""
        if not self.batch.frames:
            return json_body(self.document | {"frames": []})
        parts = [json_part("incident", self.document)]
        for number, frame in enumerate(self.batch.frames, start=1):
            suffix = "jpg" if frame.kind == "jpeg" else "png"
            parts.append(
                Part(
                    "frames",
                    frame.content,
                    frame.size,
                    content_type=f"image/{frame.kind}",
                    filename=f"frame-{number:04d}.{suffix}",
                )
            )
        return MultipartBody(parts)

    def thinned(self) -> "Posting":
        """Return the same with every second frame, for want of room.

        The key stays: where the whole did arrive after all, the server takes no second one.
        """
        frames = self.batch.frames[::2] if len(self.batch.frames) > 1 else ()
        left_out = self.batch.left_out + len(self.batch.frames) - len(frames)
        document = {name: value for name, value in self.document.items() if name != "timestamps"}
        if frames and "timestamps" in self.document:
            document["timestamps"] = self.document["timestamps"][::2]
        return Posting(self.key, document, FrameBatch(frames, left_out))

    def bare(self) -> "Posting":
        """Return the same without frames; another body needs another Idempotency-Key."""
        document = {name: value for name, value in self.document.items() if name != "timestamps"}
        left_out = self.batch.left_out + len(self.batch.frames)
        return Posting(f"{self.key}-bare", document, FrameBatch((), left_out))


@dataclass(frozen=True)
class Accepted:
    """The server's answer, what it took, and why it did not take the frames, if so."""

    document: dict[str, Any]
    batch: FrameBatch
    refusal: RequestError | None = None


def make_report(
    message: object,
    incident_data: object = None,
    recipients: object = None,
    expiration_hours: object = None,
    *,
    alert: bool = True,
) -> Report:
    """Return a report from whatever a detector passed; nothing here raises."""
    return Report(
        message=str(message),
        incident_data=_as_data(incident_data),
        recipients=_as_addresses(recipients),
        expiration_hours=as_hours(expiration_hours),
        alert=alert,
    )


def make_posting(report: Report, batch: FrameBatch, default_hours: float | None) -> Posting:
    """Return what a report and its frames say to the server."""
    document: dict[str, Any] = {
        "message": report.message,
        "incident_data": _enriched(report, batch),
    }
    if report.recipients is not None:
        document["recipients"] = list(report.recipients)
    if hours := report.expiration_hours or as_hours(default_hours):
        document["expiration_hours"] = hours
    if not report.alert:
        document["alert"] = False
    timestamps = [frame.timestamp for frame in batch.frames]
    if any(timestamp is not None for timestamp in timestamps):
        document["timestamps"] = timestamps
    return Posting(report.idempotency_key, to_plain(document), batch)


def post_incident(
    transport: Transport,
    posting: Posting,
    policy: RetryPolicy,
    on_trouble: Callable[[], object] | None = None,
) -> dict[str, Any]:
    """Send report and frames; return the server's document once it has stored both.

    Every attempt carries the same Idempotency-Key, so that a repeated attempt whose
    predecessor did arrive makes no second incident. Raises RequestError.
    """
    answer = transport.call(
        "POST",
        INCIDENTS,
        body=posting.body(),
        headers={"Idempotency-Key": posting.key},
        policy=policy,
        on_trouble=on_trouble,
    )
    if not answer.document.get("incident_id"):
        raise RequestError(
            "The server took the incident but named no incident_id: check that "
            "VIGINT_SERVER_URL names a Vigint server of this version.",
            status_code=answer.status,
        )
    return answer.document


def post_with_or_without_frames(
    transport: Transport,
    posting: Posting,
    policy: RetryPolicy,
    on_trouble: Callable[[], object] | None = None,
) -> Accepted:
    """Post with frames; when the server refuses these, post the alert without.

    Raises RequestError.
    """
    try:
        return Accepted(post_incident(transport, posting, policy, on_trouble), posting.batch)
    except RequestError as why:
        if not posting.batch.frames or why.status_code not in _FRAMES_REFUSED:
            raise
        log.warning("%s The alert is sent again without frames.", why)
        refusal = why
    bare = posting.bare()
    return Accepted(post_incident(transport, bare, policy, on_trouble), bare.batch, refusal)


def follow_incident(
    transport: Transport, incident_id: str, wait: float
) -> tuple[dict[str, Any] | None, bool]:
    """Ask for the incident's state until it is settled or `wait` seconds are over.

    Returns the last state seen, None when there was none, and whether it is settled.
    """
    deadline = transport.clock() + wait
    pause = FIRST_POLL
    state: dict[str, Any] | None = None
    # The status_url of the answer may name a public address; the key stays with ours.
    path = f"{INCIDENTS}/{quote(str(incident_id), safe='')}"
    while (left := deadline - transport.clock()) > 0:
        retry_after: float | None = None
        try:
            answer = transport.call("GET", path, policy=ONCE, answer_timeout=min(10.0, left))
        except RequestError as why:
            log.info("The state of the incident is not known yet: %s", why)
            if why.status_code is not None and why.status_code < 500 and why.status_code != 429:
                break
        else:
            state = answer.document
            retry_after = answer.retry_after
            if is_settled(state):
                return state, True
        left = deadline - transport.clock()
        if left <= 0:
            break
        transport.sleep(min(max(pause, retry_after or 0.0), left))
        pause = min(pause * 1.5, LONGEST_POLL)
    return state, False


def is_settled(state: Mapping[str, Any]) -> bool:
    """Tell whether the hash and every delivery are known, or nothing more will come."""
    if state.get("done") is True:
        return True
    deliveries = deliveries_of(state)
    return bool(state.get("file_hash") and deliveries) and all(
        delivery.get("state") not in _UNDER_WAY for delivery in deliveries
    )


def deliveries_of(state: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Return the state's deliveries, one per recipient."""
    found = state.get("deliveries") if state else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def as_hours(value: object) -> int | None:
    """Return whole hours, rounded up, as the server takes them; None for its own default."""
    if value is None:
        return None
    try:
        hours = float(value)  # type: ignore[arg-type]  # float() is the check
    except (TypeError, ValueError):
        hours = math.nan
    if math.isfinite(hours) and hours > 0:
        return min(math.ceil(hours), _MOST_HOURS)
    log.warning("expiration_hours must be a number above 0; the server's default is used.")
    return None


def _enriched(report: Report, batch: FrameBatch) -> dict[str, Any]:
    data = dict(report.incident_data)
    counts = [frame.frame_count for frame in batch.frames if frame.frame_count is not None]
    if data.get("frame_count") is None and counts:
        # Multipart carries no number per frame; the mail shows the last one.
        data["frame_count"] = counts[-1]
    stamped = any(frame.timestamp is not None for frame in batch.frames)
    if data.get("detected_at") is None and not stamped:
        # The alert may wait in a queue for minutes: the call is nearer to what happened.
        data["detected_at"] = report.called_at.isoformat(timespec="milliseconds")
    return data


def _as_data(value: object) -> dict[str, Any]:
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return {str(key): item for key, item in value.items()}
    return {"analysis": str(value)}


def _as_addresses(value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, Iterable):
        items = [items]
    return tuple(text for text in (str(item).strip() for item in items) if text)
