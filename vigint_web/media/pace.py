"""Map the times at which frames were taken to the times of a clip."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median, median_low

DEFAULT_INTERVAL_MS = 40
# Longer than any incident, so the clock is wrong; and ffmpeg's MP4 writer keeps one frame's
# duration in 32 bits of 1/90000 s, which is 13 hours.
MAX_SPAN_SECONDS = 12 * 3600
# No network camera is older: an earlier time is counted from a start, or from a clock that was
# never set.
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_FASTEST_CLOCK = timedelta(days=1)
# A smaller step back can result from two threads of a detector.
_CLOCK_STEP_SECONDS = 60.0


@dataclass(frozen=True)
class Timeline:
    """The display times of the frames.

    ``order`` contains each frame's index once, in display order; ``offsets_ms`` the time of each of
    those from the clip's start, strictly increasing from 0; ``last_duration_ms`` the duration of
    the last one. ``known`` is False when the pace is the default and not the true one.
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

    Frames out of order are sorted, equals keeping their order. The clip lasts from the first to the
    last timestamp plus the median interval between different ones. Frames that share a timestamp
    (clocks of whole seconds) are spread evenly until the next different one, the last such group
    over the median interval, so no frame is lost and the length stays true. Missing timestamps are
    filled in, see `fill_gaps`. A single frame, fewer than two timestamps, none that differ, or a
    span over twelve hours: the pace is unknown, and 25 frames per second in the given order. Raises
    ValueError when there is no frame.
    """
    if not timestamps:
        raise ValueError("a timeline needs at least one frame")
    times = [time for time in fill_gaps(timestamps) if time is not None]
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


@dataclass(frozen=True)
class SteadyTimes:
    """Times of frames on a clock without adjustments, in epoch seconds or since a start.

    ``times``: each frame's, None where too few are known; ``set_before``: frames before which the
    clock was set by more than a minute; ``odd``: frames whose time was ignored.
    """

    times: list[float | None]
    set_before: list[int] = field(default_factory=list)
    odd: list[int] = field(default_factory=list)


def steady(timestamps: Sequence[float | None]) -> SteadyTimes:
    """Return the times of frames, in the order of the frames, with adjustments of the clock
    removed.

    A clock is assumed to have been set where two frames are more than a minute apart, either way,
    and ten times as far as usual: earlier times are shifted to end one interval before, because the
    clock is right after being set. A single frame whose time is that far from both neighbours,
    which agree, has an odd time. Odd and missing times are filled in, see `fill_gaps`.
    """
    known = _known(timestamps)
    odd = {place for place, time in enumerate(timestamps) if time is not None} - set(known)
    far = max(_CLOCK_STEP_SECONDS, 10 * _usual_step(known))
    for (_, one), (place, time), (_, other) in _neighbours(known):
        if min(abs(time - one), abs(time - other)) > far and abs(other - one) <= far:
            del known[place]
            odd.add(place)
    times: list[float | None] = [None] * len(timestamps)
    set_before: list[int] = []
    step, shift = _usual_step(known), 0.0
    places = sorted(known, reverse=True)
    for after, place in zip([None, *places], places, strict=False):
        if after is not None and abs(known[after] - known[place]) > far:
            set_before.append(after)
            shift = known[after] + shift - step * (after - place) - known[place]
        times[place] = known[place] + shift
    return SteadyTimes(fill_gaps(times), set_before[::-1], sorted(odd))


def _known(timestamps: Sequence[float | None]) -> dict[int, float]:
    """Return the plausible times, by the frame's index."""
    known = {
        place: time
        for place, time in enumerate(timestamps)
        if time is not None and math.isfinite(time)
    }
    earliest = _EARLIEST.timestamp()
    real = {place: time for place, time in known.items() if time >= earliest}
    return real if len(real) * 2 > len(known) else known


def _usual_step(known: Mapping[int, float]) -> float:
    """Return the median of the non-zero steps between neighbours, in either direction."""
    pairs = pairwise(time for _, time in sorted(known.items()))
    steps = [abs(after - before) for before, after in pairs if after != before]
    return median_low(steps) if steps else 0.0


def _neighbours(known: Mapping[int, float]) -> list[tuple[tuple[int, float], ...]]:
    """Return each three consecutive times, with their indexes."""
    found = sorted(known.items())
    return list(zip(found, found[1:], found[2:], strict=False))


def fill_gaps(timestamps: Sequence[float | None]) -> list[float | None]:
    """Return timestamps with missing ones placed evenly between their neighbours.

    At either end the median step of the others is extrapolated. Non-finite values also count as
    missing, and those before any camera wrote times where most of the others are not: a clock that
    was not set yet. With fewer than two known ones nothing is filled in.
    """
    known = _known(timestamps)
    filled: list[float | None] = [known.get(place) for place in range(len(timestamps))]
    if len(known) < 2:
        return filled
    steps = []
    for (before, time), (after, following) in pairwise(sorted(known.items())):
        step = (following - time) / (after - before)
        steps.append(step)
        for place in range(before + 1, after):
            filled[place] = time + step * (place - before)
    first, last, step = min(known), max(known), max(0.0, median(steps))
    for place in range(first):
        filled[place] = known[first] - step * (first - place)
    for place in range(last + 1, len(filled)):
        filled[place] = known[last] + step * (place - last)
    return filled


def moment_of(seconds: float | None, received: datetime) -> datetime | None:
    """Return epoch seconds as a datetime; None where they cannot be the true time of a picture."""
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
