"""Pictures of a bright square that moves over a dark ground, and the boxes around it."""

import struct
import zlib
from typing import Any

WIDTH, HEIGHT, SIDE = 320, 240, 48
_BRIGHT, _DARK = b"\xf0\xf0\xf0", b"\x20\x28\x30"


def corner(number: int) -> tuple[int, int]:
    """Return the left and the top side of a frame's square, in pixels."""
    return 8 + 11 * number, 16 + 7 * number


def square(number: int) -> bytes:
    """Return a frame as PNG."""
    left, top = corner(number)
    ground = _DARK * WIDTH
    line = _DARK * left + _BRIGHT * SIDE + _DARK * (WIDTH - left - SIDE)
    rows = (b"\0" + (line if top <= row < top + SIDE else ground) for row in range(HEIGHT))
    return _png(zlib.compress(b"".join(rows)))


def undecodable() -> bytes:
    """Return a PNG that is complete, and whose picture no decoder can read."""
    return _png(b"\0" * 200)


def box(number: int, frame: int | None = None, **more: Any) -> dict[str, Any]:
    """Return the box around the square of a frame; `frame`: its place, if it is another."""
    left, top = corner(number)
    return {
        "frame": number if frame is None else frame,
        "x": left / WIDTH,
        "y": top / HEIGHT,
        "w": SIDE / WIDTH,
        "h": SIDE / HEIGHT,
        **more,
    }


def _png(data: bytes) -> bytes:
    head = struct.pack(">2I5B", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )
