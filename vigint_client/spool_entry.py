"""One spooled alert as one file: the frames, then their description, then a seal.

The frames come first because they are written before their number is known. A file without a
complete seal is no entry.
"""

import datetime as dt
import hashlib
import json
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from typing import Any

from vigint_client.frames import Frame, FrameBatch
from vigint_client.posting import Posting
from vigint_client.staging import ByteStore, Slice

_MAGIC = b"VIGINT-ALERT-1\n"
# Length of the description, its SHA-256, and the end mark.
_SEAL = struct.Struct(">Q32s16s")
_END = b"VIGINT-ALERT-END"
_LONGEST_NOTES = 64 * 1024 * 1024
_DAMAGES = (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error)


class CorruptEntry(Exception):
    """The content of a file of the spool is damaged."""


@dataclass(frozen=True)
class Kept:
    """A spooled alert: the request, its target, and the time of the call.

    `target` identifies the server and the key it was made for; None if they are unknown.
    `kept_since` is when it was written to disk; None before.
    """

    posting: Posting
    called_at: dt.datetime
    alert_type: str
    target: str | None
    kept_since: dt.datetime | None = None

    @property
    def size(self) -> int:
        """Its approximate size on disk in bytes."""
        return self.posting.batch.size + 64 * len(self.posting.batch.frames) + 16 * 1024


def write_entry(file: FileIO, kept: Kept) -> None:
    """Write an entry; the caller syncs and publishes. Raises OSError."""
    store = ByteStore(file)
    store.append(_MAGIC)
    places: list[tuple[int, int, int]] = []
    for frame in kept.posting.batch.frames:
        offset, crc = store.end, 0
        for chunk in frame.chunks():
            store.append(chunk)
            crc = zlib.crc32(chunk, crc)
        places.append((offset, store.end - offset, crc))
    notes = json.dumps(
        {
            "key": kept.posting.key,
            "document": kept.posting.document,
            "left_out": kept.posting.batch.left_out,
            "called_at": kept.called_at.isoformat(),
            "alert_type": kept.alert_type,
            "target": kept.target,
            "kept_since": (kept.kept_since or dt.datetime.now(dt.UTC)).isoformat(),
            "frames": places,
            "clip": next((frame.clip for frame in kept.posting.batch.frames), None),
        }
    ).encode()
    store.append(notes)
    store.append(_SEAL.pack(len(notes), hashlib.sha256(notes).digest(), _END))


def read_entry(file: FileIO) -> Kept:
    """Read an entry; its frames stay in the file, and damaged ones are skipped.

    Raises CorruptEntry.
    """
    try:
        return _read(file)
    except _DAMAGES as why:
        raise CorruptEntry(f"the file is damaged ({why})") from None


def read_risk(file: FileIO) -> str:
    """Read the risk of an entry without its frames; empty if it has none.

    Raises CorruptEntry.
    """
    try:
        notes, _store = _read_notes(file)
        return str(notes["document"]["incident_data"].get("risk_level") or "")
    except _DAMAGES as why:
        raise CorruptEntry(f"the file is damaged ({why})") from None


def _read(file: FileIO) -> Kept:
    notes, store = _read_notes(file)
    document: dict[str, Any] = notes["document"]
    stamps = document.get("timestamps")
    frames = list(_frames(store, notes["frames"], stamps, notes.get("clip")))
    whole = tuple(frame for frame in frames if frame is not None)
    if "timestamps" in document:
        document["timestamps"] = [frame.timestamp for frame in whole]
    left_out = int(notes["left_out"]) + len(frames) - len(whole)
    posting = Posting(str(notes["key"]), document, FrameBatch(whole, left_out))
    called_at = dt.datetime.fromisoformat(notes["called_at"])
    # An earlier version stored only the time of the call, which is slightly earlier.
    since = dt.datetime.fromisoformat(notes.get("kept_since") or notes["called_at"])
    return Kept(posting, called_at, str(notes["alert_type"]), notes["target"], since)


def _read_notes(file: FileIO) -> tuple[dict[str, Any], ByteStore]:
    end = file.seek(0, os.SEEK_END)
    store = ByteStore(file, end)
    size, digest, mark = _SEAL.unpack(store.read(max(0, end - _SEAL.size), _SEAL.size))
    if mark != _END or not 0 < size <= _LONGEST_NOTES:
        raise ValueError("its end is missing")
    text = store.read(end - _SEAL.size - size, size)
    if hashlib.sha256(text).digest() != digest:
        raise ValueError("its facts were changed")
    notes: dict[str, Any] = json.loads(text)
    return notes, store


def _frames(
    store: ByteStore, places: list[list[int]], timestamps: list[Any] | None, clip: str | None
) -> Iterator[Frame | None]:
    for number, (offset, size, checksum) in enumerate(places):
        content = Slice(store, offset, size)
        try:
            crc = 0
            for chunk in content.chunks():
                crc = zlib.crc32(chunk, crc)
        except OSError:
            yield None
            continue
        timestamp = timestamps[number] if timestamps else None
        yield Frame(content, timestamp, clip=clip) if crc == checksum else None
