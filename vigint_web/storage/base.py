"""Say what every storage can do."""

import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")


class StorageError(Exception):
    """Say that the storage could not do it."""


class NoRoom(StorageError):
    """Say that there is no room left; nothing was kept."""


@dataclass(frozen=True)
class Held:
    """Something that lies in the storage."""

    # A file's key; the name of something staged; what unfinished work is called here.
    name: str
    size: int
    # Seconds since it was last written to.
    age: float


class Staged(Protocol):
    """Bytes that arrive in pieces over hours, until they are whole and get their key.

    One writer at a time: whoever calls sees to that.
    """

    def size(self) -> int:
        """Return how many bytes are held durably; 0 when nothing came yet."""
        ...

    def append(self, chunks: Iterable[bytes]) -> int:
        """Add bytes and return how many are held then, durably.

        When the chunks end with an exception, what came before it is kept, durably, and the
        exception goes on. Raises NoRoom; what fitted is kept.
        """
        ...

    def cut(self, size: int) -> None:
        """Forget what lies beyond a size."""
        ...

    def read(self, first: int) -> Iterator[bytes]:
        """Yield what is held from a position on, in pieces that fit into memory."""
        ...

    def publish(self, key: str) -> None:
        """Make all of it one file under its key; nothing is staged after.

        Raises FileNotFoundError: nothing is staged; NoRoom: all stays staged.
        """
        ...

    def discard(self) -> None:
        """Forget all of it; what is gone already is fine."""
        ...


class Storage(Protocol):
    """Hold immutable files under keys such as `videos/file_001/original.mp4`."""

    def new_temp(self, suffix: str = "") -> Path:
        """Return the path of a new empty working file from which publishing is cheap."""
        ...

    def new_folder(self, prefix: str) -> Path:
        """Return the path of a new empty working folder, for the caller to remove."""
        ...

    def discard_folders(self, prefix: str) -> None:
        """Remove working folders that were made with a prefix, whoever made them."""
        ...

    def require_room(self) -> None:
        """Raise NoRoom when so little is left that the database's own writes are in danger."""
        ...

    def publish(self, draft: Path, key: str) -> None:
        """Make a finished working file durable under its key; the draft is gone after.

        A reader sees all of the file or nothing.
        """
        ...

    def staged(self, name: str) -> Staged:
        """Return what is staged under a name (letters, digits, `_`, `-`); it may be nothing yet."""
        ...

    def list_staged(self) -> Iterator[Held]:
        """Tell of everything staged."""
        ...

    def open(self, key: str, first: int = 0, last: int | None = None) -> BinaryIO:
        """Open a file unbuffered for reading, at a position; raises FileNotFoundError.

        Args:
            last: the last byte that will be read, where that is known.
        """
        ...

    def local_copy(self, key: str) -> AbstractContextManager[Path]:
        """Make a file readable by path for a while, wherever it is held."""
        ...

    def delete(self, key: str) -> None:
        """Remove a file; one that is gone already is fine."""
        ...

    def list_files(self) -> Iterator[Held]:
        """Tell of every file held."""
        ...

    def list_unfinished(self) -> Iterator[Held]:
        """Tell of working files and of transfers that were begun and not ended."""
        ...

    def sweep_incoming(self, older_than_seconds: float) -> int:
        """Remove unfinished work that nobody has touched for that long; return how much."""
        ...

    def free_bytes(self) -> int | None:
        """Return the room left, in bytes, or None where there is no such limit."""
        ...

    def describe(self) -> str:
        """Say in a few words where files are kept."""
        ...

    def answers(self) -> bool:
        """Return whether files can be had, as of a few seconds ago; it is quick."""
        ...

    def check(self) -> None:
        """Write, read and remove something; raises StorageError with a sentence."""
        ...


def check_key(key: str) -> str:
    """Return the key if it cannot leave the storage.

    Raises:
        StorageError: for absolute keys, dot segments, control and other odd characters.
    """
    if len(key) > 400 or not _KEY.fullmatch(key):
        raise StorageError(f"not a storage key: {key!r}")
    return key


def is_key(name: str) -> bool:
    """Return whether a name may be a key: others are no files of ours."""
    return len(name) <= 400 and _KEY.fullmatch(name) is not None


def check_name(name: str) -> str:
    """Return the name of something staged if it cannot leave its place.

    Raises:
        StorageError: for anything but letters, digits, `_` and `-`.
    """
    if not is_name(name):
        raise StorageError(f"not a name of something staged: {name!r}")
    return name


def is_name(name: str) -> bool:
    """Return whether something staged may have this name."""
    return _NAME.fullmatch(name) is not None
