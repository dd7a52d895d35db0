"""Build an incident's document for a Vigint server, and follow its state."""

import datetime as dt
import logging
import math
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from vigint_client.errors import RequestError
from vigint_client.frames import FrameBatch
from vigint_client.plain import to_plain, to_text
from vigint_client.posting import INCIDENTS, Posting
from vigint_client.recipients import read_recipients
from vigint_client.retries import ONCE
from vigint_client.transport import Transport

log = logging.getLogger("vigint_client")

FIRST_POLL = 0.2
LONGEST_POLL = 2.0
_MOST_HOURS = 87_600
# The document's key for the number of the detector's unusable frames.
FRAMES_SKIPPED = "frames_skipped"
# Earlier than any correctly set camera clock: a stream's position, not a time of day.
_EARLIEST_CLOCK_YEAR = 2000
_EARLIEST_CLOCK = dt.datetime(_EARLIEST_CLOCK_YEAR, 1, 1, tzinfo=dt.UTC).timestamp()
_UNDER_WAY = ("waiting", "pending")


@dataclass(frozen=True)
class Report:
    """A detector's alert, without the frames.

    `recipients` None means those configured on the server, an empty tuple none.
    """

    message: str
    incident_data: dict[str, Any]
    recipients: tuple[str, ...] | None = None
    expiration_hours: int | None = None
    alert: bool = True
    idempotency_key: str = field(default_factory=lambda: uuid.uuid4().hex)
    called_at: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))


def make_report(
    message: object,
    incident_data: object = None,
    recipients: object = None,
    expiration_hours: object = None,
    *,
    alert: bool = True,
) -> Report:
    """Return a report from any values a detector passed; nothing here raises."""
    return Report(
        message=to_text(message),
        incident_data=_as_data(incident_data),
        recipients=read_recipients(recipients),
        expiration_hours=as_hours(expiration_hours),
        alert=alert,
    )


def make_posting(report: Report, batch: FrameBatch, default_hours: float | None) -> Posting:
    """Return the request for a report and its frames."""
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


def follow_incident(
    transport: Transport, incident_id: str, wait: float
) -> tuple[dict[str, Any] | None, bool]:
    """Poll the incident's state until it is settled or `wait` seconds have passed.

    Returns the last state, None when there was none, and whether it is settled.
    """
    deadline = transport.clock() + wait
    pause = FIRST_POLL
    state: dict[str, Any] | None = None
    # The answer's status_url may have a public address; send the key to the configured one only.
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
    """Return whether the hash and every delivery are known, or final."""
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
    """Return whole hours, rounded up, as the server requires; None for its own default."""
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
        # Multipart has no number per frame; the mail shows the last one.
        data["frame_count"] = counts[-1]
    if data.get("detected_at") in (None, "") and not _tells_the_hour(batch):
        # The alert may wait in a queue for minutes: the time of the call is more accurate.
        data["detected_at"] = report.called_at.isoformat(timespec="milliseconds")
    if batch.unusable:
        data[FRAMES_SKIPPED] = batch.unusable
    return data


def _tells_the_hour(batch: FrameBatch) -> bool:
    """Return whether the frames' first time is a time of day, which the server uses."""
    stamps = [frame.timestamp for frame in batch.frames if frame.timestamp is not None]
    if not stamps:
        return False
    with suppress(ValueError):
        return float(stamps[0]) >= _EARLIEST_CLOCK
    with suppress(ValueError):
        return dt.datetime.fromisoformat(str(stamps[0]).strip()).year >= _EARLIEST_CLOCK_YEAR
    return False


def _as_data(value: object) -> dict[str, Any]:
    if value is None:
        return {}
    plain = to_plain(value)
    return plain if isinstance(plain, dict) else {"analysis": to_text(value)}
