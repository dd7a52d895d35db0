"""The groups that incidents are counted in, and their counts. Pure."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from vigint_web.models import CountedIncident, IncidentState
from vigint_web.models.incident_count import EVERY_SITE


class Span(StrEnum):
    """The time that a group covers."""

    DAY = "day"
    WEEK = "week"


class Dimension(StrEnum):
    """What the incidents of a group have in common besides their site and time."""

    ALL = "all"
    HOUR = "hour"
    RISK = "risk"
    TYPE = "type"
    CAMERA = "camera"


@dataclass(frozen=True)
class Group:
    """The key of a group; `value` is an hour, a risk, a type, or a camera's id as text."""

    site_id: int
    span: Span
    dimension: Dimension
    start: date
    value: str


@dataclass
class Counts:
    """The counts of a group; histograms by bucket of the time since detection."""

    incidents: int = 0
    undecided: int = 0
    confirmed: int = 0
    false_alarms: int = 0
    mailed: Counter[int] = field(default_factory=Counter)
    viewed: Counter[int] = field(default_factory=Counter)
    decided: Counter[int] = field(default_factory=Counter)

    def count(self, incident: CountedIncident, times: int = 1) -> None:
        """Add an incident, or take it away (-1)."""
        self.incidents += times
        self.undecided += times * (incident.state == IncidentState.NEW)
        self.confirmed += times * (incident.decision == IncidentState.CONFIRMED)
        self.false_alarms += times * (incident.decision == IncidentState.FALSE_ALARM)
        for histogram, bucket in (
            (self.mailed, incident.mailed),
            (self.viewed, incident.viewed),
            (self.decided, incident.decided),
        ):
            if bucket is not None:
                histogram[bucket] += times

    def add(self, other: "Counts", times: int = 1) -> None:
        """Add the counts of another group, or take them away (-1)."""
        self.incidents += times * other.incidents
        self.undecided += times * other.undecided
        self.confirmed += times * other.confirmed
        self.false_alarms += times * other.false_alarms
        for own, others in (
            (self.mailed, other.mailed),
            (self.viewed, other.viewed),
            (self.decided, other.decided),
        ):
            for bucket, number in others.items():
                own[bucket] += times * number

    def add_stored(self, rows: Collection[Any]) -> None:
        """Add the counts of stored rows, as `add` does; pages read a thousand of them."""
        for row in rows:
            self.incidents += row.incidents
            self.undecided += row.undecided
            self.confirmed += row.confirmed
            self.false_alarms += row.false_alarms
        for own, name in (
            (self.mailed, "mailed"),
            (self.viewed, "viewed"),
            (self.decided, "decided"),
        ):
            # By their text, which is read as a number once for all rows.
            texts: dict[str, int] = {}
            for row in rows:
                for bucket, number in getattr(row, name).items():
                    texts[bucket] = texts.get(bucket, 0) + number
            for bucket, number in texts.items():
                own[int(bucket)] += number

    @property
    def is_empty(self) -> bool:
        """Return whether there is nothing in the group."""
        return self.incidents == 0

    @property
    def share_of_false_alarms(self) -> float | None:
        """Return the part of false alarms among the judged incidents, from 0 to 1, if any."""
        judged = self.confirmed + self.false_alarms
        return self.false_alarms / judged if judged else None


def groups_of(incident: CountedIncident) -> Iterator[Group]:
    """Yield the groups that an incident is counted in: none while it is counted apart."""
    if incident.apart:
        return
    values = values_of(incident)
    for site_id in (incident.site_id, EVERY_SITE):
        for span, start in ((Span.DAY, incident.day), (Span.WEEK, monday_of(incident.day))):
            for dimension, value in values.items():
                yield Group(site_id, span, dimension, start, value)


def values_of(incident: CountedIncident) -> dict[Dimension, str]:
    """Return the value of an incident in each dimension."""
    return {
        Dimension.ALL: "",
        Dimension.HOUR: str(incident.hour),
        Dimension.RISK: incident.risk,
        Dimension.TYPE: incident.incident_type,
        Dimension.CAMERA: "" if incident.camera_id is None else str(incident.camera_id),
    }


def monday_of(day: date) -> date:
    """Return the first day of a day's week."""
    return day - timedelta(days=day.weekday())


@dataclass(frozen=True)
class Pieces:
    """The whole weeks of a period, and its remaining days: at most twelve."""

    weeks: tuple[date, date] | None
    days: tuple[date, ...]


def pieces_of(first: date, last: date) -> Pieces:
    """Return the fewest spans that make up a period, whose last day belongs to it."""
    begin = first + timedelta(days=-first.weekday() % 7)
    end = monday_of(last + timedelta(days=1))
    if begin >= end:
        return Pieces(None, tuple(_days(first, last)))
    before, after = _days(first, begin - timedelta(days=1)), _days(end, last)
    return Pieces((begin, end - timedelta(days=7)), (*before, *after))


def stored_histogram(histogram: Counter[int]) -> dict[str, int]:
    """Return a histogram for JSON, in order."""
    return {str(bucket): histogram[bucket] for bucket in sorted(histogram) if histogram[bucket]}


def _days(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)
