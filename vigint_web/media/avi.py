"""Read the headers of an AVI, and check its index (Microsoft's AVI RIFF format)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

# The number of index entries that are compared with the file.
_COMPARED = 200
_RIGHT_SHARE = 0.9
_LONGEST_INDEX = 64 * 1024 * 1024
_MOST_CHUNKS = 10_000
_ENTRY = struct.Struct("<4sIII")
_STREAM = struct.Struct("<4s4s I HH I II II III")


@dataclass(frozen=True)
class AviHead:
    """The content of the headers.

    ``seconds`` is the announced length of the first stream of pictures; ``index_is_right`` is None
    where there is no index.
    """

    seconds: float | None = None
    index_is_right: bool | None = None


def read_avi(path: Path) -> AviHead:
    """Read the headers of an AVI and compare its index with the chunks it points to."""
    try:
        with path.open("rb") as file:
            return _read(file, path.stat().st_size)
    except struct.error:
        return AviHead()


def _read(file: BinaryIO, size: int) -> AviHead:
    seconds, data_at, right = None, None, None
    for name, at, length in _chunks(file, 12, size):
        kind = _at(file, at, 4) if name == b"LIST" else b""
        if kind == b"hdrl":
            seconds = _announced(file, at + 4, min(at + length, size))
        elif kind == b"movi":
            data_at = at
        elif name == b"idx1" and data_at is not None:
            right = _agrees(file, at, min(length, size - at, _LONGEST_INDEX), data_at)
            break
    return AviHead(seconds, right)


def _announced(file: BinaryIO, start: int, end: int) -> float | None:
    for name, at, length in _chunks(file, start, end):
        if name != b"LIST" or _at(file, at, 4) != b"strl":
            continue
        for inner, place, _ in _chunks(file, at + 4, min(at + length, end)):
            if inner != b"strh":
                continue
            header = _STREAM.unpack(_at(file, place, _STREAM.size))
            scale, rate, count = header[6], header[7], header[9]
            if header[0] == b"vids":
                return count * scale / rate if rate else None
    return None


def _agrees(file: BinaryIO, at: int, length: int, data_at: int) -> bool:
    """Return whether an index points to chunks, with offsets from the data or from the file's
    start.
    """
    entries = list(_ENTRY.iter_unpack(_at(file, at, length - length % 16)))
    step = max(1, len(entries) // _COMPARED)
    compared = [entry for entry in entries[::step] if entry[0] != b"rec "]
    best = 0
    for base in (data_at, 0):
        found = sum(
            _at(file, base + offset, 8) == name + struct.pack("<I", size)
            for name, _, offset, size in compared
        )
        best = max(best, found)
    return best >= len(compared) * _RIGHT_SHARE


def _chunks(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, position of the content and length of each consecutive chunk."""
    for _ in range(_MOST_CHUNKS):
        head = _at(file, start, 8)
        if start >= end or len(head) < 8:
            return
        name, length = struct.unpack("<4sI", head)
        yield name, start + 8, length
        start += 8 + length + length % 2


def _at(file: BinaryIO, place: int, length: int) -> bytes:
    file.seek(place)
    return file.read(length)
