"""Write and verify backup files: a tar of the installation's files, with a manifest of hashes.

The manifest comes last, because the hashes are known once the files are written; a truncated file
has none. Names are few and known in advance, so that nothing can be unpacked elsewhere.
"""

import hashlib
import json
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Self

from vigint_web.errors import CommandRefused, VigintError
from vigint_web.services.operations.bounded_tar import BoundedTarInfo, is_mostly_holes, is_plain
from vigint_web.services.operations.manifests import (
    DATABASES,
    FORMAT,
    HEAD,
    MANIFEST,
    MEDIA,
    OUTBOX,
    SEAL,
    SECRET_KEY,
    MalformedError,
    Manifest,
    NewerFormatError,
    Stored,
    is_file_name,
    read_head,
    read_manifest,
)

__all__ = [
    "DATABASES",
    "MEDIA",
    "OUTBOX",
    "SECRET_KEY",
    "Archive",
    "ArchiveWriter",
    "Manifest",
    "NotABackup",
    "Progress",
    "copy_checked",
]

_CHUNK = 1024 * 1024
_LONGEST_DOCUMENT = 64 * 1024
# Bytes of the manifest per file: far more than an entry takes.
_LONGEST_ENTRY = 1024

Progress = Callable[[int], None]


class NotABackup(CommandRefused):
    """Explain in a sentence why a file is not a usable backup."""


class ArchiveWriter:
    """Write a backup to an open file, member by member."""

    def __init__(self, file: IO[bytes], progress: Progress) -> None:
        self._tar = tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - `finish` closes it
        self._progress = progress
        self.files: dict[str, Stored] = {}

    def head(self, created_at: str, dialect: str, revision: str | None) -> None:
        """Write the type of the backup; it comes first."""
        fields = {"format": FORMAT, "created_at": created_at}
        self.add_bytes(HEAD, _json({**fields, "dialect": dialect, "revision": revision}))

    def add_bytes(self, name: str, data: bytes) -> None:
        """Write a small file."""
        self.add(name, BytesIO(data), len(data), 0.0)

    def add(self, name: str, source: IO[bytes], size: int, modified: float) -> Stored:
        """Write a file of that size; raises OSError when it is shorter."""
        _check_name(name)
        reader = _Hashing(source, self._progress)
        self._tar.addfile(_member(name, size, modified), reader)
        self.files[name] = Stored(size, reader.sha256)
        return self.files[name]

    def finish(self, rows: dict[str, int], gone: list[str]) -> None:
        """Write the manifest and the archive's end."""
        files = {name: [stored.size, stored.sha256] for name, stored in self.files.items()}
        manifest = _json({"files": files, "rows": rows, "gone": sorted(gone)})
        for name, data in (
            (MANIFEST, manifest),
            (SEAL, hashlib.sha256(manifest).hexdigest().encode()),
        ):
            self._tar.addfile(_member(name, len(data), 0.0), BytesIO(data))
        self._tar.close()


class Archive:
    """A backup file, open for reading; a context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Self:
        """Open the file.

        Raises:
            NotABackup: it cannot be read, or is not a tar.
        """
        try:
            # Only a regular file: a pipe or a device would never end.
            file = self.path.open("rb") if self.path.is_file() else None
            if file is None:
                self.path.stat()
                raise NotABackup(f"{self.path} cannot be read: it is no file.")
        except OSError as error:
            raise NotABackup(f"{self.path} cannot be read: {error.strerror}.") from None
        try:
            self._tar = tarfile.open(fileobj=file, mode="r:", errorlevel=2, tarinfo=BoundedTarInfo)
        except Exception as error:
            file.close()
            if isinstance(error, OSError):
                raise NotABackup(f"{self.path} cannot be read: {error.strerror}.") from None
            # Any exception of the parser, since the bytes are untrusted.
            raise self._no_backup() from None
        self._file = file
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._tar.close()
        self._file.close()

    def check(self, progress: Progress) -> Manifest:
        """Return the content of the backup, after comparing every byte with its hash.

        Everything that does not need the files' bytes is checked first: names, sizes, manifest.

        Raises:
            NotABackup: with a sentence that describes the error.
        """
        with self._explain_damage():
            sizes = self._sizes()
            manifest = self._manifest(sizes)
            if is_mostly_holes(self._file):
                raise NotABackup(
                    f"{self.path} is mostly holes, which no backup is: it was not read. Use the"
                    " file that `./vigint backup` made, or another backup."
                )
            for member, source in self._members():
                if member.name in {MANIFEST, SEAL}:
                    continue
                reader = _Hashing(source, progress)
                while reader.read(_CHUNK):
                    pass
                if Stored(reader.length, reader.sha256) != manifest.files[member.name]:
                    raise self._damaged(member.name)
            return manifest

    def _sizes(self) -> dict[str, int]:
        """Return the files of the archive and their claimed sizes."""
        found: dict[str, int] = {}
        length = self.path.stat().st_size
        for member in self._plain_members():
            if not found and member.name != HEAD:
                raise self._no_backup()
            if member.name in found:
                raise NotABackup(f"{self.path} holds {member.name} twice: it is not used.")
            if member.offset_data + member.size > length:
                raise self._cut_off()
            found[member.name] = member.size
        return found

    def _document(self, name: str, longest: int = _LONGEST_DOCUMENT) -> bytes:
        member = self._tar.getmember(name)
        if member.size > longest:
            raise NotABackup(f"{self.path} is damaged: {name} is too large. Use another backup.")
        source = self._tar.extractfile(member)
        return source.read(longest) if source is not None else b""

    def _manifest(self, sizes: dict[str, int]) -> Manifest:
        """Return the manifest, after checking its seal, its form and its list of files."""
        if HEAD not in sizes:
            raise self._no_backup()
        try:
            read_head(self._document(HEAD))
            if MANIFEST not in sizes or SEAL not in sizes:
                raise self._cut_off()
            sealed = self._document(MANIFEST, _LONGEST_DOCUMENT + _LONGEST_ENTRY * len(sizes))
            if hashlib.sha256(sealed).hexdigest().encode() != self._document(SEAL):
                raise self._damaged("its manifest")
            secret = self._document(SECRET_KEY) if SECRET_KEY in sizes else b""
            manifest = read_manifest(self._document(HEAD), sealed, secret)
        except MalformedError as error:
            raise self._damaged(str(error)) from None
        except NewerFormatError:
            raise NotABackup(
                f"{self.path} was made by a newer Vigint: restore it with that version."
            ) from None
        named = {name: stored.size for name, stored in manifest.files.items()}
        actual = {name: size for name, size in sizes.items() if name not in {MANIFEST, SEAL}}
        for name in sorted(named.keys() | actual.keys()):
            if named.get(name) != actual.get(name):
                raise self._damaged(name)
        return manifest

    def files(self) -> Iterator[tuple[str, IO[bytes]]]:
        """Yield the name and the bytes of every file, in the order of the archive."""
        for member, source in self._members():
            if member.name not in {HEAD, MANIFEST, SEAL}:
                yield member.name, source

    def _members(self) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
        for member in self._plain_members():
            source = self._tar.extractfile(member)
            if source is None:
                raise self._cut_off()
            yield member, source

    def _plain_members(self) -> Iterator[tarfile.TarInfo]:
        for member in self._tar:
            if not is_plain(member):
                raise NotABackup(
                    f"{self.path} holds {member.name[:100]!r}, which is no plain file: Vigint"
                    " makes no such backups, and nothing of it is used."
                )
            if member.name not in {MANIFEST, SEAL}:
                _check_name(member.name)
            yield member

    @contextmanager
    def _explain_damage(self) -> Iterator[None]:
        try:
            yield
        except VigintError:
            raise
        except OSError as error:
            raise NotABackup(f"{self.path} cannot be read: {error.strerror or error}.") from None
        except Exception:
            # Any exception of the parser, since the bytes are untrusted.
            raise self._cut_off() from None

    def _no_backup(self) -> NotABackup:
        return NotABackup(
            f"{self.path} is no backup of Vigint: name a file that `./vigint backup` made."
        )

    def _cut_off(self) -> NotABackup:
        return NotABackup(
            f"{self.path} is incomplete or damaged: its end is missing. Use another backup."
        )

    def _damaged(self, what: str) -> NotABackup:
        return NotABackup(
            f"{self.path} is damaged: {what} is not what was backed up. Use another backup."
        )


class _Hashing:
    """A reader that computes hash and length of the bytes read."""

    def __init__(self, source: IO[bytes], progress: Progress) -> None:
        self._source = source
        self._progress = progress
        self._digest = hashlib.sha256()
        self.length = 0

    def read(self, size: int = -1) -> bytes:
        """Read on."""
        data = self._source.read(size)
        self._digest.update(data)
        self.length += len(data)
        self._progress(len(data))
        return data

    @property
    def sha256(self) -> str:
        """Return the hash of what was read so far."""
        return self._digest.hexdigest()


def copy_checked(
    source: IO[bytes], target: IO[bytes], expected: Stored, progress: Progress
) -> None:
    """Copy a file of a backup; raises NotABackup when it differs from the verified one."""
    reader = _Hashing(source, progress)
    with suppress(tarfile.TarError):  # detected by the length
        while data := reader.read(_CHUNK):
            target.write(data)
    if (reader.length, reader.sha256) != (expected.size, expected.sha256):
        raise NotABackup("The backup changed while it was read: restore it again.")


def _check_name(name: str) -> None:
    if not is_file_name(name):
        raise NotABackup(
            f"The archive holds a file named {name[:100]!r}: Vigint makes no such backups, and"
            " nothing of it is used."
        )


def _member(name: str, size: int, modified: float) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = size, int(modified), 0o600
    return member


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True).encode()
