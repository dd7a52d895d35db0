"""Read the requested part of a list; invalid values select the whole list from its start."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from math import isfinite

from flask import request

from vigint_web.i18n.formats import reader_zone
from vigint_web.models import RiskLevel
from vigint_web.services.core.keyset_pagination import Cursor, Mark, SortedCursor, Value
from vigint_web.services.incidents.listing import RankedMark
from vigint_web.services.links.listing import LINK_STATES, StateFilter

_LARGEST = 2**31 - 1  # the largest id in both databases
_LARGEST_SIZE = 2**63 - 1
_LONGEST = 200
_MOST_PAGES = 10_000
DUSK, DAWN = 20, 8  # hours


def cursor() -> Cursor:
    """Return the start of the requested page."""
    before = asked_number("before")
    return Cursor(before=before, after=None if before is not None else asked_number("after"))


def sorted_cursor(kind: type[Value], *, known: bool) -> SortedCursor:
    """Return the start of the requested page of a sorted list.

    Args:
        kind: the sort order.
        known: whether every row has a value.
    """
    before = _asked_mark(request.args.get("before", ""), kind, known=known)
    if before is not None:
        return SortedCursor(before)
    return SortedCursor(after=_asked_mark(request.args.get("after", ""), kind, known=known))


def ranked_cursor() -> SortedCursor:
    """Return the start of the requested page of incidents in the order of risk."""
    before = _asked_ranked("before")
    return SortedCursor(before, _asked_ranked("after") if before is None else None)


def _asked_ranked(name: str) -> RankedMark | None:
    level, _tilde, rest = request.args.get(name, "").partition("~")
    mark = _asked_mark(rest, datetime, known=True)
    if mark is None or level not in set(RiskLevel):
        return None
    return RankedMark(mark.value, mark.id, RiskLevel(level))


def search_text() -> str:
    """Return the search text; empty for no search."""
    return request.args.get("q", "").strip()[:_LONGEST]


def chosen(name: str, known: tuple[str, ...]) -> str | None:
    """Return one of the known values of a parameter, if present."""
    value = request.args.get(name, "")
    return value if value in known else None


def asked_number(name: str, *, least: int = 1) -> int | None:
    """Return the row id of a parameter, if it can be one; with `least` 0 also that of no row."""
    number = request.args.get(name, type=int)
    return number if number is not None and least <= number <= _LARGEST else None


def asked_page() -> int:
    """Return the number of the requested page of a short list, from 1."""
    return min(asked_number("page") or 1, _MOST_PAGES)


def asked_day(name: str) -> date | None:
    """Return the date of a parameter, if it is a valid date."""
    try:
        day = date.fromisoformat(request.args.get(name, "").strip())
    except ValueError:
        return None
    return day if 1970 <= day.year <= 2200 else None


def asked_clock(name: str) -> time | None:
    """Return the time of day of a parameter, to the minute, if it is a valid one."""
    try:
        clock = time.fromisoformat(request.args.get(name, "").strip())
    except ValueError:
        return None
    return time(clock.hour, clock.minute) if clock.tzinfo is None else None


def moment_of(day: date | None, clock: time | None) -> datetime | None:
    """Return the time of a date and a time of day in the reader's zone."""
    if day is None or clock is None:
        return None
    return datetime.combine(day, clock, tzinfo=reader_zone()).astimezone(UTC)


def beginning_of(day: date | None, *, following: bool = False) -> datetime | None:
    """Return the start of a date in the reader's zone.

    Args:
        following: return the start of the next day instead, which is the end of this one.
    """
    if day is None:
        return None
    wanted = day + timedelta(days=1) if following else day
    return datetime.combine(wanted, time.min, tzinfo=reader_zone()).astimezone(UTC)


def last_night(now: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return the begin and end of the night that is under way, else of the last one.

    A night lasts from 20:00 to 08:00 by the clock of the zone.
    """
    here = now.astimezone(zone)
    evening = here.date() if here.hour >= DUSK else here.date() - timedelta(days=1)
    begin = datetime.combine(evening, time(DUSK), tzinfo=zone)
    end = datetime.combine(evening + timedelta(days=1), time(DAWN), tzinfo=zone)
    return begin.astimezone(UTC), end.astimezone(UTC)


def _asked_mark(written: str, kind: type[Value], *, known: bool) -> Mark | None:
    value, _tilde, number = written.rpartition("~")
    if not (number.isascii() and number.isdecimal() and len(number) <= 10):
        return None
    if not 0 < int(number) <= _LARGEST:
        return None
    if value == "" and not known:
        return Mark(None, int(number))
    try:
        read = _read(value, kind)
    except (ValueError, OverflowError):
        return None
    return Mark(read, int(number))


def _read(value: str, kind: type[Value]) -> Value:
    if kind is datetime:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError("a time without zone is none")
        return moment.astimezone(UTC)
    if kind is int:
        number = int(value)
        if abs(number) > _LARGEST_SIZE:
            raise ValueError("no size is that large")
        return number
    if kind is float:
        seconds = float(value)
        if not isfinite(seconds):
            raise ValueError("no duration is that long")
        return seconds
    return value


def wanted_links() -> StateFilter:
    """Return the filter for links in the request's query."""
    return StateFilter(search_text(), chosen("state", LINK_STATES))
