"""Parse a detector's document about an incident; no value is a reason for refusal. Pure."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from vigint_web.errors import EmptyIncident, Invalid, Mistake, MistakeCode
from vigint_web.models import RiskLevel
from vigint_web.services.alerting.recipients import Refused
from vigint_web.services.core.moments import Moment
from vigint_web.services.core.odd_values import load_json, plain_json, storable
from vigint_web.services.dispatch.backlog import kept_since
from vigint_web.services.incidents.boxes import Box
from vigint_web.services.incidents.documents import (
    IncidentBody,
    IncidentFactsBody,
    Intake,
    IntakeSettings,
    read_members,
)
from vigint_web.services.incidents.payload_warnings import Warnings

NOT_AN_OBJECT = "not_an_object"
NOT_A_LIST = "not_a_list"
OTHER_LENGTH = "other_length"
# Keys about the request; all others are about the incident.
_ENVELOPE = frozenset(IncidentBody.model_fields)
_TEST = "test"
# Parsed together with the footage.
_OF_FOOTAGE = {"incident_data", "frames", "timestamps"}


@dataclass(frozen=True)
class IncidentFacts:
    """The parsed facts of an incident."""

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
    # As sent; those in the form of `Box` are in `found_boxes` too.
    boxes: Any
    # None: the configured recipients; empty: no recipient.
    recipients: tuple[str, ...] | None
    expiration_hours: int | None
    extra: dict[str, Any] = field(default_factory=dict)
    # Named recipients that are not mailed, with the reason.
    refused: tuple[Refused, ...] = ()
    # Neither persons nor webhooks are notified.
    silent: bool = False
    found_boxes: tuple[Box, ...] = ()
    is_test: bool = False
    # Received values that differ from those used, in the row's format.
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
    intake = Intake(settings, warnings)
    data, own, has_facts = _data(document, warnings)
    # A member beside the facts makes no test: it may mean anything.
    facts = read_members(IncidentFactsBody, data | {_TEST: own.get(_TEST)}, intake)
    about = {name: document[name] for name in _ENVELOPE - _OF_FOOTAGE if name in document}
    body = read_members(IncidentBody, about | {"message": _message(document, data)}, intake)
    if not (body.message or has_facts or has_footage):
        raise EmptyIncident
    # Any other value than true is an unknown member.
    known = IncidentFactsBody.model_fields.keys() - (set() if facts.test else {_TEST})
    unknown = {name: data[name] for name in data if name not in known}
    return IncidentFacts(
        message=body.message,
        incident_type=facts.incident_type or "incident",
        risk_level=facts.risk_level,
        confidence=facts.confidence,
        frame_count=facts.frame_count,
        analysis=facts.analysis,
        site=facts.site,
        camera=facts.camera,
        detected_at=facts.detected_at,
        model=facts.model,
        model_version=facts.model_version,
        boxes=facts.boxes.sent,
        found_boxes=facts.boxes.found,
        recipients=body.recipients.mailed,
        refused=body.recipients.refused,
        silent=not body.alert,
        is_test=facts.test,
        expiration_hours=body.expiration_hours,
        extra=plain_json(unknown) | kept_since(document),
        warnings=warnings.stored(),
    )


def _data(
    document: Mapping[str, Any], warnings: Warnings
) -> tuple[dict[str, Any], Mapping[str, Any], bool]:
    """Return the facts, those in `incident_data` itself, and whether any is about the incident.

    Those at the top of the document count too, as a common mistake.
    """
    given = document.get("incident_data")
    found = _mapping(given)
    if found is None:
        if not _is_blank(given):
            warnings.add("incident_data", given, NOT_AN_OBJECT)
        found = {}
    beside = {name: value for name, value in document.items() if name not in _ENVELOPE}
    data = beside | {name: value for name, value in found.items() if not _is_blank(value)}
    # A blank fact is kept, but does not override another.
    data = {name: value for name, value in found.items() if name not in data} | data
    has_facts = any(not _is_blank(value) for value in data.values())
    return data, found, has_facts or not (_is_blank(given) or isinstance(given, Mapping))


def _mapping(value: Any) -> Mapping[str, Any] | None:
    """Return an object, also from a text or from a list with one element."""
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


def _message(document: Mapping[str, Any], data: dict[str, Any]) -> Any:
    """Return the message, which some programs put among the facts: it is removed from there."""
    value = document.get("message")
    if _is_blank(value) and "message" in data:
        value = data.pop("message")
    return None if _is_blank(value) else value


def listed_timestamps(document: Any, frames: int, warnings: Warnings) -> list[Any]:
    """Return a document's list of times for that many frames; None if there is none."""
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
