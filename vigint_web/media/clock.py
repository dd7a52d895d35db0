"""Decide when each picture and sound of a file plays, whatever clock it was stamped with."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

# A stretch of a file in which neither picture nor sound comes for longer than this was not filmed.
LONGEST_STILL = 60.0
# Reordered pictures are closer together than this; a clock that goes back was set or began anew.
STEP_BACK = 0.4
# Pictures come no faster than this, in seconds: where many seem to, the clock stands still.
SHORTEST_STEP = 0.001
_STILL_SHARE = 0.2
# Two streams jump together if they go on within so many seconds of each other.
_TOGETHER = 5.0
# With more steps than this there is no order in the times worth keeping.
_MOST_STEPS = 100
# Times are told in milliseconds by some containers.
_ROUNDING = 0.002

# More gaps than this are too many to be told with every page.
_MOST_GAPS = 1_000

Span = tuple[float, float]


@dataclass(frozen=True)
class Track:
    """When one stream has something to show: spans of seconds, in the order of the file.

    ``stretches`` are separated where the stream's clock goes back; the spans of one of them are
    apart by more than is usual between two packets. ``interval`` is usual, in seconds; ``tiny``
    counts the packets that come at the time of the one before.
    """

    stretches: Sequence[Sequence[Span]]
    count: int
    interval: float
    tiny: int = 0

    @property
    def stands_still(self) -> bool:
        """Return whether its times, or many of them, are no times: one is as the one before."""
        return self.count > 2 and self.tiny > self.count * _STILL_SHARE

    def resumes(self, still: float) -> list[float]:
        """Return when it goes on after each gap that is longer than this, in seconds."""
        return [
            after[0]
            for spans in self.stretches
            for before, after in pairwise(spans)
            if after[0] - before[1] > still
        ]


@dataclass(frozen=True)
class Shift:
    """From ``since`` on, in seconds as the file counts, ``by`` seconds are added."""

    since: float
    by: float


@dataclass(frozen=True)
class Gap:
    """Time that was not filmed, and does not play.

    From ``at`` on, in seconds of what plays, ``left_out`` seconds more have passed since the first
    picture than have played; those of earlier gaps included.
    """

    at: float
    left_out: float


@dataclass(frozen=True)
class Clock:
    """How the times of a file become times that play from 0 without a jump.

    ``start`` and ``end`` are the first and last moment as the file counts, ``duration`` what
    plays, all in seconds. ``stretches`` hold the shifts of each part between two steps back.
    ``apart``: the streams' clocks do not go together, so each goes on where it was.
    ``gaps`` are what is left out of the pictures, in order; None where that is not known. How much
    time a step back took is unknown: it counts as none.
    """

    start: float
    end: float
    duration: float
    stretches: tuple[tuple[Shift, ...], ...]
    apart: bool = False
    gaps: tuple[Gap, ...] | None = ()

    @property
    def jumps(self) -> bool:
        """Return whether the file's times must be changed by more than where they begin."""
        return self.apart or len(self.stretches) != 1 or len(self.stretches[0]) != 1

    def expression(self, kind: Literal["video", "audio"], interval: float) -> str:
        """Return the new time of a picture or sound, for ffmpeg's filters setpts and asetpts.

        ``interval``: seconds from one picture to the next where nothing else is known.
        """
        if self.apart:
            usual = "NB_SAMPLES/SR/TB" if kind == "audio" else f"{interval:.6f}/TB"
            step = "(PTS-PREV_INPTS)*TB"
            real = f"gte({step},{SHORTEST_STEP})*lte({step},{LONGEST_STILL})"
            kept = f"if({real},PTS-PREV_INPTS,{usual})"
            return f"if(isnan(PREV_INPTS),0,PREV_OUTPTS+{kept})"
        sums = [_added_up(shifts) for shifts in self.stretches]
        if len(sums) == 1:
            return f"PTS+({sums[0]})/TB"
        counted = f"st(0,ld(0)+lt(T,PREV_INT-{STEP_BACK}))"
        chosen = "+".join(f"eq(ld(0),{place})*({text})" for place, text in enumerate(sums))
        return f"{counted};PTS+({chosen})/TB"


def read_clock(tracks: Sequence[Track]) -> Clock:
    """Return the clock of the streams that play together; the first is the picture's.

    Gaps of all streams together for longer than `LONGEST_STILL` are left out, unless such gaps are
    the picture's usual pace; after a step back the times go on where they were. Raises ValueError
    when no stream has a packet.
    """
    tracks = [track for track in tracks if track.count]
    spans = [span for track in tracks for stretch in track.stretches for span in stretch]
    if not spans:
        raise ValueError("no packets")
    start, end = min(first for first, _ in spans), max(last for _, last in spans)
    still = max(LONGEST_STILL, 10 * tracks[0].interval)
    lasts = max(_alone(track, still) for track in tracks)
    apart = Clock(start, end, lasts, (), apart=True, gaps=_gaps_of(tracks[0]))
    steps = max(len(track.stretches) for track in tracks)
    if any(len(track.stretches) != steps or track.stands_still for track in tracks):
        return apart
    stretches: list[tuple[Shift, ...]] = []
    position = 0.0
    for place in range(steps):
        shifts: list[Shift] = []
        reached = 0.0
        for first, last in _united(span for track in tracks for span in track.stretches[place]):
            if not shifts or first - reached > still:
                shifts.append(Shift(first, position - first))
            position, reached = last + shifts[-1].by, last
        stretches.append(tuple(shifts))
    gaps = sum(map(len, stretches)) - steps
    if gaps > _MOST_STEPS or steps > _MOST_STEPS or (gaps and not _go_together(tracks, still)):
        return apart
    return Clock(start, end, position, tuple(stretches), gaps=_gaps_between(stretches))


def _gaps_between(stretches: Sequence[Sequence[Shift]]) -> tuple[Gap, ...]:
    gaps: list[Gap] = []
    left_out = 0.0
    for shifts in stretches:
        for before, after in pairwise(shifts):
            left_out += before.by - after.by
            gaps.append(Gap(after.since + after.by, left_out))
    return tuple(gaps)


def _gaps_of(track: Track) -> tuple[Gap, ...] | None:
    """Return the gaps of pictures that go on alone; None where their times are none."""
    if track.stands_still:
        return None
    gaps: list[Gap] = []
    position = left_out = 0.0
    for spans in track.stretches:
        reached = spans[0][0]
        for start, end in spans:
            step = start - reached
            if step > LONGEST_STILL:
                left_out += step
                gaps.append(Gap(position, left_out))
                step = 0.0
            position += step + end - start
            reached = end
    return tuple(gaps) if len(gaps) <= _MOST_GAPS else None


def _go_together(tracks: Sequence[Track], still: float) -> bool:
    """Return whether all streams leave out the same parts of time."""
    resumed = [track.resumes(still) for track in tracks]
    return all(
        len(times) == len(resumed[0])
        and all(abs(a - b) < _TOGETHER for a, b in zip(times, resumed[0], strict=True))
        for times in resumed
    )


def _added_up(shifts: Sequence[Shift]) -> str:
    text = f"{shifts[0].by:.6f}"
    for before, after in pairwise(shifts):
        text += f"+gte(T,{after.since - _ROUNDING:.6f})*({after.by - before.by:.6f})"
    return text


def _alone(track: Track, still: float) -> float:
    """Return how long a stream lasts when each jump of its clock takes no time."""
    lasts = track.tiny * track.interval if track.stands_still else 0.0
    for spans in track.stretches:
        lasts += sum(end - start for start, end in spans)
        gaps = (after[0] - before[1] for before, after in pairwise(spans))
        lasts += sum(gap for gap in gaps if gap <= still)
    return lasts


def _united(spans: Iterable[Span]) -> list[Span]:
    """Return spans in order, those that touch each other made one."""
    united: list[Span] = []
    for start, end in sorted(spans):
        if united and start <= united[-1][1]:
            united[-1] = (united[-1][0], max(end, united[-1][1]))
        else:
            united.append((start, end))
    return united
