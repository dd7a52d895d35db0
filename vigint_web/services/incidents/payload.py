"""Read what a detector says about an incident; nothing that it says refuses one. Pure."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from vigint_web.errors import EmptyIncident, Invalid, Mistake, MistakeCode
from vigint_web.models import RiskLevel
from vigint_web.services.alerting.recipients import TOO_MANY, Refused, read_recipients
from vigint_web.services.core.moments import PLAUSIBLE_FROM, Moment, parse_moment
from vigint_web.services.core.odd_values import (
    NOT_UNDERSTOOD,
    Reading,
    load_json,
    plain_json,
    read_confidence,
    read_count,
    read_hours,
    read_name,
    read_risk,
    read_text,
    storable,
)
from vigint_web.services.dispatch.backlog import kept_since
from vigint_web.services.incidents.frame_times import IMPLAUSIBLE
from vigint_web.services.incidents.payload_warnings import Warnings

MOST_FRAMES = 2_000
NOT_AN_OBJECT = "not_an_object"
NOT_A_LIST = "not_a_list"
OTHER_LENGTH = "other_length"
NO_USABLE_RECIPIENT = "no_usable_recipient"
# What a document says about the request; all else is about the incident.
_ENVELOPE = {
    "message", "incident_data", "frames", "recipients", "expiration_hours", "timestamps", "alert",
    "kept_since",
}  # fmt: skip
_FACTS: Mapping[str, Callable[[Any], Reading]] = {
    "incident_type": partial(read_name, longest=100),
    "risk_level": read_risk,
    "confidence": read_confidence,
    "frame_count": read_count,
    "analysis": read_text,
    "site": partial(read_name, longest=200),
    "camera": partial(read_name, longest=200),
    "model": partial(read_name, longest=200),
    "model_version": partial(read_name, longest=100),
}
_SILENT = {"false", "no", "non", "off", "0"}


@dataclass(frozen=True)
class IntakeSettings:
    """What the installation says about documents of programs."""

    zone: ZoneInfo
    link_hours: int = 48
    # The only domains whose addresses programs may have mailed; empty: all.
    recipient_domains: tuple[str, ...] = ()
    # Who sends mails by SMTP; None: they go to the outbox.
    sender: str | None = None


@dataclass(frozen=True)
class IncidentFacts:
    """What a detector says, as it is used."""

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
    # None: the configured recipients are told; empty: nobody is.
    recipients: tuple[str, ...] | None
    expiration_hours: int | None
    extra: dict[str, Any] = field(default_factory=dict)
    # Who was named and is not mailed, with the reason.
    refused: tuple[Refused, ...] = ()
    # Neither people nor programs are told.
    silent: bool = False
    # What was received otherwise than it is used, as a row keeps it.
    warnings: list[dict[str, Any]] = field(default_factory=list)


def parse_incident(
    document: Any,
    settings: IntakeSettings,
    warnings: Warnings | None = None,
    *,
    has_footage: bool = False,
) -> IncidentFacts:
    """Read an incident document (contracts, incident API) without its frames.

    Args:
        warnings: those of the rest of the request.
        has_footage: frames or a video came with it.

    Raises:
        Invalid: it is no object.
        EmptyIncident: there is neither a message nor a fact nor footage.
    """
    warnings = warnings or Warnings()
    if document is None and has_footage:
        document = {}
    if not isinstance(document, Mapping):
        if not has_footage:
            raise Invalid([Mistake(MistakeCode.DOCUMENT_NOT_OBJECT)])
        warnings.add("incident", document, NOT_AN_OBJECT)
        document = {}
    data, said = _data(document, warnings)
    used = {name: _used(name, data.get(name), read, warnings) for name, read in _FACTS.items()}
    message = _message(document, data, warnings)
    extra = plain_json({name: data[name] for name in data if not _is_known(name)})
    if not (message or said or has_footage):
        raise EmptyIncident
    mailed, refused, silent = _recipients(document, settings, warnings)
    return IncidentFacts(
        message=message,
        incident_type=used.pop("incident_type") or "incident",
        detected_at=_detected_at(data, settings.zone, warnings),
        boxes=plain_json(data.get("boxes")),
        recipients=mailed,
        refused=refused,
        silent=silent,
        expiration_hours=_used(
            "expiration_hours",
            document.get("expiration_hours"),
            partial(read_hours, default=settings.link_hours),
            warnings,
        ),
        extra=extra | kept_since(document),
        warnings=warnings.stored(),
        **used,
    )


def _is_known(name: str) -> bool:
    return name in _FACTS or name in {"detected_at", "boxes"}


def _used(name: str, value: Any, read: Callable[[Any], Reading], warnings: Warnings) -> Any:
    reading = read(value)
    if reading.code is not None:
        warnings.add(name, value, reading.code, reading.used)
    return reading.used


def _data(document: Mapping[str, Any], warnings: Warnings) -> tuple[dict[str, Any], bool]:
    """Return the facts, and whether anything was said about the incident.

    Those at the top of the document count too: they are easily written there.
    """
    given = document.get("incident_data")
    found = _mapping(given)
    if found is None:
        if not _is_blank(given):
            warnings.add("incident_data", given, NOT_AN_OBJECT)
        found = {}
    beside = {name: value for name, value in document.items() if name not in _ENVELOPE}
    data = beside | {name: value for name, value in found.items() if not _is_blank(value)}
    # A fact that is blank is kept, but hides none.
    data = {name: value for name, value in found.items() if name not in data} | data
    said = any(not _is_blank(value) for value in data.values())
    return data, said or not (_is_blank(given) or isinstance(given, Mapping))


def _mapping(value: Any) -> Mapping[str, Any] | None:
    """Return an object, also where it is written as a text or stands alone in a list."""
    if isinstance(value, str):
        try:
            value = load_json(value)
        except (ValueError, RecursionError):
            return None
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, Mapping) else None


def _is_blank(value: Any) -> bool:
    if isinstance(value, str):
        return not storable(value).strip()
    return value is None or (isinstance(value, list | Mapping) and not value)


def _message(document: Mapping[str, Any], data: dict[str, Any], warnings: Warnings) -> str:
    value = document.get("message")
    if _is_blank(value) and "message" in data:
        value = data.pop("message")
    return str(_used("message", None if _is_blank(value) else value, read_text, warnings))


def _detected_at(data: Mapping[str, Any], zone: ZoneInfo, warnings: Warnings) -> Moment | None:
    value = data.get("detected_at")
    if value is None or value == "":
        return None
    try:
        moment = parse_moment(value, zone)
    except (ValueError, OverflowError):
        warnings.add("detected_at", value, NOT_UNDERSTOOD)
        return None
    if moment.seconds < PLAUSIBLE_FROM:
        warnings.add("detected_at", value, IMPLAUSIBLE)
        return None
    return moment


def listed_timestamps(document: Any, frames: int, warnings: Warnings) -> list[Any]:
    """Return what a document lists as the time of each of so many frames; None where nothing."""
    value = document.get("timestamps") if isinstance(document, Mapping) else None
    if value is None or value == "":
        value = []
    if isinstance(value, str) and value.lstrip().startswith("["):
        with suppress(ValueError, RecursionError):
            value = load_json(value)
    if not isinstance(value, list):
        warnings.add("timestamps", value, NOT_A_LIST)
        value = []
    if value and len(value) != frames:
        warnings.add("timestamps", len(value), OTHER_LENGTH, min(len(value), frames))
    return [*value[:frames], *[None] * (frames - len(value))]


def _recipients(
    document: Mapping[str, Any], settings: IntakeSettings, warnings: Warnings
) -> tuple[tuple[str, ...] | None, tuple[Refused, ...], bool]:
    """Return who is mailed (None: the configured ones), who is not, and whether all is silent."""
    if _is_silent(document.get("alert"), warnings):
        return (), (), True
    value = document.get("recipients")
    if value is None or (isinstance(value, str) and not value.strip()):
        return None, (), False
    found = read_recipients(value, settings.recipient_domains, settings.sender)
    for one in found.refused:
        warnings.add("recipients", one.recipient, one.code)
    if found.left_out:
        used = len(found.mailed) + len(found.refused)
        warnings.add("recipients", used + found.left_out, TOO_MANY, used)
    if found.mailed or found.nobody:
        return found.mailed, found.refused, False
    warnings.add("recipients", value, NO_USABLE_RECIPIENT, "configured")
    return None, found.refused, False


def _is_silent(value: Any, warnings: Warnings) -> bool:
    if value is None or isinstance(value, bool):
        return value is False
    if isinstance(value, str | int) and str(value).strip().lower() in _SILENT:
        return True
    if str(value).strip().lower() not in {"true", "yes", "oui", "on", "1", ""}:
        # What is not understood silences nobody.
        warnings.add("alert", value, NOT_UNDERSTOOD, used=True)
    return False
