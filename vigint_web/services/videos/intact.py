"""Check stored files against their digests before they leave as evidence."""

import hashlib
import io
import json
import struct
import zipfile
import zlib
from enum import StrEnum
from errno import EINVAL
from typing import IO

from vigint_web.services.core.runtime import storage
from vigint_web.services.videos.frames_archive import MANIFEST, FrameEntry, directory_of, header_of

# A file is read completely before its first byte is sent up to this size; reading it twice is then
# a matter of a second. Of a larger one its length and, of images, the list of contents is checked.
READ_WHOLE = 256 * 1024 * 1024
_PIECE = 1024 * 1024
# The length of a comment; zipfile tolerates any, other programs do not.
_END = bytes(2)
# What zipfile and its parts raise for damaged archives.
_UNREADABLE = (
    *(zipfile.BadZipFile, EOFError, KeyError, NotImplementedError, RuntimeError),
    *(TypeError, ValueError, OverflowError, struct.error, zlib.error),
)


class Damage(StrEnum):
    """How a stored file differs from what was stored."""

    LENGTH = "length"
    DIGEST = "digest"
    UNREADABLE = "unreadable"
    MANIFEST = "manifest"
    CONTENTS = "contents"  # other images than the manifest lists, or of other sizes
    IMAGE = "image"  # one whose digest is not that of the manifest
    HEADERS = "headers"  # other bytes between and behind the images than those written


def file_damage(key: str, size: int, sha256: str) -> Damage | None:
    """Return how a stored file differs from what was stored, or None.

    Raises FileNotFoundError, and what the storage raises.
    """
    with storage().open(key) as file:
        if file.seek(0, io.SEEK_END) != size:
            return Damage.LENGTH
        file.seek(0)
        if size <= READ_WHOLE and _digest(file) != sha256:
            return Damage.DIGEST
    return None


def archive_damage(key: str, size: int, manifest_sha256: str) -> Damage | None:
    """Return how the stored images of an incident differ from those received, or None.

    The manifest must have its digest, which the audit trail has too, each image the one of the
    manifest, and what surrounds them must be what is written around them. Raises FileNotFoundError,
    and what the storage raises.
    """
    with storage().open(key) as raw:
        if raw.seek(0, io.SEEK_END) != size:
            return Damage.LENGTH
        # zipfile reads a few bytes at a time.
        file = io.BufferedReader(raw, 256 * 1024)  # type: ignore[type-var]  # both are unbuffered
        try:
            file.seek(max(0, size - len(_END)))
            if file.read() != _END:
                return Damage.UNREADABLE
            with zipfile.ZipFile(file) as archive:
                damage = _difference(archive, manifest_sha256)
                if damage is None and size <= READ_WHOLE:
                    damage = _difference_of_bytes(archive, file, manifest_sha256)
                return damage
        except (*_UNREADABLE, OSError) as error:
            # A damaged end record leads to before the beginning of the file. Other errors are the
            # disk's, some of which zipfile takes for damage.
            found = error if isinstance(error, OSError) else error.__context__
            if isinstance(found, OSError) and found.errno != EINVAL:
                raise found from None
            return Damage.UNREADABLE
        finally:
            file.detach()


def _difference(archive: zipfile.ZipFile, manifest_sha256: str) -> Damage | None:
    found = archive.infolist()
    if any(info.compress_type != zipfile.ZIP_STORED for info in found):
        return Damage.CONTENTS
    manifest = archive.read(MANIFEST)
    if hashlib.sha256(manifest).hexdigest() != manifest_sha256:
        return Damage.MANIFEST
    sizes = {entry.name: entry.size for entry in _entries(manifest)} | {MANIFEST: len(manifest)}
    if len(found) != len(sizes) or {info.filename: info.file_size for info in found} != sizes:
        return Damage.CONTENTS
    return None


def _difference_of_bytes(
    archive: zipfile.ZipFile, file: IO[bytes], manifest_sha256: str
) -> Damage | None:
    """Compare every byte of an archive, in their order, so that S3 is asked for them once."""
    entries = _entries(archive.read(MANIFEST))
    digests = {entry.name: entry.sha256 for entry in entries} | {MANIFEST: manifest_sha256}
    at = 0
    for info in archive.infolist():
        header = header_of(info)
        file.seek(at)
        if info.header_offset != at or file.read(len(header)) != header:
            return Damage.HEADERS
        with archive.open(info) as image:
            if _digest(image) != digests[info.filename]:
                return Damage.IMAGE
        at += len(header) + info.file_size
    file.seek(at)
    return None if file.read() == directory_of(archive.infolist()) else Damage.HEADERS


def _entries(manifest: bytes) -> list[FrameEntry]:
    return [FrameEntry(**item) for item in json.loads(manifest)]


def _digest(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while piece := file.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest()
