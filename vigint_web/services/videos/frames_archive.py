"""Keep the frames of an incident as received, byte for byte, in one file with a manifest.

The file is a ZIP without compression (PKWARE APPNOTE 6.3.10, method 0): images are not
compressible, and any investigator can open it.
"""

import hashlib
import json
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

MANIFEST = "manifest.json"
_SUFFIXES = {b"\xff\xd8\xff": ".jpg", b"\x89PN": ".png"}


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
        manifest = json.dumps([asdict(entry) for entry in entries], indent=1).encode()
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
