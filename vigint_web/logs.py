"""Write log lines as JSON or text, with request and job ids and without secrets."""

import contextvars
import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TextIO

_NOTHING: Mapping[str, str] = MappingProxyType({})
log_context = contextvars.ContextVar("log_context", default=_NOTHING)

# A safety net: no line should contain a token or key in the first place. Lines may contain
# untrusted text: a token starts at a word boundary, so that a long word is scanned once.
_WORD = r"[A-Za-z0-9_-]"
_SECRETS = (
    re.compile(rf"(?<!{_WORD}){_WORD}{{20,}}+\.{_WORD}{{4,12}}\.{_WORD}{{20,}}"),  # link tokens
    re.compile(r"vgk_[A-Za-z0-9_-]{8,}"),  # API keys
    re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"),  # passwords in URLs
    re.compile(r"(?i)(?<=bearer )\S+"),
)


# The field with the event of a line, for lines that are also shown on a terminal.
EVENT = "event"


class Event(StrEnum):
    """The events that are shown to the person who runs an installation."""

    INCIDENT_RECEIVED = "incident_received"
    ALERT_SENT = "alert_sent"
    ALERT_IN_OUTBOX = "alert_in_outbox"
    ALERT_POSTPONED = "alert_postponed"
    ALERT_GIVEN_UP = "alert_given_up"
    VIDEO_FAILED = "video_failed"
    VIDEO_WAITS_FOR_ROOM = "video_waits_for_room"
    DISK_LOW = "disk_low"
    DISK_REFUSES = "disk_refuses"
    DISK_FINE = "disk_fine"


def about(event: Event, **fields: object) -> dict[str, dict[str, object]]:
    """Return the `extra` of a log line about an event."""
    return {"fields": {EVENT: event.value, **fields}}


def redact(text: str) -> str:
    """Return a text without anything that looks like a token, a key or a password."""
    for pattern in _SECRETS:
        text = pattern.sub("[redacted]", text)
    return text


@contextmanager
def bound(**fields: str) -> Iterator[None]:
    """Add fields to every log line written inside."""
    reset = log_context.set({**log_context.get(), **fields})
    try:
        yield
    finally:
        log_context.reset(reset)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    line: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": redact(record.getMessage()),
        **log_context.get(),
    }
    extra = getattr(record, "fields", None)
    if isinstance(extra, Mapping):
        line |= {key: redact(v) if isinstance(v, str) else v for key, v in extra.items()}
    if record.exc_info:
        line["exception"] = redact(logging.Formatter().formatException(record.exc_info))
    return line


class JsonFormatter(logging.Formatter):
    """Write one JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON, redacted."""
        return json.dumps(_fields(record), ensure_ascii=False, default=str)


class TextFormatter(logging.Formatter):
    """Write text lines: fields that are not in the message follow it as `name=value`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text, redacted."""
        return as_text(_fields(record))


def as_text(fields: Mapping[str, Any]) -> str:
    """Return the fields of a log line as text."""
    rest = dict(fields)
    time, level, logger, message, exception = (
        rest.pop(name, None) for name in ("time", "level", "logger", "message", "exception")
    )
    words = str(message).split()
    more = "".join(
        f" {name}={_quoted(value)}" for name, value in rest.items() if str(value) not in words
    )
    # Prevents forged log lines by line breaks in names.
    line = f"{time} {level} {logger}: {message}{more}".replace("\n", "\\n")
    return f"{line}\n{exception}" if exception else line


def _quoted(value: Any) -> str:
    text = str(value)
    return text if re.fullmatch(r"[^\s\"=]+", text) else json.dumps(text, ensure_ascii=False)


def formatter(name: str) -> logging.Formatter:
    """Return the formatter of `[Vigint] log_format`: json or text."""
    return TextFormatter() if name == "text" else JsonFormatter()


def configure_logging(
    log_format: str = "json", level: int = logging.INFO, stream: TextIO | None = None
) -> logging.Handler | None:
    """Send all log lines to a stream, standard error by default.

    Further calls change nothing. Return the handler if it is new.
    """
    root = logging.getLogger()
    ours = (JsonFormatter, TextFormatter)
    if any(isinstance(handler.formatter, ours) for handler in root.handlers):
        return None
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter(log_format))
    root.addHandler(handler)
    root.setLevel(level)
    # Alembic logs every step, RQ every poll.
    for name in ("alembic", "rq", "rq.worker", "flask_limiter"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return handler
