"""Convert one value from a program to the one that is used. Pure."""

import json
import math
import re
import unicodedata
from collections.abc import Mapping
from typing import Any, NamedTuple

from vigint_web.models import RiskLevel

LONGEST_TEXT = 100_000
_LONGEST_INTEGER = 400  # digits
NOT_UNDERSTOOD = "not_understood"
NOT_TEXT = "not_text"
SHORTENED = "shortened"
REPLACED = "characters_replaced"
ROUNDED = "rounded"
CLAMPED = "clamped"

_LOW = "low faible bas basse mineur mineure minor minime minimal leger legere"
_MEDIUM = "medium med moyen moyenne modere moderee moderate intermediaire"
_HIGH = "high eleve elevee haut haute fort forte important importante"
_CRITICAL = "critical critique extreme urgent urgente maximal maximale maximum"
_UNKNOWN = "unknown inconnu inconnue unspecified none null nan undefined aucun n/a na ? -"
_RISKS: dict[str, RiskLevel] = {
    **dict.fromkeys(_LOW.split(), RiskLevel.LOW),
    **dict.fromkeys(("very low", "tres faible", "tres bas"), RiskLevel.LOW),
    **dict.fromkeys(_MEDIUM.split(), RiskLevel.MEDIUM),
    **dict.fromkeys(_HIGH.split(), RiskLevel.HIGH),
    **dict.fromkeys(_CRITICAL.split(), RiskLevel.CRITICAL),
    # The highest of the scales that have it.
    **dict.fromkeys(
        ("very high", "tres eleve", "tres elevee", "tres haut", "tres fort"), RiskLevel.CRITICAL
    ),
    **dict.fromkeys(_UNKNOWN.split(), RiskLevel.UNKNOWN),
    **dict.fromkeys(("", "non precise", "not specified", "non specifie"), RiskLevel.UNKNOWN),
}
_AROUND_RISK = r"\b(?:risklevel|risk|risque|level|niveau|danger|menace|threat|severity|gravite)\b"
_NUMBER = re.compile(r"([+-]?)(\d{1,3}(?: \d{3})+|\d*)(?:[.,](\d*))?(?:[eE]([+-]?\d{1,3}))?(%?)")
_HOURS_IN = {"h": 1.0, "d": 24.0, "j": 24.0, "w": 168.0, "s": 168.0, "m": 1 / 60}
_DURATION = re.compile(
    r"(.*?)\s*(h|hrs?|hours?|heures?|d|days?|j|jours?|w|weeks?|semaines?|min|minutes?)\.?", re.I
)


class Reading(NamedTuple):
    """The value to use, and why it differs from the received one; None if it does not."""

    used: Any
    code: str | None = None


def load_json(given: str | bytes) -> Any:
    """Parse JSON; raises ValueError or RecursionError.

    Numbers of more digits than Python converts to an integer stay texts. Bytes that are not UTF-8
    are decoded as Windows encodes them.
    """
    return json.loads(given if isinstance(given, str) else _decoded(given), parse_int=_integer)


def _decoded(given: bytes) -> str:
    try:
        return given.decode(json.detect_encoding(given))
    except UnicodeDecodeError:
        return given.decode("cp1252")


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else digits


def storable(text: str) -> str:
    """Return a text that every database can store: without NUL and lone surrogates."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def read_text(value: Any, longest: int = LONGEST_TEXT) -> Reading:
    """Read a text of several lines; numbers become texts, other values JSON."""
    if value is None:
        return Reading("")
    code = None
    if not isinstance(value, str):
        code = None if _is_number(value) else NOT_TEXT
        value = json_text(value)
    text = storable(value)
    if text != value:
        code = code or REPLACED
    text = text.strip()
    if len(text) > longest:
        return Reading(text[: longest - 1] + "…", SHORTENED)
    return Reading(text, code)


def read_name(value: Any, longest: int) -> Reading:
    """Read a text on one line; only texts and numbers are names."""
    if value is None:
        return Reading(None)
    if not isinstance(value, str) and not _is_number(value):
        return Reading(None, NOT_TEXT)
    text, code = read_text(value)
    text = re.sub(r"\s+", " ", text).strip()
    if len(text) > longest:
        return Reading(text[: longest - 1] + "…", SHORTENED)
    return Reading(text or None, code)


def read_risk(value: Any) -> Reading:
    """Read a risk level: French and English words, with or without accents, in any case."""
    if value is None:
        return Reading(RiskLevel.UNKNOWN)
    found = _RISKS.get(_folded(value)) if isinstance(value, str) and len(value) <= 100 else None
    return Reading(found or RiskLevel.UNKNOWN, None if found else NOT_UNDERSTOOD)


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text)
    plain = "".join(c for c in plain if not unicodedata.combining(c)).casefold()
    plain = re.sub(_AROUND_RISK, " ", re.sub(r"[\s_.:;,!()\[\]\"'«»-]+", " ", plain))
    return " ".join(plain.split())


def read_confidence(value: Any) -> Reading:
    """Read a share from 0 to 1, or a percentage: one with its sign, or a number above 10."""
    if value is None or value == "":
        return Reading(None)
    number, percent = _number(value)
    if number is None:
        return Reading(None, NOT_UNDERSTOOD)
    share = number / 100 if percent or number > 10 else number
    # Rounding errors of floats are accepted.
    if not -0.001 <= share <= 1.001:
        return Reading(None, NOT_UNDERSTOOD)
    return Reading(min(1.0, max(0.0, share)))


def read_fraction(value: Any) -> Reading:
    """Read a number, of which 1 is the whole; one with a percent sign is divided by 100."""
    if value is None or value == "":
        return Reading(None)
    number, percent = _number(value)
    if number is None:
        return Reading(None, NOT_UNDERSTOOD)
    return Reading(number / 100 if percent else float(number))


def read_count(value: Any, most: int = 2**31 - 1) -> Reading:
    """Read a whole number from 0."""
    if value is None or value == "":
        return Reading(None)
    number, percent = _number(value)
    if number is None or percent or not 0 <= number <= most or not float(number).is_integer():
        return Reading(None, NOT_UNDERSTOOD)
    # A comma before three digits is a decimal comma here and a group separator elsewhere.
    if isinstance(value, str) and re.search(r"\d,\d{3}$", value.strip()):
        return Reading(None, NOT_UNDERSTOOD)
    return Reading(int(number))


def read_hours(value: Any, default: int, most: int = 87_600) -> Reading:
    """Read a number of hours from 1, rounded up; a unit may follow it."""
    if value is None or value == "":
        return Reading(None)
    factor = 1.0
    short = value.strip() if isinstance(value, str) and len(value) <= 64 else ""
    if found := _DURATION.fullmatch(short):
        value, unit = found[1], found[2].lower()
        factor = _HOURS_IN["s" if unit.startswith("semaine") else unit[0]]
    number, percent = _number(value)
    if number is None or percent or number <= 0:
        return Reading(default, NOT_UNDERSTOOD)
    hours = number * factor
    if hours > most:
        return Reading(most, CLAMPED)
    whole = math.ceil(round(hours, 6)) or 1
    return Reading(whole, None if whole == hours else ROUNDED)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, int) or math.isfinite(value)


def _number(value: Any) -> tuple[float | None, bool]:
    """Return a number, from a number or a text, and whether it was a percentage."""
    if isinstance(value, bool):
        return None, False
    if isinstance(value, int | float):
        small = not isinstance(value, int) or value.bit_length() <= 64
        return (value if small and math.isfinite(value) else None), False
    if not isinstance(value, str) or len(value) > 64:
        return None, False
    text = unicodedata.normalize("NFKC", value).replace("\u2212", "-").strip()
    text = re.sub(r"\s+(?=%)", "", text)
    found = _NUMBER.fullmatch(text)
    if found is None or not (found[2] or found[3]):
        return None, False
    sign, whole, part, exponent, percent = found.groups()
    digits = f"{sign}{whole.replace(' ', '') or '0'}.{part or '0'}e{exponent or '0'}"
    number = float(digits)
    return (number if math.isfinite(number) else None), bool(percent)


def plain_json(value: Any, levels: int = 32) -> Any:
    """Return a JSON value that every database can store, without loss.

    Deeper levels of nesting, and numbers that JSON does not support, become texts.
    """
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, float) and not math.isfinite(value):
        return json_text(value)
    if isinstance(value, Mapping | list) and levels == 0:
        return storable(json_text(value))
    if isinstance(value, Mapping):
        kept: dict[str, Any] = {}
        for key, item in value.items():
            name = storable(key)
            while name in kept:  # two names that differed in characters that cannot be stored
                name += "_"
            kept[name] = plain_json(item, levels - 1)
        return kept
    if isinstance(value, list):
        return [plain_json(item, levels - 1) for item in value]
    return value


def json_text(value: Any) -> str:
    """Return a value as JSON, however deeply it is nested."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return "".join(_written(value))


def _written(value: Any) -> list[str]:
    """Write JSON without recursion."""
    out: list[str] = []
    # Values to serialize, and texts to write verbatim, the last one first.
    todo: list[tuple[bool, Any]] = [(False, value)]
    while todo:
        done, item = todo.pop()
        if done:
            out.append(item)
        elif isinstance(item, Mapping):
            out.append("{")
            todo.append((True, "}"))
            for number, (key, inner) in reversed(list(enumerate(item.items()))):
                todo.append((False, inner))
                todo.append((True, (", " if number else "") + json.dumps(key) + ": "))
        elif isinstance(item, list):
            out.append("[")
            todo.append((True, "]"))
            for number, inner in reversed(list(enumerate(item))):
                todo.append((False, inner))
                if number:
                    todo.append((True, ", "))
        else:
            out.append(json.dumps(item, ensure_ascii=False))
    return out
