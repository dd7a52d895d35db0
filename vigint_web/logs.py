"""Write log lines that machines can read, with request and job ids and without secrets."""

import contextvars
import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

_NOTHING: Mapping[str, str] = MappingProxyType({})
log_context = contextvars.ContextVar("log_context", default=_NOTHING)

# A defence, not a licence: no line should hold a token or key in the first place.
_SECRETS = (
    re.compile(r"[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{4,12}\.[A-Za-z0-9_-]{20,}"),  # link tokens
    re.compile(r"vgk_[A-Za-z0-9_-]{8,}"),  # API keys
    re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"),  # passwords in addresses
    re.compile(r"(?i)(?<=bearer )\S+"),
)


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
    """Write lines for eyes: what the message does not say follows it as `name=value`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text, redacted."""
        fields = _fields(record)
        time, level, logger, message, exception = (
            fields.pop(name, None) for name in ("time", "level", "logger", "message", "exception")
        )
        said = message.split()
        rest = "".join(
            f" {name}={_quoted(value)}" for name, value in fields.items() if str(value) not in said
        )
        # Nobody writes a line of their own into the log by a line break in a name.
        line = f"{time} {level} {logger}: {message}{rest}".replace("\n", "\\n")
        return f"{line}\n{exception}" if exception else line


def _quoted(value: Any) -> str:
    text = str(value)
    return text if re.fullmatch(r"[^\s\"=]+", text) else json.dumps(text, ensure_ascii=False)


def formatter(name: str) -> logging.Formatter:
    """Return the formatter of `[Vigint] log_format`: json or text."""
    return TextFormatter() if name == "text" else JsonFormatter()


def configure_logging(log_format: str = "json", level: int = logging.INFO) -> None:
    """Send all log lines to standard error; calling it again changes nothing."""
    root = logging.getLogger()
    ours = (JsonFormatter, TextFormatter)
    if any(isinstance(handler.formatter, ours) for handler in root.handlers):
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(log_format))
    root.addHandler(handler)
    root.setLevel(level)
    # Alembic tells every step, RQ every poll.
    for name in ("alembic", "rq", "rq.worker", "flask_limiter"):
        logging.getLogger(name).setLevel(logging.WARNING)
