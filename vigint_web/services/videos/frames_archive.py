"""Keep the frames of an incident as received, byte for byte, in one file with a manifest.

The file is a ZIP without compression (PKWARE APPNOTE 6.3.10, method 0): images are not
compressible, and any investigator can open it.
"""

import hashlib
import json
import struct
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

MANIFEST = "manifest.json"
_SUFFIXES = {b"\xff\xd8\xff": ".jpg", b"\x89PN": ".png"}
# APPNOTE 4.3.7, 4.3.12 and 4.3.16.
_HEADER = struct.Struct("<4s5H3L2H")
_IN_DIRECTORY = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_VERSION = 20
_ON_UNIX = 3 << 8 | _VERSION
_1980_01_01 = 0x21
_MODE = 0o600 << 16


@dataclass(frozen=True)
class FrameEntry:
    """One frame as received; timestamp in epoch seconds."""

    name: str
    sha256: str
    size: int
    timestamp: float | None
    zone_assumed: bool
    frame_count: int | None


class FramesArchiveWriter:
    """Write frames as they arrive, with only the current one in memory."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, strict_timestamps=False)
        self._entries: list[tuple[str, str, int]] = []

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def digests(self) -> list[str]:
        """Return the SHA-256 of every frame so far."""
        return [digest for _, digest, _ in self._entries]

    def add(self, data: bytes) -> None:
        """Append one frame with any content; raises OSError on a full disk."""
        name = f"{len(self._entries) + 1:06d}{_SUFFIXES.get(data[:3], '.bin')}"
        # A fixed date: the manifest has the times, and the file depends on its content alone.
        self._zip.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
        self._entries.append((name, hashlib.sha256(data).hexdigest(), len(data)))

    def finish(self, times: list[tuple[float | None, bool]], frame_counts: list[int | None]) -> str:
        """Write the manifest, close the file, return the manifest's SHA-256."""
        entries = [
            FrameEntry(name, digest, size, seconds, assumed, count)
            for (name, digest, size), (seconds, assumed), count in zip(
                self._entries, times, frame_counts, strict=True
            )
        ]
        manifest = json.dumps([vars(entry) for entry in entries], indent=1).encode()
        self._zip.writestr(zipfile.ZipInfo(MANIFEST, (1980, 1, 1, 0, 0, 0)), manifest)
        self._zip.close()
        return hashlib.sha256(manifest).hexdigest()

    def abandon(self) -> None:
        """Close the file without a manifest."""
        try:
            self._zip.close()
        except OSError:
            return  # a full disk refuses the closing bytes; the draft is removed anyway


class FramesArchive:
    """Read an archive."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path)
        self.entries = [FrameEntry(**item) for item in json.loads(self._zip.read(MANIFEST))]

    def __enter__(self) -> "FramesArchive":
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def write_manifest(self, path: Path) -> None:
        """Write the manifest to a file of its own, byte for byte."""
        path.write_bytes(self._zip.read(MANIFEST))

    def loader(self, entry: FrameEntry) -> Callable[[], bytes]:
        """Return a function that reads one frame's bytes on demand."""
        return lambda: self._zip.read(entry.name)


def header_of(info: zipfile.ZipInfo) -> bytes:
    """Return what is written before a file of an archive below 2 GiB."""
    name = info.filename.encode()
    return _HEADER.pack(b"PK\3\4", _VERSION, *_about(info, name)) + name


def directory_of(infos: Sequence[zipfile.ZipInfo]) -> bytes:
    """Return what is written behind all files of an archive below 2 GiB."""
    directory, at = b"", 0
    for info in infos:
        name = info.filename.encode()
        about = _about(info, name)
        places = (0, 0, 0, _MODE, at)
        directory += _IN_DIRECTORY.pack(b"PK\1\2", _ON_UNIX, _VERSION, *about, *places) + name
        at += len(header_of(info)) + info.file_size
    count = len(infos)
    return directory + _END.pack(b"PK\5\6", 0, 0, count, count, len(directory), at, 0)


def _about(info: zipfile.ZipInfo, name: bytes) -> tuple[int, ...]:
    """Return flags, method, time, date, checksum, both sizes, the lengths of name and extras."""
    size = info.file_size
    return 0, zipfile.ZIP_STORED, 0, _1980_01_01, info.CRC, size, size, len(name), 0
