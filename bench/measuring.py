"""What all benchmarks share: turns, medians, and the form of what they found."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")

_WIDTH = 44


class BenchmarkError(Exception):
    """Something other than its time is wrong with what a benchmark measures."""


class Spread(NamedTuple):
    """The median of a number of values and its quartiles."""

    median: float
    low: float
    high: float
    number: int


@dataclass(frozen=True)
class Comparison:
    """Values of one thing, and of its peer in the same run: one row of the table.

    Without a peer, the row only states the values. The limit is the largest ratio of the medians
    that the goal allows; `slack`, in the same unit as the values, is added to it.
    """

    name: str
    unit: str
    measured: Sequence[float]
    peer: Sequence[float] = ()
    limit: float | None = None
    slack: float = 0.0

    @property
    def ratio(self) -> float | None:
        """Return the median to that of the peer, if it has any that is more than 0."""
        if not self.peer or (of_peer := statistics.median(self.peer)) <= 0:
            return None
        return statistics.median(self.measured) / of_peer

    @property
    def is_within(self) -> bool:
        """Return whether the goal is reached; true without one."""
        if self.limit is None or not self.peer:
            return True
        allowed = statistics.median(self.peer) * self.limit + self.slack
        return statistics.median(self.measured) <= allowed

    def line(self) -> str:
        """Return the row as text, with `!` where the goal is missed."""
        columns = [f"{self.name:{_WIDTH}}{self.unit:>9}{_text(self.measured):>30}"]
        if self.peer:
            columns.append(f"{_text(self.peer):>30}")
        if self.ratio is not None:
            columns.append(f"{self.ratio:9.2f}{' ' if self.is_within else '!'}")
        return "".join(columns).rstrip()

    def document(self) -> dict[str, Any]:
        """Return the row as JSON has it."""
        return {
            "name": self.name,
            "unit": self.unit,
            "measured": spread(self.measured)._asdict(),
            "peer": spread(self.peer)._asdict() if self.peer else None,
            "ratio": self.ratio,
            "limit": self.limit,
            "within": self.is_within,
        }


def head() -> str:
    """Return the heads of the columns."""
    measured, peer = "median (quartiles)", "peer (quartiles)"
    return f"{'':{_WIDTH}}{'unit':>9}{measured:>30}{peer:>30}{'ratio':>9}"


def spread(values: Sequence[float]) -> Spread:
    """Return the median and the quartiles of at least one value."""
    if len(values) == 1:
        return Spread(values[0], values[0], values[0], 1)
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median, low, high, len(values))


def in_turns(
    turns: Mapping[str, Callable[[], T]], rounds: int, *, warm_up: int = 1
) -> dict[str, list[T]]:
    """Run each once per round, in alternating order; return the results by name.

    The results of the first `warm_up` rounds, which fill caches, are left out.
    """
    found: dict[str, list[T]] = {name: [] for name in turns}
    for number in range(warm_up + rounds):
        for name in reversed(list(turns)) if number % 2 else turns:
            result = turns[name]()
            if number >= warm_up:
                found[name].append(result)
    return found


def _text(values: Sequence[float]) -> str:
    shown = spread(values)
    if shown.number == 1:
        return _number(shown.median)
    return f"{_number(shown.median)} ({_number(shown.low)}–{_number(shown.high)})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
