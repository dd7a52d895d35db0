"""Check stored files against their digests before they leave as evidence."""

import hashlib
import io
import json
import zipfile
from enum import StrEnum
from typing import IO

from vigint_web.services.core.runtime import storage
from vigint_web.services.videos.frames_archive import MANIFEST, FrameEntry

# A file is read completely before its first byte is sent up to this size; reading it twice is then
# a matter of a second. Of a larger one its length and, of images, the list of contents is checked.
READ_WHOLE = 256 * 1024 * 1024
_PIECE = 1024 * 1024
# The length of a comment; zipfile tolerates any, other programs do not.
_END = bytes(2)
# What zipfile raises for damaged archives.
_UNREADABLE = (
    *(zipfile.BadZipFile, EOFError, KeyError, NotImplementedError, RuntimeError),
    *(TypeError, ValueError),
)


class Damage(StrEnum):
    """How a stored file differs from what was stored."""

    LENGTH = "length"
    DIGEST = "digest"
    UNREADABLE = "unreadable"
    MANIFEST = "manifest"
    CONTENTS = "contents"  # other images than the manifest lists, or of other sizes
    IMAGE = "image"  # one whose digest is not that of the manifest


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

    The manifest must have its digest, which the audit trail has too, and each image the one of the
    manifest. Raises FileNotFoundError, and what the storage raises.
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
                return _difference(archive, manifest_sha256, whole=size <= READ_WHOLE)
        except _UNREADABLE:
            return Damage.UNREADABLE
        finally:
            file.detach()


def _difference(archive: zipfile.ZipFile, manifest_sha256: str, *, whole: bool) -> Damage | None:
    manifest = archive.read(MANIFEST)
    if hashlib.sha256(manifest).hexdigest() != manifest_sha256:
        return Damage.MANIFEST
    entries = [FrameEntry(**item) for item in json.loads(manifest)]
    sizes = {entry.name: entry.size for entry in entries} | {MANIFEST: len(manifest)}
    found = archive.infolist()
    if len(found) != len(sizes) or {info.filename: info.file_size for info in found} != sizes:
        return Damage.CONTENTS
    for entry in entries if whole else []:
        with archive.open(entry.name) as image:
            if _digest(image) != entry.sha256:
                return Damage.IMAGE
    return None


def _digest(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while piece := file.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest()
