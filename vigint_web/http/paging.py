"""Read which part of a list is asked for; nonsense asks for all of it, from its beginning."""

from datetime import UTC, date, datetime, time, timedelta

from flask import request

from vigint_web.formats import reader_zone
from vigint_web.services.pages import Place

_LARGEST = 2**31 - 1  # what an id can be in both databases
_LONGEST = 200


def place() -> Place:
    """Return where the asked page begins."""
    before = _id("before")
    return Place(before=before, after=None if before is not None else _id("after"))


def search_text() -> str:
    """Return what is searched for; empty for nothing."""
    return request.args.get("q", "").strip()[:_LONGEST]


def chosen(name: str, known: tuple[str, ...]) -> str | None:
    """Return one of the known values of a parameter, if it is there."""
    value = request.args.get(name, "")
    return value if value in known else None


def asked_day(name: str) -> date | None:
    """Return the date of a parameter, if there is one that a calendar of today knows."""
    try:
        day = date.fromisoformat(request.args.get(name, "").strip())
    except ValueError:
        return None
    return day if 1970 <= day.year <= 2200 else None


def beginning_of(day: date | None, *, following: bool = False) -> datetime | None:
    """Return when a date begins in the reader's zone.

    Args:
        following: ask for the next day instead, which is the end of this one.
    """
    if day is None:
        return None
    wanted = day + timedelta(days=1) if following else day
    return datetime.combine(wanted, time.min, tzinfo=reader_zone()).astimezone(UTC)


def _id(name: str) -> int | None:
    number = request.args.get(name, type=int)
    return number if number is not None and 0 < number <= _LARGEST else None
