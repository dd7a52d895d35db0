"""Compute a video's timeline: thumbnails, scenes, and the amount of motion over time."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

MAX_PICTURES = 120
COLUMNS = 10
PICTURE_SIDE = 160
# One interval per second; of a short clip ten, of a long one the maximum number.
_USUAL_INTERVAL = 1.0
_LEAST_PARTS = 10
_SHORTEST_INTERVAL = 0.1
MAX_SCENES = 60
# Threshold of ffmpeg's scene score, 0 to 1, the default of its own scdet filter.
CUT_SCORE = 0.1
SHORTEST_SCENE = 1.0
MAX_MOTION_VALUES = 600
# The minimum mean difference of two pictures, in per cent of white to black, that counts as full
# motion: otherwise the noise of a night camera would look like a crowd.
_LIVELY = 0.6
_LINE = re.compile(
    r"^(?:frame:\d+ .*pts_time:|lavfi\.scd\.(mafd|score)=)([-0-9.e+]+)", re.MULTILINE
)


@dataclass(frozen=True)
class SpriteSheet:
    """The layout of small pictures in one large one, in rows from the upper left.

    ``width`` and ``height`` of one in pixels; each stands for ``interval`` seconds and shows the
    middle of them.
    """

    columns: int
    rows: int
    width: int
    height: int
    interval: float
    count: int


@dataclass(frozen=True)
class Scene:
    """A part of a video: its start, in seconds, and the sharpness of its cut, 0 to 1."""

    start: float
    score: float


@dataclass(frozen=True)
class Sample:
    """ffmpeg's measurement of one picture against the one before.

    ``time`` in seconds; ``difference`` in per cent of white to black; ``score`` 0 to 1.
    """

    time: float
    difference: float
    score: float


@dataclass(frozen=True)
class Timeline:
    """The scenes, thumbnails and motion of a video.

    ``motion`` is 0 to 100, one number for every ``motion_interval`` seconds.
    """

    sprite: SpriteSheet | None = None
    scenes: list[Scene] = field(default_factory=lambda: [Scene(0.0, 0.0)])
    motion: list[int] = field(default_factory=list)
    motion_interval: float = 1.0

    def stored(self) -> dict[str, Any]:
        """Return the values stored in the row, beside the scenes."""
        return {
            "sprite": asdict(self.sprite) if self.sprite else None,
            "motion": self.motion,
            "motion_interval": self.motion_interval,
        }

    def stored_scenes(self) -> list[dict[str, Any]]:
        """Return the scenes in the row's format."""
        return [asdict(scene) for scene in self.scenes]


def lay_out(duration: float, width: int, height: int, pixel_aspect: float = 1.0) -> SpriteSheet:
    """Choose the number and size of a video's small pictures.

    ``width`` and ``height`` are those of the video, ``pixel_aspect`` the shape of its pixels.
    """
    interval = _interval(duration, MAX_PICTURES)
    count = max(1, min(MAX_PICTURES, math.ceil(duration / interval - 1e-6)))
    across, down = fitted(width, height, pixel_aspect)
    columns = min(COLUMNS, count)
    return SpriteSheet(columns, math.ceil(count / columns), across, down, round(interval, 6), count)


def _interval(duration: float, most: int) -> float:
    """Return the seconds of one interval, for at most this many of a length."""
    wanted = max(_SHORTEST_INTERVAL, min(_USUAL_INTERVAL, duration / _LEAST_PARTS))
    return round(max(wanted, duration / most), 6)


def fitted(width: int, height: int, pixel_aspect: float = 1.0) -> tuple[int, int]:
    """Return the size of a small picture: even, square pixels, neither side above the largest."""
    across, down = width * pixel_aspect, float(height)
    scale = PICTURE_SIDE / max(across, down)
    return _even(across * scale), _even(down * scale)


def _even(length: float) -> int:
    return max(2, round(length / 2) * 2)


def read_samples(printed: str) -> list[Sample]:
    """Read the output of the ``scdet`` and ``metadata=print`` filters, in order of time."""
    return sorted(_samples(printed), key=lambda sample: sample.time)


def _samples(printed: str) -> Iterator[Sample]:
    time: float | None = None
    difference = 0.0
    for kind, number in _LINE.findall(printed):
        try:
            value = float(number)
        except ValueError:
            continue
        if not kind:
            time, difference = value, 0.0
        elif kind == "mafd":
            difference = value
        elif time is not None:
            yield Sample(time, difference, value / 100)


def find_scenes(samples: Sequence[Sample], duration: float) -> list[Scene]:
    """Return the scenes of a video, the first at 0.

    A scene begins where ffmpeg's score indicates another picture; scenes have a minimum length, and
    of very many only the sharpest cuts count.
    """
    apart = max(SHORTEST_SCENE, duration / 200)
    cuts = sorted(
        (sample for sample in samples if sample.score >= CUT_SCORE),
        key=lambda sample: sample.score,
        reverse=True,
    )
    kept: list[Sample] = []
    for cut in cuts:
        if len(kept) == MAX_SCENES - 1:
            break
        edges = [0.0, duration, *(other.time for other in kept)]
        if all(abs(cut.time - edge) >= apart for edge in edges) and cut.time < duration:
            kept.append(cut)
    kept.sort(key=lambda cut: cut.time)
    found = [Scene(round(cut.time, 3), round(min(1.0, cut.score), 3)) for cut in kept]
    return [Scene(0.0, 0.0), *found]


def measure_motion(samples: Sequence[Sample], duration: float) -> tuple[list[int], float]:
    """Return the amount of motion, 0 to 100 for each interval, and the interval in seconds.

    100 is the maximum of this video; cuts are not motion and are left out. Where pictures are
    further apart than the interval, the measurement applies to the whole time between them.
    """
    interval = _interval(duration, MAX_MOTION_VALUES)
    count = max(1, min(MAX_MOTION_VALUES, math.ceil(duration / interval - 1e-6)))
    if len(samples) < 2:
        return [0] * count, interval
    peaks = [0.0] * count
    for before, sample in pairwise(samples):
        if sample.score >= CUT_SCORE:
            continue
        start, end = before.time / interval, sample.time / interval
        if end - start <= 1:
            start = end = (start + end) / 2
        first, last = (max(0, min(count - 1, math.floor(at))) for at in (start, end - 1e-9))
        for place in range(first, last + 1):
            peaks[place] = max(peaks[place], sample.difference)
    full = max(_LIVELY, *peaks)
    return [round(100 * peak / full) for peak in peaks], interval
