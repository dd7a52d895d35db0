"""Parse programs' requests by models, which also describe them in OpenAPI.

Every mistake of a request is named at once, with its field.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from flask import request
from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError, WithJsonSchema
from pydantic_core import PydanticCustomError

from vigint_web.config.values import is_mailbox
from vigint_web.errors import Invalid, Mistake, MistakeCode, Mistakes

_LONGEST_NUMBER = 10  # digits
# Of a text in a sentence, and of how many unknown members are named.
_LONGEST_NAME, _MOST_NAMED = 60, 3
_SPACE_FOR_PLUS = re.compile(r" (?=[0-9]{2}:[0-9]{2}$)")
# RFC 3339, section 5.6.
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})"
)


class RequestModel(BaseModel):
    """Base of the models of requests; other members are ignored, unless a model forbids them."""

    model_config = ConfigDict(frozen=True, extra="ignore")


Asked = TypeVar("Asked", bound=RequestModel)
Chosen = TypeVar("Chosen")


def read_body(model: type[Asked]) -> Asked:
    """Parse a JSON body.

    Raises:
        Invalid: it is no object, or with every mistake.
    """
    try:
        body = request.get_json(silent=True)
    except RecursionError:  # nested too deeply
        body = None
    if not isinstance(body, dict):
        raise Invalid([Mistake(MistakeCode.BODY_NOT_OBJECT)])
    return read_members(model, body)


def read_query(model: type[Asked]) -> Asked:
    """Parse the query of the address; raises Invalid."""
    mistakes = Mistakes()
    with mistakes.collected():
        asked = read_members(model, request.args.to_dict())
    mistakes.found += _repeated(model)
    mistakes.refuse()
    return asked


def read_members(model: type[Asked], members: Mapping[str, Any]) -> Asked:
    """Parse members of a request; raises Invalid with all errors."""
    # Unknown members may have any name.
    known = {name: members[name] for name in _names(model) if name in members}
    mistakes = _unknown_members(model, members)
    try:
        asked = model.model_validate(known)
    except ValidationError as refused:
        found = refused.errors(include_url=False, include_input=False)
        raise Invalid([*mistakes, *map(_mistake, found)]) from None
    if mistakes:
        raise Invalid(mistakes)
    return asked


def _unknown_members(model: type[RequestModel], members: Mapping[str, Any]) -> list[Mistake]:
    if model.model_config.get("extra") != "forbid":
        return []
    known = _names(model)
    unknown = [name[:_LONGEST_NAME] for name in members if name not in known]
    return [
        Mistake(MistakeCode.UNKNOWN_MEMBER, name, {"names": ", ".join(known)})
        for name in unknown[:_MOST_NAMED]
    ]


def _names(model: type[RequestModel]) -> list[str]:
    """Return the names of the members, some of which are keywords of Python."""
    return [field.alias or name for name, field in model.model_fields.items()]


def _repeated(model: type[RequestModel]) -> list[Mistake]:
    # The first value counts, unless the model is as strict about names.
    if model.model_config.get("extra") != "forbid":
        return []
    given, known = request.args.lists(), _names(model)
    return [
        Mistake(MistakeCode.REPEATED, name)
        for name, values in given
        if len(values) > 1 and name in known
    ]


def _mistake(error: Mapping[str, Any]) -> Mistake:
    # “missing” is pydantic's own; validators give the others.
    return Mistake(MistakeCode(error["type"]), str(error["loc"][0]), error.get("ctx", {}))


def wrong(code: MistakeCode, **facts: str | int) -> PydanticCustomError:
    """Return a validator's exception: an error code, whose sentence is elsewhere."""
    return PydanticCustomError(code.value, "a mistake", dict(facts))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise wrong(MistakeCode.NOT_TEXT)
    return value


def whole_number(least: int, most: int) -> Callable[[Any], int]:
    """Return the validator of a number that is written in digits."""

    def validate(value: Any) -> int:
        text = str(value)
        right = text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER
        if not right or not least <= int(text) <= most:
            raise wrong(MistakeCode.NOT_A_WHOLE_NUMBER, least=least, most=most)
        return int(text)

    return validate


def hours(most: int) -> Callable[[Any], float]:
    """Return the validator of a number of hours above 0."""

    def validate(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong(MistakeCode.NOT_A_NUMBER)
        if not 0 < value <= most:
            raise wrong(MistakeCode.HOURS_OUT_OF_RANGE, most=most)
        return float(value)

    return validate


# A text with any characters: its referent may be unknown, which has another answer.
Text = Annotated[str, PlainValidator(_text, json_schema_input_type=str)]


def text_up_to(most: int) -> PlainValidator:
    """Return the parser and description of a text."""

    def validate(value: Any) -> str:
        text = _text(value)
        if len(text) > most:
            raise wrong(MistakeCode.TOO_LONG, most=most)
        return text

    return PlainValidator(validate, json_schema_input_type=Annotated[str, Field(max_length=most)])


def texts_up_to(count: int, most: int) -> PlainValidator:
    """Return the parser and description of a list of at most `count` texts."""

    def validate(value: Any) -> list[str]:
        if not isinstance(value, list) or any(not isinstance(one, str) for one in value):
            raise wrong(MistakeCode.NOT_TEXTS)
        if len(value) > count:
            raise wrong(MistakeCode.TOO_MANY_RECIPIENTS, most=count)
        if any(len(one) > most for one in value):
            raise wrong(MistakeCode.TOO_LONG, most=most)
        return value

    described = Annotated[list[Annotated[str, Field(max_length=most)]], Field(max_length=count)]
    return PlainValidator(validate, json_schema_input_type=described)


def one_of(choices: Mapping[str, Chosen]) -> PlainValidator:
    """Return the parser and description of a word that stands for a value."""
    names = ", ".join(choices)

    def validate(value: Any) -> Chosen:
        if not isinstance(value, str) or value not in choices:
            raise wrong(MistakeCode.NOT_ONE_OF, names=names)
        return choices[value]

    described = Annotated[str, Field(json_schema_extra={"enum": list(choices)})]
    return PlainValidator(validate, json_schema_input_type=described)


def true_or_false() -> PlainValidator:
    """Return the parser and description of a boolean."""

    def validate(value: Any) -> bool:
        if not isinstance(value, bool):
            raise wrong(MistakeCode.NOT_ONE_OF, names="true, false")
        return value

    return PlainValidator(validate, json_schema_input_type=bool)


# A file in a form.
BinaryPart = Annotated[bytes, WithJsonSchema({"type": "string", "format": "binary"})]


def number_in_query(least: int, most: int) -> PlainValidator:
    """Return the parser and description of a whole number in the query."""
    described = Annotated[int, Field(ge=least, le=most)]
    return PlainValidator(whole_number(least, most), json_schema_input_type=described)


def address_in_query() -> PlainValidator:
    """Return the parser and description of an e-mail address."""

    def validate(value: Any) -> str:
        address = _text(value).strip()
        if not is_mailbox(address):
            raise wrong(MistakeCode.NOT_AN_ADDRESS, address=address[:_LONGEST_NAME])
        return address

    described = Annotated[str, Field(json_schema_extra={"format": "email"})]
    return PlainValidator(validate, json_schema_input_type=described)


def line_in_query(most: int) -> PlainValidator:
    """Return the parser and description of a text of one line; its margins do not count."""

    def validate(value: Any) -> str:
        line = _text(value).strip()
        if not 1 <= len(line) <= most or not line.isprintable():
            raise wrong(MistakeCode.NOT_ONE_LINE, most=most)
        return line

    described = Annotated[str, Field(min_length=1, max_length=most)]
    return PlainValidator(validate, json_schema_input_type=described)


def moment_in_query() -> PlainValidator:
    """Return the parser and description of a time as in RFC 3339."""

    def validate(value: Any) -> datetime:
        # An unescaped + is a space in a query.
        text = _SPACE_FOR_PLUS.sub("+", _text(value).strip()).upper()
        try:
            moment = datetime.fromisoformat(text) if _MOMENT.fullmatch(text) else None
            if moment is not None:
                return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        raise wrong(MistakeCode.NOT_A_MOMENT)

    described = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    return PlainValidator(validate, json_schema_input_type=described)


def number_of_hours(most: int) -> PlainValidator:
    """Return the parser and description of a number of hours."""
    described = Annotated[float, Field(gt=0, le=most)]
    return PlainValidator(hours(most), json_schema_input_type=described)
