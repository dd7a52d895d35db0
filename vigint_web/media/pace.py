"""Turn the times at which frames were taken into the times at which a clip shows them."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median

DEFAULT_INTERVAL_MS = 40
# Longer than any incident, so a wrong clock; and ffmpeg's MP4 writer keeps one frame's duration
# in 32 bits of 1/90000 s, which is 13 hours.
MAX_SPAN_SECONDS = 12 * 3600
# Earlier than this no network camera wrote a time: it is one counted from a start, or a clock
# that was never set.
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_FASTEST_CLOCK = timedelta(days=1)


@dataclass(frozen=True)
class Timeline:
    """When to show which frame.

    ``order`` holds each frame's index once, in the order of showing; ``offsets_ms`` the time of
    each of those from the clip's start, strictly rising from 0; ``last_duration_ms`` how long
    the last one stays. ``known`` is False when the pace is the default and not the true one.
    """

    order: list[int]
    offsets_ms: list[int]
    last_duration_ms: int
    known: bool

    @property
    def duration_ms(self) -> int:
        return self.offsets_ms[-1] + self.last_duration_ms

    @property
    def interval_ms(self) -> int:
        """Return the median time between frames."""
        steps = [after - before for before, after in pairwise(self.offsets_ms)]
        return max(1, round(median([*steps, self.last_duration_ms])))

    @property
    def durations_ms(self) -> list[int]:
        steps = [after - before for before, after in pairwise(self.offsets_ms)]
        return [*steps, self.last_duration_ms]


def timeline(timestamps: Sequence[float | None]) -> Timeline:
    """Place frames on a clip's timeline by their timestamps in epoch seconds.

    Frames out of order are sorted, equals keeping their order. The clip lasts from the first to
    the last timestamp plus the median interval between different ones. Frames that share a
    timestamp (clocks of whole seconds) are spread evenly until the next different one, the last
    such group over the median interval, so no frame is lost and the length stays true. A single
    frame, any missing or non-finite timestamp, none that differ, or a span over twelve hours:
    the pace is unknown, and 25 frames per second in the order given. Raises ValueError when
    there is no frame.
    """
    if not timestamps:
        raise ValueError("a timeline needs at least one frame")
    times = [time for time in timestamps if time is not None and math.isfinite(time)]
    distinct = sorted(set(times))
    if (
        len(times) < len(timestamps)
        or len(distinct) < 2
        or distinct[-1] - distinct[0] > MAX_SPAN_SECONDS
    ):
        return _unknown(len(timestamps))
    order = sorted(range(len(times)), key=times.__getitem__)
    interval = median(after - before for before, after in pairwise(distinct))
    counts = Counter(times)
    offsets: list[int] = []
    for time, following in pairwise([*distinct, distinct[-1] + interval]):
        step = (following - time) / counts[time]
        for place in range(counts[time]):
            exact = round((time - distinct[0] + place * step) * 1000)
            offsets.append(max(exact, offsets[-1] + 1) if offsets else 0)
    end = round((distinct[-1] - distinct[0] + interval) * 1000)
    return Timeline(order, offsets, max(1, end - offsets[-1]), known=True)


def moment_of(seconds: float | None, received: datetime) -> datetime | None:
    """Return epoch seconds as a moment; None where they cannot be the true time of a picture."""
    if seconds is None or not math.isfinite(seconds):
        return None
    if not _EARLIEST.timestamp() <= seconds <= (received + _FASTEST_CLOCK).timestamp():
        return None
    return datetime.fromtimestamp(seconds, UTC)


def _unknown(count: int) -> Timeline:
    return Timeline(
        order=list(range(count)),
        offsets_ms=[place * DEFAULT_INTERVAL_MS for place in range(count)],
        last_duration_ms=DEFAULT_INTERVAL_MS,
        known=False,
    )
