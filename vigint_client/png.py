"""PNG images with the standard library alone (W3C PNG, third edition)."""

import struct
import zlib

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Channels per pixel to PNG colour type: greyscale, RGB, RGBA (PNG section 11.2.1).
_COLOUR_TYPES = {1: 0, 3: 2, 4: 6}


def encode_png(pixels: bytes, width: int, height: int, channels: int) -> bytes:
    """Return 8-bit pixels as a PNG file.

    `pixels` has rows from the top, `channels` bytes a pixel: 1 grey, 3 RGB, 4 RGBA. Raises
    ValueError when the sizes do not match.
    """
    if channels not in _COLOUR_TYPES or width < 1 or height < 1:
        raise ValueError("a PNG needs at least one pixel and 1, 3 or 4 channels")
    stride = width * channels
    if len(pixels) != stride * height:
        raise ValueError(f"{len(pixels)} bytes are not {width}x{height} of {channels} channels")
    packer = zlib.compressobj(level=3)
    packed: list[bytes] = []
    for start in range(0, len(pixels), stride):
        packed.append(packer.compress(b"\x00"))
        packed.append(packer.compress(pixels[start : start + stride]))
    packed.append(packer.flush())
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    return b"".join(
        (_SIGNATURE, _chunk(b"IHDR", header), _chunk(b"IDAT", b"".join(packed)), _chunk(b"IEND"))
    )


def _chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
