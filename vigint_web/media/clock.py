"""Compute when each picture and sound of a file plays, from whatever clock stamped them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

# An interval without picture and sound longer than this was not filmed.
LONGEST_STILL = 60.0
# Reordered pictures are closer together than this; a larger step back means a clock that was set or
# restarted.
STEP_BACK = 0.4
# The minimum interval of pictures, in seconds: where many are closer, the clock stands still.
SHORTEST_STEP = 0.001
_STILL_SHARE = 0.2
# Two streams jump together if they resume within this many seconds of each other.
_TOGETHER = 5.0
# With more steps than this the order of the times is not worth keeping.
_MOST_STEPS = 100
# Some containers store times in milliseconds.
_ROUNDING = 0.002

# The maximum number of gaps to include in every page.
_MOST_GAPS = 1_000

Span = tuple[float, float]


@dataclass(frozen=True)
class Track:
    """The times at which one stream has packets: spans of seconds, in the order of the file.

    ``stretches`` are separated where the stream's clock goes back; the spans of one of them are
    further apart than usual for two packets. ``interval`` is the usual one, in seconds; ``tiny``
    counts the packets with the time of their predecessor.
    """

    stretches: Sequence[Sequence[Span]]
    count: int
    interval: float
    tiny: int = 0

    @property
    def stands_still(self) -> bool:
        """Return whether its times, or many of them, are unusable because they equal their
        predecessor.
        """
        return self.count > 2 and self.tiny > self.count * _STILL_SHARE

    def resumes(self, still: float) -> list[float]:
        """Return when it resumes after each gap longer than this, in seconds."""
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
    """An interruption of the recording, which is omitted from playback.

    At ``at``, in seconds of playback, ``left_out`` more seconds have passed since the first picture
    than have played; those of earlier gaps included.
    """

    at: float
    left_out: float


@dataclass(frozen=True)
class Clock:
    """The mapping from a file's times to times that play from 0 without a jump.

    ``start`` and ``end`` are the first and last time in the file, ``duration`` that of playback,
    all in seconds. ``stretches`` hold the shifts of each part between two steps back. ``apart``:
    the streams' clocks do not agree, so each continues where it was. ``gaps`` are omitted from the
    pictures, in order; None where they are unknown. The duration of a step back is unknown: it
    counts as none.
    """

    start: float
    end: float
    duration: float
    stretches: tuple[tuple[Shift, ...], ...]
    apart: bool = False
    gaps: tuple[Gap, ...] | None = ()

    @property
    def jumps(self) -> bool:
        """Return whether the file's times must be changed by more than their start."""
        return self.apart or len(self.stretches) != 1 or len(self.stretches[0]) != 1

    def expression(self, kind: Literal["video", "audio"], interval: float) -> str:
        """Return the new time of a picture or sound, for ffmpeg's filters setpts and asetpts.

        ``interval``: seconds from one picture to the next, used where nothing else is known.
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

    Gaps of all streams together longer than `LONGEST_STILL` are omitted, unless such gaps are the
    picture's usual pace; after a step back the times continue where they were. Raises ValueError
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
    """Return the gaps of pictures with a clock of their own; None where their times are
    unusable.
    """
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
    """Return whether all streams have the same gaps."""
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
    """Return the duration of a stream if each jump of its clock takes no time."""
    lasts = track.tiny * track.interval if track.stands_still else 0.0
    for spans in track.stretches:
        lasts += sum(end - start for start, end in spans)
        gaps = (after[0] - before[1] for before, after in pairwise(spans))
        lasts += sum(gap for gap in gaps if gap <= still)
    return lasts


def _united(spans: Iterable[Span]) -> list[Span]:
    """Return spans in order, with adjacent ones merged."""
    united: list[Span] = []
    for start, end in sorted(spans):
        if united and start <= united[-1][1]:
            united[-1] = (united[-1][0], max(end, united[-1][1]))
        else:
            united.append((start, end))
    return united
