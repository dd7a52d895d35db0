"""Translate log lines about notable events into sentences for the terminal."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vigint_web.logs import EVENT, Event

_LONGEST = 300
_WORDS = {
    Event.INCIDENT_RECEIVED: "{incident} was received.",
    Event.ALERT_SENT: "{incident}: an alert was delivered by {channel}.",
    Event.ALERT_IN_OUTBOX: "{incident}: an alert was written to the outbox; no SMTP server is set.",
    Event.ALERT_POSTPONED: "{incident}: an alert is not delivered yet, and tried again: {reason}",
    Event.ALERT_GIVEN_UP: "{incident}: an alert was given up: {reason}",
    Event.VIDEO_FAILED: "Video {video} could not be prepared; its page says why.",
    Event.VIDEO_WAITS_FOR_ROOM: "Video {video} waits for room on the disk.",
    Event.DISK_LOW: "The disk is nearly full: {free} GB are free. Delete videos or enlarge it.",
    Event.DISK_REFUSES: "The disk is full: new footage is refused. Delete videos or enlarge it.",
    Event.DISK_FINE: "The disk has room again: {free} GB are free.",
}


def sentence(fields: Mapping[str, Any]) -> str | None:
    """Return a log line as a sentence with its local time; None for most lines."""
    try:
        words = _WORDS[Event(fields[EVENT])]
    except (KeyError, ValueError):
        return None
    text = words.format_map(_Known(fields))
    # Reasons contain answers of other servers: remove control characters before printing.
    printable = "".join(sign if sign.isprintable() else " " for sign in text)
    return f"{_local_time(fields)}  {printable[:_LONGEST]}"


class _Known(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "An alert" if key == "incident" else "unknown"


def _local_time(fields: Mapping[str, Any]) -> str:
    try:
        moment = datetime.fromisoformat(str(fields["time"]))
    except (KeyError, ValueError):
        return "--:--:--"
    return moment.astimezone().strftime("%H:%M:%S")
