"""Models of programs' documents about an incident: the parser and description of each value. Pure.

No value refuses an incident: one that is not understood is a warning, and a careful default is
used. The descriptions are those of OpenAPI.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationInfo

from vigint_web.models import RiskLevel
from vigint_web.services.alerting.recipients import (
    MOST_RECIPIENTS,
    TOO_MANY,
    Refused,
    read_recipients,
)
from vigint_web.services.core.moments import PLAUSIBLE_FROM, Moment, parse_moment
from vigint_web.services.core.odd_values import (
    LONGEST_TEXT,
    NOT_UNDERSTOOD,
    Reading,
    read_confidence,
    read_count,
    read_hours,
    read_name,
    read_risk,
    read_text,
)
from vigint_web.services.incidents.base64_text import decode_base64
from vigint_web.services.incidents.boxes import (
    LONGEST_LABEL,
    LONGEST_TRACK,
    MOST_BOXES,
    ReadBoxes,
    read_boxes,
)
from vigint_web.services.incidents.frame_times import IMPLAUSIBLE
from vigint_web.services.incidents.payload_warnings import Warnings

MOST_FRAMES = 2_000
MOST_LINK_HOURS = 87_600
NO_USABLE_RECIPIENT = "no_usable_recipient"
_YES = {"true", "yes", "oui", "on", "1", ""}
_NO = {"false", "no", "non", "off", "0"}

# The input of a missing value, whose parsed result is the default.
MISSING: Any = None
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Seconds = Annotated[float, Field(ge=0, lt=7_258_118_400)]
Mailbox = Annotated[str, Field(json_schema_extra={"format": "email"})]


@dataclass(frozen=True)
class IntakeSettings:
    """The installation's settings for documents of programs."""

    zone: ZoneInfo
    link_hours: int = 48
    # The only domains whose addresses programs may notify; empty: all.
    recipient_domains: tuple[str, ...] = ()
    # The sender of mails by SMTP; None: they go to the outbox.
    sender: str | None = None


@dataclass(frozen=True)
class Intake:
    """The context of parsing a document; the prefix precedes the names of its members."""

    settings: IntakeSettings
    warnings: Warnings
    prefix: str = ""


@dataclass(frozen=True)
class Addressed:
    """The recipients (None: the configured ones), and the refused ones of a document."""

    mailed: tuple[str, ...] | None = None
    refused: tuple[Refused, ...] = ()


def _intake(info: ValidationInfo) -> Intake:
    if not isinstance(info.context, Intake):
        raise TypeError("a document is read with what the installation says")
    return info.context


def _read(read: Callable[[Any, IntakeSettings], Reading], described: Any) -> PlainValidator:
    """Return the parser of a value, which warns if another value is used."""

    def used(value: Any, info: ValidationInfo) -> Any:
        intake = _intake(info)
        reading = read(value, intake.settings)
        if reading.code is not None:
            name = f"{intake.prefix}{info.field_name}"
            intake.warnings.add(name, value, reading.code, reading.used)
        return reading.used

    return PlainValidator(used, json_schema_input_type=described)


def _name(longest: int) -> PlainValidator:
    read = partial(read_name, longest=longest)
    return _read(lambda value, _: read(value), Annotated[str, Field(max_length=longest)])


def _moment(value: Any, settings: IntakeSettings) -> Reading:
    if value is None or value == "":
        return Reading(None)
    try:
        moment = parse_moment(value, settings.zone)
    except (ValueError, OverflowError):
        return Reading(None, NOT_UNDERSTOOD)
    return Reading(None, IMPLAUSIBLE) if moment.seconds < PLAUSIBLE_FROM else Reading(moment)


def _alert(value: Any, _settings: IntakeSettings) -> Reading:
    """Read whether to notify; an unrecognized value silences no alert."""
    if value is None or isinstance(value, bool):
        return Reading(value is not False)
    text = str(value).strip().lower()
    if isinstance(value, str | int) and text in _NO:
        return Reading(False)
    return Reading(True, None if text in _YES else NOT_UNDERSTOOD)


def _test(value: Any, _settings: IntakeSettings) -> Reading:
    """Read whether it is a test: any value but true is not, or a real alert might be overlooked."""
    doubtful = value is not None and not isinstance(value, bool)
    return Reading(value is True, NOT_UNDERSTOOD if doubtful else None)


def _addressed(value: Any, info: ValidationInfo) -> Addressed:
    intake = _intake(info)
    if info.data.get("alert") is False:
        return Addressed(())
    if value is None or (isinstance(value, str) and not value.strip()):
        return Addressed()
    settings, warnings = intake.settings, intake.warnings
    found = read_recipients(value, settings.recipient_domains, settings.sender)
    for one in found.refused:
        warnings.add("recipients", one.recipient, one.code)
    if found.left_out:
        used = len(found.mailed) + len(found.refused)
        warnings.add("recipients", used + found.left_out, TOO_MANY, used)
    if found.mailed or found.none_wanted:
        return Addressed(found.mailed, found.refused)
    warnings.add("recipients", value, NO_USABLE_RECIPIENT, "configured")
    return Addressed(None, found.refused)


def _as_it_is(described: Any) -> PlainValidator:
    """Return the description of a value that is parsed elsewhere."""
    return PlainValidator(lambda value: value, json_schema_input_type=described)


_COUNT = _read(lambda value, _: read_count(value), Annotated[int, Field(ge=0, lt=2**31)])
_TEXT = _read(lambda value, _: read_text(value), Annotated[str, Field(max_length=LONGEST_TEXT)])
_HOURS = _read(
    lambda value, settings: read_hours(value, settings.link_hours, MOST_LINK_HOURS),
    Annotated[int, Field(ge=1, le=MOST_LINK_HOURS)],
)


_SHARE = Annotated[float, Field(ge=0, le=1)]


class BoxBody(BaseModel):
    """What the detector found in one frame, and where: shares of the picture as displayed.

    `x` and `y` are its left and its top side. Boxes of other forms are kept and shown as data.
    """

    frame: Annotated[int, Field(ge=0, lt=2**31)] = Field(
        description="The frame's place among those sent, from 0; of a video the picture's."
    )
    x: _SHARE
    y: _SHARE
    w: _SHARE
    h: _SHARE
    label: Annotated[str, Field(max_length=LONGEST_LABEL)] | None = None
    score: _SHARE | None = None
    track: Annotated[str, Field(max_length=LONGEST_TRACK)] | int | None = Field(
        None, description="Alike in all boxes of one person or thing."
    )


def _boxes(value: Any, info: ValidationInfo) -> ReadBoxes:
    return read_boxes(value, _intake(info).warnings)


class IncidentFactsBody(BaseModel):
    """The facts of an incident. Unknown members are kept and shown.

    Other values than these never refuse an incident: what is not understood is named in `warnings`.
    """

    model_config = ConfigDict(frozen=True, extra="allow", validate_default=True)

    incident_type: Annotated[str | None, _name(100)] = None
    risk_level: Annotated[RiskLevel, _read(lambda value, _: read_risk(value), RiskLevel)] = Field(
        MISSING
    )
    confidence: Annotated[
        float | None,
        _read(lambda value, _: read_confidence(value), Annotated[float, Field(ge=0, le=1)]),
    ] = None
    frame_count: Annotated[int | None, _COUNT] = None
    analysis: Annotated[str, _TEXT] = Field(MISSING)
    site: Annotated[str | None, _name(200)] = None
    camera: Annotated[str | None, _name(200)] = None
    model: Annotated[str | None, _name(200)] = None
    model_version: Annotated[str | None, _name(100)] = None
    detected_at: Annotated[Moment | None, _read(_moment, Time | Seconds)] = None
    boxes: Annotated[
        ReadBoxes,
        PlainValidator(
            _boxes,
            json_schema_input_type=Annotated[list[BoxBody], Field(max_length=MOST_BOXES)],
        ),
    ] = Field(MISSING)
    test: Annotated[bool, _read(_test, bool)] = Field(
        MISSING,
        description="True, and nothing else: a test alert. It is mailed with the mark TEST, and is "
        "kept apart from incidents.",
    )


class FrameBody(BaseModel):
    """One frame: a JPEG or PNG in base64, with the time at which it was taken."""

    model_config = ConfigDict(
        frozen=True, validate_default=True, json_schema_extra={"required": ["frame_data"]}
    )

    frame_data: Annotated[bytes, PlainValidator(decode_base64, json_schema_input_type=str)] = Field(
        MISSING
    )
    frame_count: Annotated[int | None, _COUNT] = None
    timestamp: Annotated[Any, _as_it_is(Time | Seconds)] = None


class IncidentBody(BaseModel):
    """An incident with its frames, at most 32 MiB; send larger ones as multipart/form-data.

    A message, a fact or footage is needed. Facts may stand beside these members too.
    """

    model_config = ConfigDict(frozen=True, extra="allow", validate_default=True)

    message: Annotated[str, _TEXT] = Field(MISSING)
    incident_data: Annotated[Any, _as_it_is(IncidentFactsBody)] = None
    frames: Annotated[Any, _as_it_is(Annotated[list[FrameBody], Field(max_length=MOST_FRAMES)])] = (
        None
    )
    timestamps: Annotated[
        Any, _as_it_is(Annotated[list[Time | Seconds | None], Field(max_length=MOST_FRAMES)])
    ] = Field(
        MISSING, description="When frames were taken that say no time themselves, in their order."
    )
    alert: Annotated[bool, _read(_alert, bool)] = Field(
        MISSING,
        description="False: the incident is stored, and neither people nor programs are told.",
    )
    recipients: Annotated[
        Addressed,
        PlainValidator(
            _addressed,
            json_schema_input_type=Annotated[list[Mailbox], Field(max_length=MOST_RECIPIENTS)],
        ),
    ] = Field(
        MISSING,
        description="Who is mailed instead of the configured recipients: nobody by an empty list.",
    )
    expiration_hours: Annotated[int | None, _HOURS] = Field(
        MISSING, description="How long the private links work."
    )
    kept_since: Annotated[Any, _as_it_is(Time)] = Field(
        MISSING,
        description="Since when the detector has kept what it could not send earlier.",
    )


Document = TypeVar("Document", bound=BaseModel)


def read_members(model: type[Document], given: Mapping[str, Any], intake: Intake) -> Document:
    """Return an object's members that are in a model; the caller handles all others."""
    known = {name: given[name] for name in model.model_fields if name in given}
    return model.model_validate(known, context=intake)
