"""Divide a page of incidents by nights and days, or by risk, for the headings between its rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from itertools import groupby

from vigint_web.http.pages.paging import DAWN, DUSK
from vigint_web.i18n.formats import night_or_day
from vigint_web.i18n.sentences import risk_heading
from vigint_web.models import Incident, IncidentState, RiskLevel

# Returns the number of undecided incidents of the list from one time until before another.
Count = Callable[[datetime, datetime], int]
# Returns the number of those of a risk.
CountRisk = Callable[[RiskLevel], int]


@dataclass(frozen=True)
class Shift:
    """A night or a day: from 20:00 to 08:00, or from 08:00 to 20:00, by a zone's clock."""

    begin: datetime
    end: datetime

    @property
    def is_night(self) -> bool:
        """Return whether it is a night."""
        return self.begin.hour == DUSK

    @property
    def name(self) -> str:
        """Return a name that no other one has."""
        return f"{self.begin:%Y%m%d}-{'night' if self.is_night else 'day'}"


@dataclass(frozen=True)
class RowGroup:
    """The rows of a page that are of one night, day or risk, and how many of it are undecided.

    Args:
        name: no other group has it.
        undecided: None where the list is of decided ones.
    """

    name: str
    title: str
    rows: list[Incident]
    undecided: int | None


def shift_of(moment: datetime, zone: tzinfo) -> Shift:
    """Return the night or day of a time; its times are of the zone."""
    here = moment.astimezone(zone)
    day, following = here.date(), here.date() + timedelta(days=1)
    if DAWN <= here.hour < DUSK:
        begin, end = (day, DAWN), (day, DUSK)
    elif here.hour >= DUSK:
        begin, end = (day, DUSK), (following, DAWN)
    else:
        begin, end = (day - timedelta(days=1), DUSK), (day, DAWN)
    return Shift(*(datetime.combine(date, time(hour), tzinfo=zone) for date, hour in (begin, end)))


def by_shift(
    rows: Sequence[Incident],
    zone: tzinfo,
    count: Count | None,
    *,
    begins_above: bool,
    ends_below: bool,
) -> list[RowGroup]:
    """Divide the rows of a page.

    Args:
        count: None where nothing is counted.
        begins_above: whether there are pages above, which the first night or day may be on too.
        ends_below: whether there are pages below.
    """
    found = [
        (shift, list(group))
        for shift, group in groupby(rows, key=lambda row: shift_of(row.listed_at, zone))
    ]
    divided = []
    for number, (shift, group) in enumerate(found):
        partial = (number == 0 and begins_above) or (number == len(found) - 1 and ends_below)
        undecided: int | None = None
        if count is not None and partial:
            undecided = count(shift.begin.astimezone(UTC), shift.end.astimezone(UTC))
        elif count is not None:
            undecided = sum(row.state == IncidentState.NEW for row in group)
        title = night_or_day(shift.begin, shift.end)
        divided.append(RowGroup(shift.name, title, group, undecided))
    return divided


def by_risk(rows: Sequence[Incident], count: CountRisk | None) -> list[RowGroup]:
    """Divide the rows of a page in the order of risk.

    Args:
        count: None where nothing is counted.
    """
    return [
        RowGroup(level, risk_heading(level), list(group), count(level) if count else None)
        for level, group in groupby(rows, key=lambda row: RiskLevel(row.risk_level))
    ]
