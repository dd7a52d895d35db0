"""Write an MP4 file (ISO/IEC 14496-12 and -14) with JPEG or PNG pictures as samples."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from vigint_client.staging import Slice

_TIMESCALE = 90_000
# Object types of ISO/IEC 14496-1, table 5: independent pictures.
_OBJECT_TYPES = {"jpeg": 0x6C, "png": 0x6D}
_MATRIX = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


@dataclass(frozen=True)
class Sample:
    """One encoded picture, and its display time in seconds."""

    content: bytes | Slice
    seconds: float

    def read(self) -> bytes:
        """Return the picture."""
        return self.content if isinstance(self.content, bytes) else self.content.read()


def write_mp4(file: BinaryIO, samples: Sequence[Sample], kind: str) -> None:
    """Write the pictures, which are all `jpeg` or all `png`; the size is that of the first.

    Raises ValueError when the first one's size cannot be read.
    """
    width, height = picture_size(samples[0].read())
    ticks = [max(1, round(sample.seconds * _TIMESCALE)) for sample in samples]
    file.write(_box(b"ftyp", b"isom\0\0\2\0isomiso2mp41"))
    start = file.tell()
    file.write(struct.pack(">I4sQ", 1, b"mdat", 0))
    sizes = []
    for sample in samples:
        data = sample.read()
        file.write(data)
        sizes.append(len(data))
    end = file.tell()
    file.seek(start + 8)
    file.write(struct.pack(">Q", end - start))
    file.seek(end)
    offset = start + 16
    file.write(_movie(width, height, ticks, sizes, offset, _OBJECT_TYPES[kind]))


def picture_size(data: bytes) -> tuple[int, int]:
    """Return width and height of a JPEG (ITU T.81, B.2.2) or PNG; raises ValueError."""
    if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return int(width), int(height)
    place = 2
    while place + 9 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:
            place += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[place + 5 : place + 9])
            return int(width), int(height)
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    raise ValueError("a picture does not say its size")


def _movie(
    width: int, height: int, ticks: list[int], sizes: list[int], offset: int, object_type: int
) -> bytes:
    duration = sum(ticks)
    header = _full(b"mvhd", 1, struct.pack(">QQIQ", 0, 0, _TIMESCALE, duration)
                   + struct.pack(">iHH8x", 0x10000, 0x100, 0) + _MATRIX + bytes(24)
                   + struct.pack(">I", 2))  # fmt: skip
    track = _full(b"tkhd", 1, struct.pack(">QQI4xQ8xhhH2x", 0, 0, 1, duration, 0, 0, 0)
                  + _MATRIX + struct.pack(">II", width << 16, height << 16), flags=3)  # fmt: skip
    media = _box(
        b"mdia",
        _full(b"mdhd", 1, struct.pack(">QQIQHH", 0, 0, _TIMESCALE, duration, 0x55C4, 0))
        + _full(b"hdlr", 0, struct.pack(">4x4s12x", b"vide") + b"pictures\0")
        + _box(b"minf", _full(b"vmhd", 0, bytes(8), flags=1) + _references()
               + _table(width, height, ticks, sizes, offset, object_type)),
    )  # fmt: skip
    return _box(b"moov", header + _box(b"trak", track + media))


def _references() -> bytes:
    here = _full(b"url ", 0, b"", flags=1)
    return _box(b"dinf", _full(b"dref", 0, struct.pack(">I", 1) + here))


def _table(
    width: int, height: int, ticks: list[int], sizes: list[int], offset: int, object_type: int
) -> bytes:
    decoder = bytes([0x04, 13, object_type, 0x11]) + bytes(11)
    stream = bytes([0x03, 3 + len(decoder) + 3, 0, 1, 0]) + decoder + bytes([0x06, 1, 2])
    entry = (
        struct.pack(">6xH16xHHII4xH", 1, width, height, 0x480000, 0x480000, 1)
        + bytes(32) + struct.pack(">Hh", 24, -1) + _full(b"esds", 0, stream)
    )  # fmt: skip
    times = b"".join(struct.pack(">II", 1, tick) for tick in ticks)
    chunk = struct.pack(">IIII", 1, 1, len(sizes), 1)
    return _box(
        b"stbl",
        _full(b"stsd", 0, struct.pack(">I", 1) + _box(b"mp4v", entry))
        + _full(b"stts", 0, struct.pack(">I", len(ticks)) + times)
        + _full(b"stsc", 0, chunk)
        + _full(b"stsz", 0, struct.pack(f">II{len(sizes)}I", 0, len(sizes), *sizes))
        + _full(b"stco", 0, struct.pack(">II", 1, offset)),
    )


def _full(kind: bytes, version: int, content: bytes, *, flags: int = 0) -> bytes:
    return _box(kind, struct.pack(">I", version << 24 | flags) + content)


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content
