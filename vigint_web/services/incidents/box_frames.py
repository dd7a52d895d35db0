"""Determine when which boxes are drawn over a clip, from the frames that it shows. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise
from statistics import median_low
from typing import Any, NamedTuple

from vigint_web.media.shown_frames import WHOLE, Area, ShownFrame
from vigint_web.services.incidents.boxes import Box, main_box

# A detector that looks at every fifth frame only has seen what is in the four after it. No longer
# than this, in seconds: things move.
_LONGEST_HELD = 1.0
_DIGITS = 5


class Place(NamedTuple):
    """When a frame with boxes is on the screen, in seconds of the clip.

    It is shown from ``at`` to ``until``; up to ``held`` frames follow at which the detector did not
    look. ``area`` is the part of the clip's picture that it fills.
    """

    frame: int
    at: float
    until: float
    held: float
    area: Area = WHOLE


@dataclass(frozen=True)
class Drawn:
    """Where a clip shows boxes; its main box; the time of its poster in seconds, if known."""

    places: Sequence[Place]
    main: Box | None = None
    main_at: float | None = None
    poster_at: float | None = None


def draw_boxes(boxes: Sequence[Box], shown: Sequence[ShownFrame], length: float) -> Drawn:
    """Return where a clip shows boxes.

    Args:
        shown: the frames in the clip, by their number.
        length: that of the clip, in seconds.
    """
    places = place_frames(shown, length, {box.frame for box in boxes})
    by_frame = {place.frame: place for place in places}
    main = main_box(box for box in boxes if box.frame in by_frame)
    if main is None:
        return Drawn(places)
    place = by_frame[main.frame]
    return Drawn(places, in_clip(main, place.area), place.at)


def place_frames(shown: Sequence[ShownFrame], length: float, boxed: Set[int]) -> list[Place]:
    """Return the frames with boxes that a clip shows, in order of time."""
    shown = sorted(shown, key=lambda frame: frame.at)
    starts = [frame.at for frame in shown]
    ends = [*starts[1:], max(length, starts[-1] + 0.001)] if shown else []
    found = [number for number, frame in enumerate(shown) if frame.place in boxed]
    steps = [after - before for before, after in pairwise(found)]
    step = median_low(steps) if steps else 1
    places: list[Place] = []
    for number, following in pairwise([*found, len(shown)]):
        last = min(number + step, following, len(shown)) - 1
        until = ends[number]
        held = max(until, min(ends[last], starts[number] + _LONGEST_HELD))
        frame = shown[number]
        places.append(Place(frame.place, frame.at, until, held, frame.area))
    return places


def in_clip(box: Box, area: Area) -> Box:
    """Return a box as shares of the clip's picture, where its frame fills a part of that."""
    if area == WHOLE:
        return box
    left, top, width, height = area
    x, y = left + box.x * width, top + box.y * height
    x, y, w, h = (round(side, _DIGITS) for side in (x, y, box.w * width, box.h * height))
    return box._replace(x=x, y=y, w=w, h=h)


def drawn_document(
    boxes: Iterable[Box], places: Sequence[Place], poster_at: float | None
) -> dict[str, Any]:
    """Return what a page draws: `frames`, each with its times and boxes, and the poster's time.

    A box is a list of x, y, w, h, label, score and track.
    """
    by_frame: Mapping[int, list[Box]] = defaultdict(list)
    for box in boxes:
        by_frame[box.frame].append(box)
    return {
        "poster_at": poster_at,
        "frames": [
            {
                "at": place.at,
                "until": place.until,
                "held": place.held,
                "boxes": [in_clip(box, place.area)[1:] for box in by_frame[place.frame]],
            }
            for place in places
        ],
    }
