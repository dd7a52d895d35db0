"""Tell whole pictures from broken ones by their structure, without decoding them."""

import re
import zlib
from dataclasses import dataclass
from typing import Literal

MAX_PIXELS = 64_000_000

Kind = Literal["jpeg", "png"]

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_JPEG_START = b"\xff\xd8"
# In entropy-coded data 0xFF is followed by a stuffed zero or a restart marker; anything else
# ends the scan (ITU-T T.81, B.1.1.5).
_NEXT_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
# Start-of-frame markers are 0xC0 to 0xCF but for three that share the range (T.81, table B.1).
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Baseline, extended sequential and progressive Huffman coding; what cameras make and ffmpeg reads.
_READABLE_HEADERS = frozenset({0xC0, 0xC1, 0xC2})
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_PADDING = b"\0 \t\r\n"
# Allowed bit depths for each colour type (W3C PNG, table 12).
_PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}


@dataclass(frozen=True)
class FrameInfo:
    """Kind of a picture and its size in pixels."""

    kind: Kind
    width: int
    height: int


class BrokenFrame(Exception):
    """A picture that is cut short, damaged or of no accepted kind."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def inspect_frame(data: bytes) -> FrameInfo:
    """Check that the bytes are one whole JPEG or PNG, and return its kind and size.

    A JPEG that is cut short decodes half grey without any error, so its end is looked for. The
    compressed data itself is not decoded. Raises `BrokenFrame`. Sources: ITU-T T.81 (JPEG),
    W3C PNG third edition.
    """
    if data.startswith(_PNG_SIGNATURE):
        info = _inspect_png(data)
    elif data.startswith(_JPEG_START):
        info = _inspect_jpeg(data)
    else:
        raise BrokenFrame("neither a JPEG nor a PNG")
    if info.width == 0 or info.height == 0:
        raise BrokenFrame("the picture has no width or height")
    if info.width * info.height > MAX_PIXELS:
        raise BrokenFrame(f"{info.width}x{info.height} pixels are too many")
    return info


def _inspect_jpeg(data: bytes) -> FrameInfo:
    info: FrameInfo | None = None
    scanned = False
    at = len(_JPEG_START)
    while True:
        marker, at = _jpeg_marker(data, at)
        if marker in _STANDALONE:
            continue
        if marker == _END_OF_IMAGE:
            break
        length = int.from_bytes(data[at : at + 2], "big")
        if length < 2 or at + length > len(data):
            raise BrokenFrame("the JPEG is cut short within a segment")
        if marker in _FRAME_HEADERS:
            if info is not None:
                raise BrokenFrame("the JPEG holds two frames")
            info = _jpeg_size(marker, data[at + 2 : at + length])
        at += length
        if marker == _START_OF_SCAN:
            if info is None:
                raise BrokenFrame("the JPEG has no frame header before its data")
            scanned = True
            found = _NEXT_MARKER.search(data, at)
            if found is None:
                raise BrokenFrame("the JPEG is cut short: its end marker is missing")
            at = found.start()
    if info is None or not scanned:
        raise BrokenFrame("the JPEG holds no picture data")
    if data[at:].strip(_PADDING):
        raise BrokenFrame("something follows the end of the JPEG")
    return info


def _jpeg_marker(data: bytes, at: int) -> tuple[int, int]:
    if data[at : at + 1] not in (b"\xff", b""):
        raise BrokenFrame("the JPEG is damaged: a marker is missing")
    while data[at : at + 1] == b"\xff":
        at += 1
    if at >= len(data):
        raise BrokenFrame("the JPEG is cut short: its end marker is missing")
    return data[at], at + 1


def _jpeg_size(marker: int, header: bytes) -> FrameInfo:
    if marker not in _READABLE_HEADERS:
        raise BrokenFrame("this JPEG coding (lossless, arithmetic or hierarchical) is not accepted")
    if len(header) < 6 or len(header) != 6 + 3 * header[5]:
        raise BrokenFrame("the JPEG's frame header is damaged")
    if header[0] != 8:
        raise BrokenFrame(f"a JPEG of {header[0]} bits is not accepted")
    height = int.from_bytes(header[1:3], "big")
    width = int.from_bytes(header[3:5], "big")
    return FrameInfo("jpeg", width, height)


def _inspect_png(data: bytes) -> FrameInfo:
    info: FrameInfo | None = None
    filled = False
    at = len(_PNG_SIGNATURE)
    view = memoryview(data)
    while True:
        length = int.from_bytes(data[at : at + 4], "big")
        name = data[at + 4 : at + 8]
        end = at + 12 + length
        if end > len(data):
            raise BrokenFrame("the PNG is cut short")
        if zlib.crc32(view[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            raise BrokenFrame("the PNG is damaged: a checksum is wrong")
        if info is None:
            if name != b"IHDR":
                raise BrokenFrame("the PNG does not begin with its header")
            info = _png_size(data[at + 8 : end - 4])
        filled = filled or (name == b"IDAT" and length > 0)
        at = end
        if name == b"IEND":
            break
    if not filled:
        raise BrokenFrame("the PNG holds no picture data")
    if data[at:].strip(_PADDING):
        raise BrokenFrame("something follows the end of the PNG")
    return info


def _png_size(header: bytes) -> FrameInfo:
    if len(header) != 13 or header[8] not in _PNG_DEPTHS.get(header[9], ()):
        raise BrokenFrame("the PNG's header is damaged")
    if header[10] or header[11] or header[12] > 1:
        raise BrokenFrame("the PNG's header names an unknown method")
    return FrameInfo("png", int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big"))
