"""Find the complete picture in a camera's frame, by its structure, without decoding it.

A frame's bytes are untrusted: they are scanned once from front to back, in a bounded number of
steps, so that the time grows linearly with their length and is short for the longest.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from vigint_web.media import exif

MAX_PIXELS = 64_000_000
# Segments, markers and chunks of one frame. A progressive JPEG has about a hundred, a PNG one for
# each 8 KiB with the usual libraries: 10,000 take some milliseconds.
MOST_STEPS = 10_000

Kind = Literal["jpeg", "png"]

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_JPEG_START = b"\xff\xd8"
# The possible starts of a picture: entropy-coded data contains neither. All patterns here have a
# fixed length, so a search reads each byte once.
_ANY_START = re.compile(rb"\xff\xd8[\x00\xff]|\x89PNG\r\n\x1a\n")
# In entropy-coded data 0xFF is followed by a stuffed zero or a restart marker; anything else
# ends the scan (ITU-T T.81, B.1.1.5). Of several 0xFF the last one begins the marker.
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_ANY_MARKER = re.compile(rb"\xff[^\x00\xff]")
# Start-of-frame markers are 0xC0 to 0xCF but for three that share the range (T.81, table B.1).
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Baseline, extended sequential and progressive Huffman coding; what cameras make and ffmpeg reads.
_READABLE_HEADERS = frozenset({0xC0, 0xC1, 0xC2})
_START_OF_IMAGE, _END_OF_IMAGE, _START_OF_SCAN, _APP1 = 0xD8, 0xD9, 0xDA, 0xE1
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
# Markers of segments with a length, which may follow the start of an image.
_SEGMENTS = frozenset({*range(0xC0, 0xD0), *range(0xDA, 0xFF)})
# Cameras pad segments with zeros, and decoders skip a few odd bytes between them.
_PADDING = b"\0\xff"
_MOST_ODD_BYTES = 64
_EXIF = b"Exif\0"
# Allowed bit depths for each colour type (W3C PNG, table 12).
_PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}


@dataclass(frozen=True)
class FrameInfo:
    """Kind of a picture, its size in pixels as stored, and its orientation.

    ``orientation`` is that of EXIF, 1 to 8.
    """

    kind: Kind
    width: int
    height: int
    orientation: int = exif.UPRIGHT

    @property
    def shown_size(self) -> tuple[int, int]:
        """Return width and height in pixels of the picture as displayed."""
        if self.orientation in exif.SIDEWAYS:
            return self.height, self.width
        return self.width, self.height


@dataclass(frozen=True)
class Picture:
    """A complete picture within a frame: its facts, and the positions of its bytes, as (start,
    end).
    """

    info: FrameInfo
    pieces: tuple[tuple[int, int], ...]

    def taken_from(self, data: bytes) -> bytes:
        """Return the bytes of the picture alone, without padding, and without its EXIF.

        Decoders differ in whether they rotate a picture by its EXIF; without EXIF they cannot, so
        that `FrameInfo.orientation` is applied exactly once.
        """
        return b"".join(data[start:end] for start, end in self.pieces)


class BrokenFrame(Exception):
    """A frame without a complete picture of an accepted kind."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Elsewhere(Exception):
    """No complete picture begins here; another may begin at ``at`` or later."""

    def __init__(self, at: int, reason: str | None = None) -> None:
        super().__init__(reason)
        self.at = at
        self.reason = reason


class _Steps:
    """Count the steps of parsing a frame, to keep them bounded."""

    def __init__(self) -> None:
        self._left = MOST_STEPS

    def take(self) -> None:
        if self._left == 0:
            raise BrokenFrame(f"the frame has more than {MOST_STEPS} segments or chunks")
        self._left -= 1


def inspect_frame(data: bytes) -> FrameInfo:
    """Return the kind, size and orientation of a frame's picture; raises `BrokenFrame`."""
    return find_picture(data).info


def find_picture(data: bytes) -> Picture:
    """Find the first complete JPEG or PNG in the bytes of a frame.

    Bytes before and after it are skipped: boundaries of multipart streams, headers of recorders,
    remains of a camera's buffer, further pictures. A truncated JPEG decodes half grey without any
    error, so its end is searched for; where another one begins before that, the other one is used.
    A thumbnail within a picture's EXIF is never taken for the picture. The compressed data itself
    is not decoded. Raises `BrokenFrame`. Sources: ITU-T T.81 (JPEG), W3C PNG third edition.
    """
    steps = _Steps()
    reason = "neither a JPEG nor a PNG"
    at = 0
    while (found := _ANY_START.search(data, at)) is not None:
        steps.take()
        walk = _walk_png if found[0] == _PNG_SIGNATURE else _walk_jpeg
        try:
            picture = walk(data, found.start(), steps)
        except _Elsewhere as other:
            at, reason = other.at, other.reason or reason
            continue
        info = picture.info
        if info.width == 0 or info.height == 0:
            raise BrokenFrame("the picture has no width or height")
        if info.width * info.height > MAX_PIXELS:
            raise BrokenFrame(f"{info.width}x{info.height} pixels are too many")
        return picture
    raise BrokenFrame(reason)


class _Pieces:
    """Collect the positions of a picture's bytes, in their order; merge adjacent ones."""

    def __init__(self, start: int, end: int) -> None:
        self._closed: list[tuple[int, int]] = []
        self._start, self._end = start, end

    def add(self, start: int, end: int) -> None:
        if start != self._end:
            self._closed.append((self._start, self._end))
            self._start = start
        self._end = end

    def all(self) -> tuple[tuple[int, int], ...]:
        return (*self._closed, (self._start, self._end))


class _Jpeg:
    """The parsed facts of a JPEG so far."""

    def __init__(self, start: int) -> None:
        self.pieces = _Pieces(start, start + len(_JPEG_START))
        self.size: tuple[int, int] | None = None
        self.orientation: int | None = None
        self.scanned = False

    def finish(self) -> Picture:
        if self.size is None or not self.scanned:
            raise BrokenFrame("the JPEG holds no picture data")
        orientation = self.orientation or exif.UPRIGHT
        return Picture(FrameInfo("jpeg", *self.size, orientation), self.pieces.all())

    def take(self, marker: int, content: bytes) -> bool:
        """Evaluate a segment; return whether it is part of the picture alone."""
        if marker in _FRAME_HEADERS:
            if self.size is not None:
                raise BrokenFrame("the JPEG holds two frames")
            self.size = _jpeg_size(marker, content)
        if marker == _START_OF_SCAN:
            if self.size is None:
                raise BrokenFrame("the JPEG has no frame header before its data")
            self.scanned = True
        if marker == _APP1 and content.startswith(_EXIF):
            self.orientation = self.orientation or exif.orientation(content[len(_EXIF) + 1 :])
            return False
        return True


def _walk_jpeg(data: bytes, start: int, steps: _Steps) -> Picture:
    jpeg = _Jpeg(start)
    at = start + len(_JPEG_START)
    if not _begins_a_segment(data, at):
        raise _Elsewhere(at)
    for _ in _counted(steps):
        marker, began = _jpeg_marker(data, at)
        at = began + 2
        if marker == _START_OF_IMAGE:
            if not jpeg.scanned:
                raise BrokenFrame("the JPEG is damaged: another one begins in its headers")
            raise _Elsewhere(began, "the JPEG is cut short: another one begins before its end")
        if marker in _STANDALONE:
            jpeg.pieces.add(began, at)
            continue
        if marker == _END_OF_IMAGE:
            jpeg.pieces.add(began, at)
            return jpeg.finish()
        length = int.from_bytes(data[at : at + 2], "big")
        if length < 2 or at + length > len(data):
            raise BrokenFrame("the JPEG is cut short within a segment")
        belongs = jpeg.take(marker, data[at + 2 : at + length])
        at += length
        if marker == _START_OF_SCAN:
            found = _NEXT_MARKER.search(data, at)
            if found is None:
                raise BrokenFrame("the JPEG is cut short: its end marker is missing")
            at = found.start()
        if belongs:
            jpeg.pieces.add(began, at)
    raise AssertionError("counting ends by an exception")


def _begins_a_segment(data: bytes, at: int) -> bool:
    """Return whether a segment follows, with only padding before it."""
    found = _ANY_MARKER.search(data, at)
    if found is None or data[at : found.start()].strip(_PADDING):
        return False
    return data[found.start() + 1] in _SEGMENTS


def _counted(steps: _Steps) -> Iterator[None]:
    while True:
        steps.take()
        yield


def _jpeg_marker(data: bytes, at: int) -> tuple[int, int]:
    """Return the next marker and its position; a little padding may precede it."""
    found = _ANY_MARKER.search(data, at)
    if found is None:
        raise BrokenFrame("the JPEG is cut short: its end marker is missing")
    if len(data[at : found.start()].strip(_PADDING)) > _MOST_ODD_BYTES:
        raise BrokenFrame("the JPEG is damaged: a marker is missing")
    return data[found.start() + 1], found.start()


def _jpeg_size(marker: int, header: bytes) -> tuple[int, int]:
    if marker not in _READABLE_HEADERS:
        raise BrokenFrame("this JPEG coding (lossless, arithmetic or hierarchical) is not accepted")
    if len(header) < 6 or len(header) != 6 + 3 * header[5]:
        raise BrokenFrame("the JPEG's frame header is damaged")
    if header[0] != 8:
        raise BrokenFrame(f"a JPEG of {header[0]} bits is not accepted")
    return int.from_bytes(header[3:5], "big"), int.from_bytes(header[1:3], "big")


def _walk_png(data: bytes, start: int, steps: _Steps) -> Picture:
    at = start + len(_PNG_SIGNATURE)
    if data[at : at + 8] != b"\0\0\0\x0dIHDR":
        raise _Elsewhere(at)
    pieces = _Pieces(start, at)
    size: tuple[int, int] | None = None
    turned: int | None = None
    filled = False
    view = memoryview(data)
    for _ in _counted(steps):
        length = int.from_bytes(data[at : at + 4], "big")
        name = data[at + 4 : at + 8]
        end = at + 12 + length
        if end > len(data):
            raise BrokenFrame("the PNG is cut short")
        if zlib.crc32(view[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            raise BrokenFrame("the PNG is damaged: a checksum is wrong")
        content = slice(at + 8, end - 4)
        size = size or _png_size(data[content])
        filled = filled or (name == b"IDAT" and length > 0)
        if name == b"eXIf":
            turned = turned or exif.orientation(data[content])
        else:
            pieces.add(at, end)
        at = end
        if name == b"IEND":
            if not filled:
                raise BrokenFrame("the PNG holds no picture data")
            return Picture(FrameInfo("png", *size, turned or exif.UPRIGHT), pieces.all())
    raise AssertionError("counting ends by an exception")


def _png_size(header: bytes) -> tuple[int, int]:
    if len(header) != 13 or header[8] not in _PNG_DEPTHS.get(header[9], ()):
        raise BrokenFrame("the PNG's header is damaged")
    if header[10] or header[11] or header[12] > 1:
        raise BrokenFrame("the PNG's header names an unknown method")
    return int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
