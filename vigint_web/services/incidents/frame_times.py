"""Determine when the frames of an incident were taken, from all of them. Pure."""

import math
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from statistics import median_low
from typing import Any
from zoneinfo import ZoneInfo

from vigint_web.media.pace import steady
from vigint_web.services.core.moments import PLAUSIBLE_FROM, Moment, parse_moment
from vigint_web.services.core.odd_values import NOT_UNDERSTOOD
from vigint_web.services.incidents.payload_warnings import Warnings

CLOCK_STEP = "clock_step"
IMPLAUSIBLE = "implausible"
# Numbers this far apart are no wall clock in their unit, but positions in a stream.
_LONGEST_STEP = 3600.0
# Pictures of a stream are at least 8 ms apart (120 a second), and less than 8 s: of several
# possible units the coarsest one is used.
_SHORTEST_STEP = 8.0
_UNITS = (1.0, 1e3, 1e6, 1e9)
_LONGEST_TEXT = 40


@dataclass(frozen=True)
class FrameTimes:
    """When each frame was taken, if known, and when the first one was.

    Times relative to a start, such as positions in a stream, are seconds since then: they give the
    pace, not the time, and ``first`` is None.
    """

    moments: list[Moment | None]
    first: Moment | None = None


def read_frame_times(
    values: Sequence[Any], zone: ZoneInfo, warnings: Warnings, name: Callable[[int], str]
) -> FrameTimes:
    """Read the times of frames, in the order of the frames.

    A wall clock: any format of `parse_moment`. Positions in a stream: seconds, milliseconds,
    microseconds or nanoseconds since its start, inferred from their intervals, or hours, minutes
    and seconds. Of an hour that occurs twice, at the end of summer time, the order of the frames
    decides.

    Args:
        zone: of written times without one.
        name: the name of a frame's time in a warning, by its number from 0.
    """
    given = [None if _is_blank(value) else value for value in values]
    clock = [_moment(value, zone) for value in given]
    positions = [_position(value) for value in given]
    if _is_wall_clock(clock, positions):
        moments = _in_order(clock, zone)
    else:
        moments = _since_start(positions)
    for number, value in enumerate(given):
        if value is not None and moments[number] is None:
            warnings.add(name(number), value, NOT_UNDERSTOOD)
    found = steady([moment.seconds if moment else None for moment in moments])
    for number in found.odd:
        warnings.add(name(number), given[number], IMPLAUSIBLE)
    for number in found.set_before:
        warnings.add(name(number), given[number], CLOCK_STEP)
    known = [
        (time, moment.zone_assumed)
        for number, (time, moment) in enumerate(zip(found.times, moments, strict=True))
        if time is not None and moment is not None and number not in found.odd
    ]
    known = [(time, assumed) for time, assumed in known if time >= PLAUSIBLE_FROM]
    return FrameTimes(moments, Moment(*min(known)) if known else None)


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _moment(value: Any, zone: ZoneInfo) -> Moment | None:
    if value is None:
        return None
    with suppress(ValueError, OverflowError):
        return parse_moment(value, zone)
    return None


def _position(value: Any) -> tuple[float, bool] | None:
    """Return a number, and whether its unit is known to be seconds."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str):
        text = value.strip().replace(",", ".")[:_LONGEST_TEXT]
        parts = re.fullmatch(r"(?:(\d{1,3}):)?(\d\d?):(\d\d(?:\.\d+)?)", text, re.ASCII)
        if parts:
            hours, minutes, seconds = (float(part or 0) for part in parts.groups())
            return hours * 3600 + minutes * 60 + seconds, True
        value = text
    with suppress(ValueError, OverflowError):
        number = float(value)
        return (number, False) if math.isfinite(number) and number >= 0 else None
    return None


def _is_wall_clock(
    clock: Sequence[Moment | None], positions: Sequence[tuple[float, bool] | None]
) -> bool:
    understood = sum(1 for one in zip(clock, positions, strict=True) if any(one))
    plausible = [
        (moment.seconds, position is None)
        for position, moment in zip(positions, clock, strict=True)
        if moment is not None and moment.seconds >= PLAUSIBLE_FROM
    ]
    if 2 * len(plausible) < understood:
        return False
    if any(written for _, written in plausible):
        return True
    return _usual_step([seconds for seconds, _ in plausible]) <= _LONGEST_STEP


def _usual_step(times: Sequence[float]) -> float:
    steps = [abs(after - before) for before, after in pairwise(times)]
    return median_low(steps) if steps else 0.0


def _since_start(positions: Sequence[tuple[float, bool] | None]) -> list[Moment | None]:
    """Return positions in a stream as seconds."""
    step = _usual_step([one[0] for one in positions if one is not None and not one[1]])
    unit = next((unit for unit in _UNITS if step < _SHORTEST_STEP * unit), _UNITS[-1])
    return [
        None if one is None else Moment(one[0] if one[1] else one[0] / unit) for one in positions
    ]


def _in_order(clock: Sequence[Moment | None], zone: ZoneInfo) -> list[Moment | None]:
    """Resolve ambiguous written times by the frames around them.

    The choices with the least time between neighbours are used, and the earlier of equal ones.
    """
    places = [place for place, moment in enumerate(clock) if moment is not None]
    choices = [_choices(moment, zone) for moment in clock if moment is not None]
    if all(len(ways) == 1 for ways in choices):
        return list(clock)
    # The minimum cost up to each choice, and its predecessor.
    costs = [0.0] * len(choices[0])
    ways_back: list[list[int]] = []
    for before, after in pairwise(choices):
        totals = [
            [cost + abs(time - earlier) for cost, earlier in zip(costs, before, strict=True)]
            for time in after
        ]
        ways_back.append([total.index(min(total)) for total in totals])
        costs = [min(total) for total in totals]
    chosen = costs.index(min(costs))
    found = list(clock)
    for place, times, back in zip(
        reversed(places), reversed(choices), [*reversed(ways_back), [0, 0]], strict=True
    ):
        moment = clock[place]
        found[place] = Moment(times[chosen], zone_assumed=bool(moment and moment.zone_assumed))
        chosen = back[chosen]
    return found


def _choices(moment: Moment, zone: ZoneInfo) -> list[float]:
    """Return the possible times of a written time, in order."""
    if not moment.zone_assumed:
        return [moment.seconds]
    local = datetime.fromtimestamp(moment.seconds, zone)
    other = local.replace(fold=1 - local.fold).timestamp()
    if datetime.fromtimestamp(other, zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        return [moment.seconds]
    return sorted({moment.seconds, other})
