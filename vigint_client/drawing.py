"""Drawn footage of an incident, for trying a server without a camera."""

import base64
from typing import Any

from vigint_client.png import encode_png

WIDTH, HEIGHT = 640, 480
INTERVAL = 0.1
_FLOOR = 330
_WALL, _GROUND, _SHELF = (205, 210, 214), (120, 110, 98), (150, 96, 52)
_COAT, _HEAD, _LEGS, _BAR = (30, 60, 120), (225, 180, 150), (40, 40, 45), (200, 30, 30)

Colour = tuple[int, int, int]


def draw_incident(number: int, start: float) -> list[dict[str, Any]]:
    """Return frames of a figure that walks past a shelf, as a detector posts them.

    `number` PNG frames of 640x480, 100 ms apart from `start` (epoch seconds).
    """
    return [
        {
            "frame_data": base64.b64encode(draw_frame(index, number)).decode("ascii"),
            "frame_count": index + 1,
            "timestamp": round(start + index * INTERVAL, 3),
        }
        for index in range(number)
    ]


def draw_frame(index: int, number: int) -> bytes:
    """Return frame `index` of `number` as PNG."""
    canvas = bytearray(
        bytes(_WALL) * (WIDTH * _FLOOR) + bytes(_GROUND) * (WIDTH * (HEIGHT - _FLOOR))
    )
    for shelf in range(4):
        _fill(canvas, 380, 120 + 55 * shelf, 220, 12, _SHELF)
    progress = index / max(1, number - 1)
    left = 30 + round(progress * 500)
    stride = 14 if index % 8 < 4 else -14
    _fill(canvas, left + 14 + stride, 330, 16, 90, _LEGS)
    _fill(canvas, left + 30 - stride, 330, 16, 90, _LEGS)
    _fill(canvas, left, 200, 60, 135, _COAT)
    _disc(canvas, left + 30, 170, 28, _HEAD)
    _fill(canvas, 0, HEIGHT - 10, round(progress * WIDTH), 10, _BAR)
    return encode_png(bytes(canvas), WIDTH, HEIGHT, 3)


def _fill(canvas: bytearray, left: int, top: int, width: int, height: int, colour: Colour) -> None:
    first, last = max(0, left), min(WIDTH, left + width)
    if last <= first:
        return
    line = bytes(colour) * (last - first)
    for row in range(max(0, top), min(HEIGHT, top + height)):
        start = (row * WIDTH + first) * 3
        canvas[start : start + len(line)] = line


def _disc(canvas: bytearray, x: int, y: int, radius: int, colour: Colour) -> None:
    for row in range(-radius, radius + 1):
        half = int((radius * radius - row * row) ** 0.5)
        _fill(canvas, x - half, y + row, 2 * half + 1, 1, colour)
