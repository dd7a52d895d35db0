"""Parse the documents of a backup, which are untrusted.

Pure functions. For any content the result is a Manifest or a MalformedError.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from vigint_web.storage import is_key

FORMAT = 1
HEAD = "vigint-backup.json"
DATABASES = {"sqlite": "database.sqlite3", "postgresql": "database.pgdump"}
SECRET_KEY = "secret-key"  # noqa: S105 - a file's name
MEDIA = "media/"
OUTBOX = "outbox/"
MANIFEST = "manifest.json"
SEAL = "manifest.sha256"
SHORTEST_SECRET = 16

_OUTBOX_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,200}\.eml")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_REVISION = re.compile(r"[A-Za-z0-9_]{1,40}")
_TABLE = re.compile(r"[A-Za-z0-9_]{1,63}")
_LARGEST = 1 << 62


class MalformedError(Exception):
    """A part of a backup was not written by any version of Vigint."""


class NewerFormatError(Exception):
    """The backup was written by a later version."""


@dataclass(frozen=True)
class Stored:
    """A file of a backup: its size in bytes and its hash in hexadecimal."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The claimed content of a backup."""

    created_at: str
    dialect: str
    revision: str | None
    files: dict[str, Stored]
    # The number of rows of each table.
    rows: dict[str, int]
    # Files referenced by a row of this backup that were deleted, with their row, meanwhile.
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


def is_file_name(name: str) -> bool:
    """Return whether a backup may contain a file of this name, besides manifest and seal."""
    if name in {HEAD, SECRET_KEY, *DATABASES.values()}:
        return True
    if name.startswith(OUTBOX):
        return _OUTBOX_NAME.fullmatch(name.removeprefix(OUTBOX)) is not None
    return name.startswith(MEDIA) and is_key(name.removeprefix(MEDIA))


def read_head(head: bytes) -> tuple[str, str, str | None]:
    """Return when a backup was made, the kind of its database, and the database's revision.

    Raises:
        MalformedError, NewerFormatError
    """
    document = _document(head, HEAD)
    number = document.get("format")
    if not isinstance(number, int) or not _is_count(number) or number < FORMAT:
        raise MalformedError(f"the format in {HEAD}")
    if number > FORMAT:
        raise NewerFormatError
    created_at, dialect, revision = (
        document.get(name) for name in ("created_at", "dialect", "revision")
    )
    if not _is_time(created_at):
        raise MalformedError(f"the time in {HEAD}")
    if not isinstance(dialect, str) or dialect not in DATABASES:
        raise MalformedError(f"the kind of database in {HEAD}")
    if revision is not None and not _matches(_REVISION, revision):
        raise MalformedError(f"the revision in {HEAD}")
    return str(created_at), dialect, revision


def read_manifest(head: bytes, manifest: bytes, secret: bytes) -> Manifest:
    """Return the claimed content of a backup; it is verified elsewhere.

    Args:
        secret: the file of the secret keys.

    Raises:
        MalformedError, NewerFormatError
    """
    created_at, dialect, revision = read_head(head)
    document = _document(manifest, MANIFEST)
    found = Manifest(
        created_at=created_at,
        dialect=dialect,
        revision=revision,
        files=_files(document.get("files")),
        rows=_rows(document.get("rows")),
        gone=_gone(document.get("gone")),
        secret_keys=_secret_keys(secret),
    )
    for name in (HEAD, SECRET_KEY, found.database):
        if name not in found.files:
            raise MalformedError(f"its list of files, which lacks {name}")
    return found


def _document(data: bytes, name: str) -> Mapping[str, Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        raise MalformedError(f"{name}, which is no JSON") from None
    if not isinstance(document, dict):
        raise MalformedError(f"{name}, which is no object")
    return document


def _files(files: object) -> dict[str, Stored]:
    if not isinstance(files, dict):
        raise MalformedError("its list of files")
    found = {}
    for name, entry in files.items():
        if not is_file_name(name):
            raise MalformedError(f"its list of files, which names {name[:100]!r}")
        if not isinstance(entry, list) or len(entry) != 2:
            raise MalformedError(f"its entry for {name}")
        size, digest = entry
        if not _is_count(size) or not _matches(_SHA256, digest):
            raise MalformedError(f"its entry for {name}")
        found[name] = Stored(size, digest)
    return found


def _rows(rows: object) -> dict[str, int]:
    if not isinstance(rows, dict):
        raise MalformedError("its numbers of rows")
    if not all(_matches(_TABLE, name) and _is_count(number) for name, number in rows.items()):
        raise MalformedError("its numbers of rows")
    return rows


def _gone(gone: object) -> tuple[str, ...]:
    if not isinstance(gone, list) or not all(isinstance(key, str) and is_key(key) for key in gone):
        raise MalformedError("its list of deleted files")
    return tuple(gone)


def _secret_keys(data: bytes) -> tuple[str, ...]:
    try:
        keys = tuple(data.decode("utf-8").split())
    except UnicodeDecodeError:
        raise MalformedError("its secret key, which is no text") from None
    if not keys:
        raise MalformedError("its secret key, which is empty")
    if any(len(key) < SHORTEST_SECRET or not key.isprintable() for key in keys):
        raise MalformedError("its secret key, which is too short")
    return keys


def _is_count(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number < _LARGEST


def _is_time(text: object) -> bool:
    try:
        datetime.fromisoformat(text if isinstance(text, str) else "")
    except ValueError:
        return False
    return True


def _matches(pattern: re.Pattern[str], text: object) -> bool:
    return isinstance(text, str) and pattern.fullmatch(text) is not None
