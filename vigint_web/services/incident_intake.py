"""Read what a detector says about an incident, and name every mistake in it at once. Pure."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from vigint_web.config import is_mailbox
from vigint_web.errors import Invalid
from vigint_web.models import RiskLevel

MOST_FRAMES = 2_000
_KNOWN = {
    "incident_type", "risk_level", "confidence", "frame_count", "analysis", "site", "camera",
    "detected_at", "model", "model_version", "boxes",
}  # fmt: skip
_DEEPEST = 32  # levels of lists and objects in what is kept as it came
_EARLIEST, _LATEST = 0.0, datetime(2200, 1, 1, tzinfo=UTC).timestamp()


@dataclass(frozen=True)
class Moment:
    """A time as a detector gave it: epoch seconds, and whether its zone had to be assumed."""

    seconds: float
    zone_assumed: bool = False


@dataclass(frozen=True)
class IncidentFacts:
    """What a detector says, checked."""

    message: str
    incident_type: str
    risk_level: RiskLevel
    confidence: float | None
    frame_count: int | None
    analysis: str
    site: str | None
    camera: str | None
    detected_at: Moment | None
    model: str | None
    model_version: str | None
    boxes: Any
    # None: nobody was named, the configured recipients are alerted; empty: nobody is.
    recipients: tuple[str, ...] | None
    expiration_hours: int | None
    # One for each frame part of a multipart request.
    timestamps: tuple[Moment | None, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)


def parse_moment(value: Any, zone: ZoneInfo) -> Moment:
    """Read a time: ISO 8601, or epoch seconds.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(value, bool):
        raise ValueError("not a time")
    if isinstance(value, int | float):
        if not math.isfinite(value) or not _EARLIEST <= value <= _LATEST:
            raise ValueError("not a time")
        return Moment(float(value))
    if not isinstance(value, str) or len(value) > 64:
        raise ValueError("not a time")
    try:
        return parse_moment(float(value), zone)
    except ValueError:
        moment = datetime.fromisoformat(value.strip())
    assumed = moment.tzinfo is None
    if assumed:
        moment = moment.replace(tzinfo=zone)
    seconds = moment.timestamp()
    if not _EARLIEST <= seconds <= _LATEST:
        raise ValueError("not a time")
    return Moment(seconds, zone_assumed=assumed)


def parse_incident(document: Any, zone: ZoneInfo, known: Sequence[str] = ()) -> IncidentFacts:
    """Check an incident document (contracts, incident API) without its frames.

    Args:
        known: mistakes found already, to be told with those found here.

    Raises:
        Invalid: with a sentence per mistake.
    """
    reader = _Reader(zone, list(known))
    body = reader.mapping(document, "the document") or {}
    data = reader.mapping(body.get("incident_data"), "incident_data") or {}
    facts = IncidentFacts(
        message=reader.text(body, "message", 10_000) or "",
        incident_type=_one_line(reader.text(data, "incident_type", 100)) or "incident",
        risk_level=reader.risk(data),
        confidence=reader.confidence(data),
        frame_count=reader.count(data, "frame_count", 0, 2**31 - 1),
        analysis=reader.text(data, "analysis", 20_000) or "",
        site=_one_line(reader.text(data, "site", 200)),
        camera=_one_line(reader.text(data, "camera", 200)),
        detected_at=reader.moment(data, "detected_at"),
        model=_one_line(reader.text(data, "model", 200)),
        model_version=_one_line(reader.text(data, "model_version", 100)),
        boxes=reader.kept(data, "boxes"),
        recipients=reader.recipients(body),
        expiration_hours=reader.count(body, "expiration_hours", 1, 87_600),
        timestamps=reader.timestamps(body),
        extra={_storable(key): reader.kept(data, key) for key in data if key not in _KNOWN},
    )
    if not facts.message and not data:
        reader.mistakes.append("message and incident_data are both missing.")
    if reader.mistakes:
        raise Invalid(reader.mistakes)
    return facts


def _storable(text: str) -> str:
    # PostgreSQL cannot hold NUL, nothing encodes half a surrogate pair; no text means either.
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def _plain(value: Any, levels: int = _DEEPEST) -> Any:
    """Return a JSON value as every database takes it; raises ValueError when nested too deeply."""
    if levels == 0:
        raise ValueError("nested too deeply")
    if isinstance(value, str):
        return _storable(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None  # Python's json knows NaN, JSON does not
    if isinstance(value, Mapping):
        return {_storable(key): _plain(item, levels - 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, levels - 1) for item in value]
    return value


def _one_line(text: str | None) -> str | None:
    return re.sub(r"\s+", " ", text).strip() if text else None


class _Reader:
    def __init__(self, zone: ZoneInfo, mistakes: list[str]) -> None:
        self.zone = zone
        self.mistakes = mistakes

    def mapping(self, value: Any, name: str) -> Mapping[str, Any] | None:
        if value is None or isinstance(value, Mapping):
            return value
        self.mistakes.append(f"{name} must be a JSON object.")
        return None

    def text(self, data: Mapping[str, Any], key: str, longest: int) -> str | None:
        value = data.get(key)
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or len(value) > longest:
            self.mistakes.append(f"{key} must be a text of at most {longest} characters.")
            return None
        return _storable(value).strip() or None

    def kept(self, data: Mapping[str, Any], key: str) -> Any:
        try:
            return _plain(data.get(key))
        except ValueError:
            told = _storable(key)[:40]
            self.mistakes.append(f"{told} is nested more than {_DEEPEST} levels deep.")
            return None

    def risk(self, data: Mapping[str, Any]) -> RiskLevel:
        value = data.get("risk_level")
        if value is None:
            return RiskLevel.MEDIUM
        try:
            return RiskLevel(str(value).upper())
        except ValueError:
            self.mistakes.append("risk_level must be LOW, MEDIUM, HIGH or CRITICAL.")
            return RiskLevel.MEDIUM

    def confidence(self, data: Mapping[str, Any]) -> float | None:
        value = data.get("confidence")
        if value is None:
            return None
        good = isinstance(value, int | float) and not isinstance(value, bool)
        if not good or not 0 <= value <= 1:
            self.mistakes.append("confidence must be a number from 0 to 1.")
            return None
        return float(value)

    def count(self, data: Mapping[str, Any], key: str, low: int, high: int) -> int | None:
        value = data.get(key)
        if value is None:
            return None
        if isinstance(value, str) and re.fullmatch(r"\d{1,10}", value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self.mistakes.append(f"{key} must be a whole number from {low} to {high}.")
            return None
        return value

    def moment(self, data: Mapping[str, Any], key: str) -> Moment | None:
        if data.get(key) is None:
            return None
        try:
            return parse_moment(data[key], self.zone)
        except (ValueError, OverflowError):
            self.mistakes.append(f"{key} must be an ISO 8601 time or epoch seconds.")
            return None

    def timestamps(self, body: Mapping[str, Any]) -> tuple[Moment | None, ...]:
        value = body.get("timestamps")
        if value is None:
            return ()
        if not isinstance(value, Sequence) or isinstance(value, str) or len(value) > MOST_FRAMES:
            self.mistakes.append(f"timestamps must be a list of at most {MOST_FRAMES} times.")
            return ()
        found: list[Moment | None] = []
        for number, item in enumerate(value):
            try:
                found.append(None if item is None else parse_moment(item, self.zone))
            except (ValueError, OverflowError):
                self.mistakes.append(f"timestamps[{number}] is not a time.")
        return tuple(found)

    def recipients(self, body: Mapping[str, Any]) -> tuple[str, ...] | None:
        if body.get("alert") is False:
            return ()
        value = body.get("recipients")
        if value is None:
            return None
        if isinstance(value, str):
            value = [value]
        if not isinstance(value, Sequence) or len(value) > 50:
            self.mistakes.append("recipients must be a list of at most 50 mail addresses.")
            return ()
        for item in value:
            if not isinstance(item, str) or not is_mailbox(item):
                self.mistakes.append("recipients must hold mail addresses only.")
                return ()
        return tuple(dict.fromkeys(item.lower() for item in value))
