"""Parse a time in the formats of programs and people. Pure."""

import math
import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil.parser import parse as parse_date
from dateutil.parser import parserinfo
from dateutil.tz import tzoffset

# Epoch times up to the year 2200. The ranges of seconds, milliseconds, microseconds and nanoseconds
# do not overlap, because only seconds are accepted for a time before 1973.
_LATEST = datetime(2200, 1, 1, tzinfo=UTC).timestamp()
_UNITS = ((1.0, 0.0), (1e3, 1e8), (1e6, 1e8), (1e9, 1e8))
# No network camera is older: an earlier clock was never set, or counts from a start of its own.
PLAUSIBLE_FROM = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
_LONGEST = 100
_COMPACT = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_OFFSETS = {
    "UTC": 0, "GMT": 0, "Z": 0, "WET": 0, "WEST": 1, "BST": 1, "CET": 1, "CEST": 2, "EET": 2,
    "EEST": 3, "MSK": 3, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6,
    "PST": -8, "PDT": -7,
}  # fmt: skip
# dateutil's errors for a text that is no date, besides ValueError.
_ACCIDENTS = (ValueError, OverflowError, ArithmeticError, TypeError, AttributeError, LookupError)


@dataclass(frozen=True)
class Moment:
    """A detector's time: epoch seconds, and whether its zone had to be assumed."""

    seconds: float
    zone_assumed: bool = False


class _Words(parserinfo):
    """French names of months and days, without accents, besides the English ones."""

    MONTHS: list[Any] = [  # noqa: RUF012 - dateutil's interface
        ("Jan", "January", "janv", "janvier"),
        ("Feb", "February", "fev", "fevr", "fevrier"),
        ("Mar", "March", "mars"),
        ("Apr", "April", "avr", "avril"),
        ("May", "mai"),
        ("Jun", "June", "juin"),
        ("Jul", "July", "juil", "juillet"),
        ("Aug", "August", "aout"),
        ("Sep", "Sept", "September", "septembre"),
        ("Oct", "October", "octobre"),
        ("Nov", "November", "novembre"),
        ("Dec", "December", "decembre"),
    ]
    WEEKDAYS: list[Any] = [  # noqa: RUF012 - dateutil's interface
        ("Mon", "Monday", "lun", "lundi"),
        ("Tue", "Tuesday", "mardi"),
        ("Wed", "Wednesday", "mer", "mercredi"),
        ("Thu", "Thursday", "jeu", "jeudi"),
        ("Fri", "Friday", "ven", "vendredi"),
        ("Sat", "Saturday", "sam", "samedi"),
        ("Sun", "Sunday", "dim", "dimanche"),
    ]


_WORDS = _Words(dayfirst=True)


def parse_moment(value: Any, zone: ZoneInfo) -> Moment:
    """Parse a time: epoch seconds, milliseconds, microseconds or nanoseconds, or a written date.

    A date needs its day, month and year. ISO 8601, RFC 2822 and common formats are accepted; of two
    numbers that could both be the month, the day comes first, unless the year does.

    Args:
        zone: of a written time without one.

    Raises:
        ValueError: it is not a time from 1970 to 2199.
    """
    if isinstance(value, bool):
        raise ValueError("not a time")
    if isinstance(value, int | float):
        return Moment(_epoch_seconds(value))
    if not isinstance(value, str) or not 0 < len(value.strip()) <= _LONGEST:
        raise ValueError("not a time")
    text = unicodedata.normalize("NFKC", value).strip()
    number = re.fullmatch(r"(?:/Date\()?(\d+(?:[.,]\d+)?(?:[eE]\+?\d+)?)(?:\)/)?", text)
    if number:
        return _from_digits(number[1].replace(",", "."), zone)
    return _placed(_written(text), zone)


def _epoch_seconds(value: float) -> float:
    if isinstance(value, int) and value.bit_length() > 64:
        raise ValueError("not a time")
    if math.isfinite(value) and value >= 0:
        for unit, earliest in _UNITS:
            if earliest <= value / unit <= _LATEST:
                return value / unit
    raise ValueError("not a time")


def _from_digits(text: str, zone: ZoneInfo) -> Moment:
    form = _COMPACT.get(len(text)) if text.isdecimal() else None
    if form is not None:
        with suppress(ValueError):
            found = datetime.strptime(text, form)  # noqa: DTZ007 - placed in its zone below
            if 2000 <= found.year < 2200:
                return _placed(found, zone)
    return Moment(_epoch_seconds(float(text)))


def _placed(found: datetime, zone: ZoneInfo) -> Moment:
    assumed = found.tzinfo is None
    seconds = (found.replace(tzinfo=zone) if assumed else found).timestamp()
    if not 0 <= seconds <= _LATEST:
        raise ValueError("not a time")
    return Moment(seconds, zone_assumed=assumed)


def _written(text: str) -> datetime:
    """Return the time of a written date, naive if it has no zone; raises ValueError."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    text, named = _named_zone(text)
    text = _plain(text)
    options: dict[str, Any] = {"yearfirst": True, "dayfirst": False}
    if not re.match(r"\d{4}\b", text):
        options = {}
    try:
        # Missing parts come from the default: parsing with two defaults shows whether that matters.
        one = _parsed(text, datetime(2001, 1, 1), options)  # noqa: DTZ001 - a default is naive
        other = _parsed(text, datetime(2004, 2, 2), options)  # noqa: DTZ001 - a default is naive
    except _ACCIDENTS:
        raise ValueError("not a time") from None
    if one != other:
        raise ValueError("not a time")
    return one.replace(tzinfo=named) if one.tzinfo is None and named is not None else one


def _parsed(text: str, default: datetime, options: dict[str, Any]) -> datetime:
    found = parse_date(text, _WORDS, default=default, tzinfos=_offset, **options)
    if not isinstance(found, datetime):
        raise ValueError("not a time")
    return found


def _named_zone(text: str) -> tuple[str, ZoneInfo | None]:
    """Return a text without the zone's name at its end, and that zone."""
    text = re.sub(r"\s*\([^()]*\)$", "", text)
    found = re.fullmatch(r"(.*?)\s*\[?([A-Z][A-Za-z_]+(?:/[A-Za-z_+-]+)+)\]?", text)
    if found is None:
        return text, None
    try:
        return found[1], ZoneInfo(found[2])
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return text, None


def _plain(text: str) -> str:
    """Return a written date in dateutil's format: no accents, no short words, hours with colons."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    # EXIF separates the parts of a date by colons.
    plain = re.sub(r"^(\d{4}):(\d\d):(\d\d)\b", r"\1-\2-\3", plain)
    # Names of files and of folders have no colons at all.
    plain = re.sub(r"^(\d{4}-\d\d-\d\d)[_ T-](\d\d)-(\d\d)-(\d\d)\b", r"\1 \2:\3:\4", plain)
    # dateutil reads “GMT+3” as POSIX does: three hours behind.
    plain = re.sub(r"\b(?:GMT|UTC) ?([+-]\d)", r"\1", plain)
    plain = re.sub(r"\s-\s", " ", plain)
    plain = re.sub(r"\b(?:le|a|at|on|du)\b", " ", plain, flags=re.IGNORECASE)
    plain = re.sub(r"\b1er\b", "1", plain, flags=re.IGNORECASE)
    plain = re.sub(
        r"(?<![\d:])(\d{1,2}) ?h(?:eures?)?(?: ?(\d\d)(?: ?m(?:in|n)?)?(?: ?(\d\d) ?s?)?)?\b",
        lambda found: f"{found[1]}:{found[2] or '00'}:{found[3] or '00'}",
        plain,
        flags=re.IGNORECASE,
    )
    # A leap second, which the clocks here do not support.
    return re.sub(r":60\b", ":59", plain)


def _offset(name: str | None, seconds: int | None) -> tzinfo | None:
    if seconds is not None:
        if abs(seconds) > timedelta(hours=15).total_seconds():
            raise ValueError("not an offset")
        return tzoffset(name, seconds)
    if name is None:
        return None
    if name.upper() not in _OFFSETS:
        raise ValueError("not a zone")
    return tzoffset(name, _OFFSETS[name.upper()] * 3600)
