"""Decide by times of detection which alerts are repeats of one another. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

# A camera whose clock was reset reports 1970, 2000 or its year of manufacture.
_OLDEST = timedelta(days=365)


@dataclass(frozen=True)
class Span:
    """A first report and its repeats: the interval of detection, and the risk of the first."""

    first_id: int
    risk: int
    earliest: datetime
    latest: datetime

    def with_moment(self, moment: datetime) -> "Span":
        """Return the span extended by one more detection."""
        earliest, latest = min(self.earliest, moment), max(self.latest, moment)
        return Span(self.first_id, self.risk, earliest, latest)


def moment_of(detected_at: datetime, received_at: datetime) -> datetime:
    """Return the time of an incident: its detection, unless that is implausible.

    A detection in the future, or years ago, indicates a wrong clock: the receipt is used instead.
    """
    possible = received_at - _OLDEST <= detected_at <= received_at
    return detected_at if possible else received_at


def choose_span(
    spans: Iterable[Span], moment: datetime, risk: int, cool_down: timedelta
) -> Span | None:
    """Return the span of a detection; None: it is the first of a new one.

    Everything in a span is within one cool-down, so that no two reports are further apart, in
    whatever order they arrive. A higher risk than the first's begins a span of its own; where
    several match, the one with the highest risk is used, then the nearest.
    """

    def fits(span: Span) -> bool:
        wider = span.with_moment(moment)
        return span.risk >= risk and wider.latest - wider.earliest < cool_down

    def rank(span: Span) -> tuple[int, timedelta, int]:
        return span.risk, -abs(moment - span.earliest), span.first_id

    return max(filter(fits, spans), key=rank, default=None)
