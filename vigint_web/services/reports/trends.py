"""Count times by day and by span, and compute trends. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise


@dataclass(frozen=True)
class Trend:
    """The count in a span, and in the preceding span of the same length."""

    count: int
    before: int

    @property
    def difference(self) -> int:
        """Return the difference to the preceding span."""
        return self.count - self.before

    @property
    def direction(self) -> str:
        """Return up, down or same."""
        if self.difference == 0:
            return "same"
        return "up" if self.difference > 0 else "down"


@dataclass(frozen=True)
class DayCount:
    """The count on one day of the reader's calendar."""

    day: date
    count: int


@dataclass(frozen=True)
class Tally:
    """The number of times between each edge and the next; the last span has no end."""

    edges: tuple[datetime, ...]
    counts: tuple[int, ...]

    def between(self, start: datetime, end: datetime | None = None) -> int:
        """Return the count from one edge until another, or until now."""
        ends = [*self.edges[1:], None]
        return sum(
            count
            for edge, until, count in zip(self.edges, ends, self.counts, strict=True)
            if edge >= start and (end is None or (until is not None and until <= end))
        )


def days_until(now: datetime, zone: tzinfo, number: int) -> list[date]:
    """Return the last days of a zone's calendar, today last."""
    today = now.astimezone(zone).date()
    return [today - timedelta(days=back) for back in reversed(range(number))]


def beginning(day: date, zone: tzinfo) -> datetime:
    """Return the start of a day in a zone, in UTC; days of a clock change have 23 or 25 hours."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def edges_of(now: datetime, days: Sequence[date], zone: tzinfo) -> tuple[datetime, ...]:
    """Return, in order, the starts of all spans that the home page counts."""
    spans = [now - timedelta(days=back) for back in (1, 2, 7, 14)]
    return tuple(sorted({*spans, *(beginning(day, zone) for day in days)}))


def trend(tally: Tally, now: datetime, span: timedelta) -> Trend:
    """Return the count of the span that ends now, beside the preceding one."""
    start = now - span
    return Trend(tally.between(start), tally.between(start - span, start))


def series(tally: Tally, days: Sequence[date], zone: tzinfo) -> tuple[DayCount, ...]:
    """Return the count of each of these consecutive days; the last one is not over."""
    begins = [beginning(day, zone) for day in days]
    counts = [tally.between(start, end) for start, end in pairwise(begins)]
    counts.append(tally.between(begins[-1]))
    return tuple(DayCount(day, count) for day, count in zip(days, counts, strict=True))
