"""Decide by times of detection which alerts are repeats of one another. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

# A camera whose clock was reset says 1970, 2000 or when it was built.
_OLDEST = timedelta(days=365)


@dataclass(frozen=True)
class Span:
    """A first and its repeats: from when to when they were detected, and how bad the first was."""

    first_id: int
    risk: int
    earliest: datetime
    latest: datetime

    def with_moment(self, moment: datetime) -> "Span":
        """Return the span with one more detection in it."""
        earliest, latest = min(self.earliest, moment), max(self.latest, moment)
        return Span(self.first_id, self.risk, earliest, latest)


def moment_of(detected_at: datetime, received_at: datetime) -> datetime:
    """Return when something happened: as detected, unless that cannot be.

    A detection in the future, or years ago, is of a clock that is wrong: receipt stands in for it.
    """
    possible = received_at - _OLDEST <= detected_at <= received_at
    return detected_at if possible else received_at


def choose_span(
    spans: Iterable[Span], moment: datetime, risk: int, cool_down: timedelta
) -> Span | None:
    """Return the span that a detection belongs to; None: it is the first of a new one.

    Everything in a span lies within one cool-down, so that no two of it are further apart, in
    whatever order they arrive. A higher risk than the first's begins a span of its own; where
    several fit, the worst one was told of, then the nearest.
    """

    def fits(span: Span) -> bool:
        wider = span.with_moment(moment)
        return span.risk >= risk and wider.latest - wider.earliest < cool_down

    def rank(span: Span) -> tuple[int, timedelta, int]:
        return span.risk, -abs(moment - span.earliest), span.first_id

    return max(filter(fits, spans), key=rank, default=None)
