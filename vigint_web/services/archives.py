"""Write and check backup files: a tar of what an installation holds, with a manifest of hashes.

The manifest comes last, for the hashes are known once the files are written; a file that was cut
off has none. Names are few and known beforehand, so that nothing can be unpacked elsewhere.
"""

import hashlib
import json
import re
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Self

from vigint_web.errors import VigintError
from vigint_web.storage import StorageError, check_key

FORMAT = 1
HEAD = "vigint-backup.json"
DATABASES = {"sqlite": "database.sqlite3", "postgresql": "database.pgdump"}
SECRET_KEY = "secret-key"  # noqa: S105 - a file's name
MEDIA = "media/"
OUTBOX = "outbox/"
_MANIFEST = "manifest.json"
_SEAL = "manifest.sha256"
_OUTBOX_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,200}\.eml")
_CHUNK = 1024 * 1024
_LONGEST_DOCUMENT = 256 * _CHUNK

Progress = Callable[[int], None]


class NotABackup(VigintError):
    """Say in a sentence why a file is no backup that can be used."""


@dataclass(frozen=True)
class Stored:
    """A file of a backup."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a backup holds, all of it checked against its hashes."""

    created_at: str
    dialect: str
    revision: str | None
    files: dict[str, Stored]
    # How many rows each table has.
    rows: dict[str, int]
    # Files that a row of this backup names and that were deleted, with their row, meanwhile.
    gone: tuple[str, ...]
    secret_keys: tuple[str, ...] = field(repr=False)

    @property
    def database(self) -> str:
        """Return the name of the database's file."""
        return DATABASES[self.dialect]

    @property
    def media(self) -> dict[str, Stored]:
        """Return the stored files by their keys."""
        return {
            name.removeprefix(MEDIA): stored
            for name, stored in self.files.items()
            if name.startswith(MEDIA)
        }

    @property
    def size(self) -> int:
        """Return the bytes of all files."""
        return sum(stored.size for stored in self.files.values())


class ArchiveWriter:
    """Write a backup to an open file, one member after the other."""

    def __init__(self, file: IO[bytes], progress: Progress) -> None:
        self._tar = tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - `finish` closes it
        self._progress = progress
        self.files: dict[str, Stored] = {}

    def head(self, created_at: str, dialect: str, revision: str | None) -> None:
        """Write what kind of backup this is; it comes first."""
        told = {"format": FORMAT, "created_at": created_at}
        self.add_bytes(HEAD, _json({**told, "dialect": dialect, "revision": revision}))

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
            (_MANIFEST, manifest),
            (_SEAL, hashlib.sha256(manifest).hexdigest().encode()),
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
            NotABackup: it cannot be read, or is no tar.
        """
        try:
            self._tar = tarfile.open(self.path, "r:", errorlevel=2)
        except tarfile.TarError:
            raise NotABackup(
                f"{self.path} is no backup of Vigint: name a file that `./vigint backup` made."
            ) from None
        except OSError as error:
            raise NotABackup(f"{self.path} cannot be read: {error.strerror}.") from None
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._tar.close()

    def check(self, progress: Progress) -> Manifest:
        """Return what the backup holds, after comparing every byte with its hash.

        Raises:
            NotABackup: with a sentence that says what is wrong.
        """
        with self._damage_told():
            return self._manifest(*self._read(progress))

    def _read(self, progress: Progress) -> tuple[dict[str, Stored], dict[str, bytes]]:
        found: dict[str, Stored] = {}
        kept: dict[str, bytes] = {}
        for member, source in self._members():
            if member.name in found or member.name in kept:
                raise NotABackup(f"{self.path} holds {member.name} twice: it is not used.")
            reader = _Hashing(source, progress)
            if member.name in {HEAD, SECRET_KEY, _MANIFEST, _SEAL}:
                if member.size > _LONGEST_DOCUMENT:
                    raise NotABackup(f"{self.path} is damaged: {member.name} is too large.")
                kept[member.name] = reader.read(member.size)
            else:
                while reader.read(_CHUNK):
                    pass
            if reader.length != member.size:
                raise self._cut_off()
            found[member.name] = Stored(member.size, reader.sha256)
        return found, kept

    def files(self) -> Iterator[tuple[str, IO[bytes]]]:
        """Yield the name and the bytes of every file, in the order of the archive."""
        for member, source in self._members():
            if member.name not in {HEAD, _MANIFEST, _SEAL}:
                yield member.name, source

    def _members(self) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
        for member in self._tar:
            plain = member.type in {tarfile.REGTYPE, tarfile.AREGTYPE}
            source = self._tar.extractfile(member) if plain and not member.issparse() else None
            if source is None:
                raise NotABackup(
                    f"{self.path} holds {member.name[:100]!r}, which is no plain file: Vigint"
                    " makes no such backups, and nothing of it is used."
                )
            _check_name(member.name, (_MANIFEST, _SEAL))
            yield member, source

    @contextmanager
    def _damage_told(self) -> Iterator[None]:
        try:
            yield
        except (tarfile.TarError, ValueError, OverflowError, EOFError):
            raise self._cut_off() from None
        except OSError as error:
            raise NotABackup(f"{self.path} cannot be read: {error.strerror or error}.") from None

    def _manifest(self, found: dict[str, Stored], kept: dict[str, bytes]) -> Manifest:
        if HEAD not in kept:
            raise NotABackup(
                f"{self.path} is no backup of Vigint: name a file that `./vigint backup` made."
            )
        manifest, seal = kept.get(_MANIFEST), kept.get(_SEAL)
        if manifest is None or seal is None:
            raise self._cut_off()
        if hashlib.sha256(manifest).hexdigest().encode() != seal:
            raise self._damaged("its manifest")
        told = json.loads(manifest)
        named = {name: Stored(size, digest) for name, (size, digest) in told["files"].items()}
        actual = {name: found[name] for name in found if name not in {_MANIFEST, _SEAL}}
        for name in sorted(named.keys() | actual.keys()):
            if named.get(name) != actual.get(name):
                raise self._damaged(name)
        head = json.loads(kept[HEAD])
        if head["format"] != FORMAT:
            raise NotABackup(
                f"{self.path} was made by a newer Vigint: restore it with that version."
            )
        if DATABASES[head["dialect"]] not in actual or SECRET_KEY not in actual:
            raise self._damaged("its list of files")
        return Manifest(
            created_at=head["created_at"],
            dialect=head["dialect"],
            revision=head["revision"],
            files=actual,
            rows=told["rows"],
            gone=tuple(told["gone"]),
            secret_keys=tuple(kept[SECRET_KEY].decode().split()),
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
    """Read through, and know the hash and the length of what was read."""

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
    """Copy a file of a backup; raises NotABackup when it is not what was checked before."""
    reader = _Hashing(source, progress)
    with suppress(tarfile.TarError):  # the length tells
        while data := reader.read(_CHUNK):
            target.write(data)
    if (reader.length, reader.sha256) != (expected.size, expected.sha256):
        raise NotABackup("The backup changed while it was read: restore it again.")


def _check_name(name: str, more: tuple[str, ...] = ()) -> None:
    if name in {HEAD, SECRET_KEY, *DATABASES.values(), *more}:
        return
    if name.startswith(OUTBOX) and _OUTBOX_NAME.fullmatch(name.removeprefix(OUTBOX)):
        return
    try:
        if name.startswith(MEDIA):
            check_key(name.removeprefix(MEDIA))
            return
    except StorageError:
        pass
    raise NotABackup(
        f"The archive holds a file named {name[:100]!r}: Vigint makes no such backups, and nothing"
        " of it is used."
    )


def _member(name: str, size: int, modified: float) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = size, int(modified), 0o600
    return member


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True).encode()
