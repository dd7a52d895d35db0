"""Convert the facts of an alert for earlier versions of Vigint.

Earlier versions refuse a whole alert because of one unsupported fact. Such facts are moved to
another name, under which they are kept and shown unchanged.
"""

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

AS_GIVEN = " (as given)"
_RISKS = {
    "LOW": "LOW", "MEDIUM": "MEDIUM", "HIGH": "HIGH", "CRITICAL": "CRITICAL",
    "FAIBLE": "LOW", "MOYEN": "MEDIUM", "ÉLEVÉ": "HIGH", "ELEVE": "HIGH", "CRITIQUE": "CRITICAL",
}  # fmt: skip
_LONGEST = {
    "incident_type": 100, "analysis": 20_000, "site": 200, "camera": 200, "model": 200,
    "model_version": 100,
}  # fmt: skip
_LONGEST_MESSAGE = 10_000
_MOST_HOURS = 87_600
_MOST_RECIPIENTS = 50
_MOST_LEVELS = 20
# RFC 5321, 4.1.2, without quoting and without extensions.
_MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9][A-Za-z0-9.-]{0,188}")
_LATEST = dt.datetime(2200, 1, 1, tzinfo=dt.UTC).timestamp()


def in_plain_facts(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return an incident's document without facts that an earlier version refuses."""
    plain = dict(document)
    data = document.get("incident_data")
    plain["incident_data"] = _plain_data(data) if isinstance(data, Mapping) else {}
    message = str(document.get("message") or "")
    plain["message"] = message[:_LONGEST_MESSAGE]
    if len(message) > _LONGEST_MESSAGE:
        plain["incident_data"][f"message{AS_GIVEN}"] = message
    if "recipients" in plain:
        named = [_mailbox(item) for item in plain.pop("recipients") or ()]
        usable = [item for item in named if item][:_MOST_RECIPIENTS]
        # The server's configured recipients replace an empty list.
        if usable or not named:
            plain["recipients"] = usable
    hours = plain.pop("expiration_hours", None)
    if isinstance(hours, (int, float)) and math.isfinite(hours) and hours > 0:
        plain["expiration_hours"] = min(math.ceil(hours), _MOST_HOURS)
    if "timestamps" in plain:
        plain["timestamps"] = [_moment(value) for value in plain["timestamps"]]
    return plain


def _plain_data(data: Mapping[str, Any]) -> dict[str, Any]:
    readers: dict[str, Callable[[Any], Any]] = {
        "risk_level": _risk,
        "confidence": _confidence,
        "frame_count": _count,
        "detected_at": _moment,
    }
    plain: dict[str, Any] = {}
    for key, value in data.items():
        read = readers.get(key)
        if value is None:
            plain[key] = None
        elif read is not None:
            _put(plain, key, read(value), value)
        elif key in _LONGEST:
            _put(plain, key, _text(value, _LONGEST[key]), value)
        else:
            plain[key] = value if _levels(value) <= _MOST_LEVELS else str(value)
    return plain


def _put(plain: dict[str, Any], key: str, understood: Any, given: Any) -> None:
    if understood is not None:
        plain[key] = understood
    if str(understood).upper() != str(given).strip().upper():
        plain[f"{key}{AS_GIVEN}"] = given if isinstance(given, (int, float)) else str(given)


def _risk(value: Any) -> str | None:
    return _RISKS.get(str(value).strip().upper())


def _confidence(value: Any) -> float | None:
    number = _number(str(value).removesuffix("%")) if isinstance(value, str) else _number(value)
    if number is not None and (number > 1 or str(value).endswith("%")):
        number /= 100
    return number if number is not None and 0 <= number <= 1 else None


def _count(value: Any) -> int | None:
    number = _number(value)
    whole = number is not None and number.is_integer() and 0 <= number < 2**31
    return int(number) if number is not None and whole else None


def _moment(value: Any) -> float | str | None:
    number = _number(value)
    if number is not None:
        return (value if not isinstance(value, str) else number) if 0 <= number <= _LATEST else None
    if not isinstance(value, str) or len(value) > 64:
        return None
    try:
        dt.datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return value.strip()


def _text(value: Any, longest: int) -> str | None:
    text = value if isinstance(value, str) else str(value)
    return text[:longest]


def _mailbox(value: Any) -> str | None:
    text = str(value).strip()
    if text.endswith(">"):
        text = text[text.rfind("<") + 1 : -1].strip()
    return text if _MAILBOX.fullmatch(text) else None


def _levels(value: Any) -> int:
    if isinstance(value, Mapping):
        return 1 + max(map(_levels, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_levels, value), default=0)
    return 0


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
