"""Generated footage of an incident, for trying a server without a camera.

A loading bay at night: a person walks through the light, followed by the detector's box.
"""

import base64
from functools import cache
from typing import Any

from vigint_client.png import encode_png

WIDTH, HEIGHT = 640, 480
INTERVAL = 0.1

_HORIZON = 300
_SKY, _WALL = (15, 22, 34), (43, 55, 70)
_NEAR, _FAR = (66, 74, 84), (38, 46, 56)
_GLOW = (255, 214, 140)
_DOOR, _SLAT, _FRAME = (92, 104, 116), (74, 86, 98), (28, 36, 46)
_WOOD, _WOOD_SHADE = (134, 98, 62), (98, 70, 44)
_COAT, _TROUSERS, _SKIN, _BAG = (34, 38, 48), (22, 25, 32), (196, 160, 130), (120, 40, 36)
_SHADOW, _BOX, _LIVE = (26, 31, 38), (255, 148, 60), (226, 58, 48)

Colour = tuple[int, int, int]


def draw_incident(number: int, start: float) -> list[dict[str, Any]]:
    """Return frames of a person walking through a loading bay, as a detector posts them.

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
    canvas = bytearray(_bay())
    progress = index / max(1, number - 1)
    x = 40 + round(progress * (WIDTH - 120))
    _draw_walker(canvas, x, 392, index)
    _outline(canvas, x - 44, 218, 88, 196, _BOX)
    if index % 10 < 6:
        _disc(canvas, 28, 28, 7, _LIVE)
    _fill(canvas, 0, HEIGHT - 6, round(progress * WIDTH), 6, _BOX)
    return encode_png(bytes(canvas), WIDTH, HEIGHT, 3)


@cache
def _bay() -> bytes:
    canvas = bytearray(WIDTH * HEIGHT * 3)
    for row in range(HEIGHT):
        if row < _HORIZON:
            shade = _mix(_SKY, _WALL, row / _HORIZON)
        else:
            shade = _mix(_FAR, _NEAR, (row - _HORIZON) / (HEIGHT - _HORIZON))
        _fill(canvas, 0, row, WIDTH, 1, shade)
    _draw_door(canvas, 360, 96)
    _draw_lamp(canvas, 180, 60)
    for left, top in ((52, 238), (52, 190), (112, 238)):
        _draw_crate(canvas, left, top)
    return bytes(canvas)


def _draw_lamp(canvas: bytearray, x: int, y: int) -> None:
    """Draw a lamp, its cone of light on the wall, and the pool of it on the ground."""
    for row in range(y, _HORIZON):
        half = 12 + (row - y) * 150 // (_HORIZON - y)
        _light(canvas, x - half, row, 2 * half, 0.20 * (1 - (row - y) / 420))
    for row in range(_HORIZON, HEIGHT - 40):
        depth = (row - _HORIZON) / (HEIGHT - 40 - _HORIZON)
        half = round(230 * (1 - (2 * depth - 0.7) ** 2 / 2.2))
        _light(canvas, x + 40 - half, row, 2 * half, 0.16 * (1 - depth))
    _fill(canvas, x - 20, y - 12, 40, 10, _FRAME)
    _fill(canvas, x - 14, y - 2, 28, 5, _GLOW)


def _draw_door(canvas: bytearray, left: int, top: int) -> None:
    width, height = 220, _HORIZON - top
    _fill(canvas, left - 10, top - 10, width + 20, height + 10, _FRAME)
    for row in range(height):
        shade = _SLAT if row % 14 < 3 else _DOOR
        _fill(canvas, left, top + row, width, 1, _mix(shade, _SKY, 0.35 * row / height))
    for stripe in range(0, width, 44):
        _fill(canvas, left + stripe, _HORIZON - 12, 22, 12, (196, 150, 40))


def _draw_crate(canvas: bytearray, left: int, top: int) -> None:
    _fill(canvas, left, top, 56, 46, _WOOD)
    for board in (0, 15, 30, 44):
        _fill(canvas, left, top + board, 56, 2, _WOOD_SHADE)
    _fill(canvas, left, top, 3, 46, _WOOD_SHADE)
    _fill(canvas, left + 53, top, 3, 46, _WOOD_SHADE)


def _draw_walker(canvas: bytearray, x: int, feet: int, index: int) -> None:
    """Draw a person in mid-stride; the stride repeats every eight frames."""
    swing = (0, 8, 15, 8, 0, -8, -15, -8)[index % 8]
    bob = abs(swing) // 8
    for row in range(-7, 8):
        half = round(46 * (1 - (row / 8) ** 2) ** 0.5)
        _fill(canvas, x - half, feet + row, 2 * half, 1, _SHADOW)
    hip = feet - 78 - bob
    for step, shade in ((swing, _TROUSERS), (-swing, (30, 34, 42))):
        for row in range(78 + bob):
            shift = round(step * row / 78)
            _fill(canvas, x - 9 + shift, hip + row, 17, 1, shade)
        _fill(canvas, x - 10 + step, feet - 6, 24, 7, _TROUSERS)
    for row in range(66):
        half = 22 - row * 4 // 66
        _fill(canvas, x - half, hip - 62 + row, 2 * half, 1, _COAT)
    _fill(canvas, x - 30 - swing // 2, hip - 20, 22, 34, _BAG)
    _disc(canvas, x + 2, hip - 78, 16, _SKIN)
    _disc(canvas, x - 1, hip - 83, 15, _COAT)


def _mix(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _light(canvas: bytearray, left: int, row: int, width: int, share: float) -> None:
    """Blend a part of a row with the colour of the lamp."""
    first, last = max(0, left), min(WIDTH, left + width)
    if last <= first or share <= 0:
        return
    # A row may contain the door: each pixel keeps its own base colour.
    for x in range(first, last):
        start = (row * WIDTH + x) * 3
        below: Colour = (canvas[start], canvas[start + 1], canvas[start + 2])
        canvas[start : start + 3] = bytes(_mix(below, _GLOW, share))


def _outline(
    canvas: bytearray, left: int, top: int, width: int, height: int, colour: Colour
) -> None:
    for offset in (0, height - 3):
        _fill(canvas, left, top + offset, width, 3, colour)
    for offset in (0, width - 3):
        _fill(canvas, left + offset, top, 3, height, colour)


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
