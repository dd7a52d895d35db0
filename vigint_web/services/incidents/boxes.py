"""Read the boxes that a detector found in its frames; no value is a reason for refusal. Pure."""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from vigint_web.services.alerting.recipients import TOO_MANY
from vigint_web.services.core.odd_values import (
    CLAMPED,
    NOT_UNDERSTOOD,
    load_json,
    plain_json,
    read_confidence,
    read_count,
    read_fraction,
    read_name,
)
from vigint_web.services.incidents.payload_warnings import MORE, Warnings

MOST_BOXES = 20_000
LONGEST_LABEL = 100
LONGEST_TRACK = 64
OUTSIDE = "outside_picture"
_SIDES = ("x", "y", "w", "h")
_NEEDED = frozenset(("frame", *_SIDES))
# Rounding errors of floats are accepted without a warning.
_TOLERANCE = 0.001
_DIGITS = 5
# The others are counted: boxes must not take the place of every other warning.
_MOST_WARNINGS = 10


class Box(NamedTuple):
    """One box: its frame in the order as sent, from 0, and its place as shares of the picture.

    ``x`` and ``y`` are the left and the top side, of the picture as displayed. ``score``: 0 to 1.
    """

    frame: int
    x: float
    y: float
    w: float
    h: float
    label: str | None = None
    score: float | None = None
    track: str | None = None


class ReadBoxes(NamedTuple):
    """Boxes as sent, in a form that every database stores; and those understood, by frame."""

    sent: Any = None
    found: tuple[Box, ...] = ()


def read_boxes(value: Any, warnings: Warnings) -> ReadBoxes:
    """Read a list of boxes; anything else is kept as it came, and has none.

    A list of which no element has the members of a box is of another form: it is no mistake.
    Sides outside of the picture are moved to its edge.
    """
    sent = plain_json(value)
    given = _listed(value)
    if not any(_is_meant(one) for one in given):
        return ReadBoxes(sent)
    told = _Told(warnings)
    found: list[Box] = []
    for place, one in enumerate(given):
        if len(found) == MOST_BOXES:
            told.add("boxes", len(given), TOO_MANY, MOST_BOXES)
            break
        box = _box(f"boxes[{place}]", one, told)
        if box is not None:
            found.append(box)
    told.finish()
    return ReadBoxes(sent, tuple(sorted(found, key=lambda box: box.frame)))


def main_box(boxes: Iterable[Box]) -> Box | None:
    """Return the box with the highest score, the larger one of equals; None if there is none."""
    return max(boxes, key=lambda box: (box.score or 0.0, box.w * box.h), default=None)


def common_labels(boxes: Sequence[Box], most: int = 8) -> list[str]:
    """Return the labels of the most boxes, in that order."""
    counts: dict[str, int] = {}
    for box in boxes:
        if box.label is not None:
            counts[box.label] = counts.get(box.label, 0) + 1
    return sorted(counts, key=lambda label: (-counts[label], label))[:most]


class _Told:
    """Pass the first warnings on; the others are counted."""

    def __init__(self, warnings: Warnings) -> None:
        self._warnings = warnings
        self._number = 0

    def add(self, field: str, value: Any, code: str, used: Any = None) -> None:
        self._number += 1
        if self._number <= _MOST_WARNINGS:
            self._warnings.add(field, value, code, used)

    def finish(self) -> None:
        if self._number > _MOST_WARNINGS:
            self._warnings.add("boxes", self._number - _MOST_WARNINGS, MORE)


def _listed(value: Any) -> list[Any]:
    if isinstance(value, str) and value.lstrip().startswith("["):
        with suppress(ValueError, RecursionError):
            value = load_json(value)
    return value if isinstance(value, list) else []


def _is_meant(one: Any) -> bool:
    return isinstance(one, Mapping) and one.keys() >= _NEEDED


def _box(name: str, one: Any, told: _Told) -> Box | None:
    if not _is_meant(one):
        told.add(name, one, NOT_UNDERSTOOD)
        return None
    frame = read_count(one["frame"]).used
    sides = [read_fraction(one[side]).used for side in _SIDES]
    if frame is None or None in sides:
        told.add(name, one, NOT_UNDERSTOOD)
        return None
    x, y, w, h = sides
    left, top, right, bottom = (min(1.0, max(0.0, side)) for side in (x, y, x + w, y + h))
    place = [round(side, _DIGITS) for side in (left, top, right - left, bottom - top)]
    left, top, wide, tall = place
    if min(w, h, wide, tall) <= 0:
        told.add(name, one, OUTSIDE)
        return None
    if min(x, y) < -_TOLERANCE or max(x + w, y + h) > 1 + _TOLERANCE:
        told.add(name, one, CLAMPED, json.dumps(dict(zip(_SIDES, place, strict=True))))
    score = read_confidence(one.get("score"))
    if score.code is not None:
        told.add(f"{name}.score", one["score"], score.code)
    label = _named(name, "label", one.get("label"), LONGEST_LABEL, told)
    track = _named(name, "track", one.get("track"), LONGEST_TRACK, told)
    return Box(frame, left, top, wide, tall, label, score.used, track)


def _named(name: str, member: str, value: Any, longest: int, told: _Told) -> str | None:
    reading = read_name(value, longest)
    if reading.code is not None:
        told.add(f"{name}.{member}", value, reading.code, reading.used)
    used: str | None = reading.used
    return used
