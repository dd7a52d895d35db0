"""Nights by the clock of a site, and when their logs are due. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

BEGINS, ENDS, MAILED_AT = 20 * 60, 8 * 60, 8 * 60 + 15
# After a long standstill only the last nights are mailed.
_MOST_LATE = 7


@dataclass(frozen=True)
class Hours:
    """When nights begin and end, and when their logs are mailed; minutes since midnight.

    A night whose end is not after its begin ends on the next day; both alike are 24 hours.
    """

    begins: int = BEGINS
    ends: int = ENDS
    mailed_at: int = MAILED_AT


@dataclass(frozen=True)
class Night:
    """One night: the day on which it begins, and its begin and end in UTC."""

    day: date
    begin: datetime
    end: datetime


def night_of(day: date, hours: Hours, zone: ZoneInfo) -> Night:
    """Return the night that begins on a day; a change of clocks makes it longer or shorter."""
    next_day = day + timedelta(days=1) if hours.ends <= hours.begins else day
    return Night(day, _moment(day, hours.begins, zone), _moment(next_day, hours.ends, zone))


def latest_night(now: datetime, hours: Hours, zone: ZoneInfo) -> Night:
    """Return the night that is under way, else the last one."""
    day = now.astimezone(zone).date()
    night = night_of(day, hours, zone)
    return night if night.begin <= now else night_of(day - timedelta(days=1), hours, zone)


def due_at(night: Night, hours: Hours, zone: ZoneInfo) -> datetime:
    """Return when the log of a night is mailed: at the first such time that is not before its end.

    A time that the clock skips is that much later; one that it shows twice is the first.
    """
    day = night.end.astimezone(zone).date()
    moment = _moment(day, hours.mailed_at, zone)
    if moment >= night.end:
        return moment
    return _moment(day + timedelta(days=1), hours.mailed_at, zone)


def nights_due(since: datetime, now: datetime, hours: Hours, zone: ZoneInfo) -> Iterator[Night]:
    """Yield the last nights whose logs are due, the oldest first.

    Args:
        since: nights that ended before are left out.
    """
    today = now.astimezone(zone).date()
    for back in reversed(range(_MOST_LATE + 2)):
        night = night_of(today - timedelta(days=back), hours, zone)
        due = due_at(night, hours, zone)
        if night.end > since and due <= now and now - due < timedelta(days=_MOST_LATE):
            yield night


def _moment(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    wanted = datetime.combine(day, time(minutes // 60, minutes % 60), tzinfo=zone)
    return wanted.astimezone(UTC)
