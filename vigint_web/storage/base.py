"""Define the interface of all storages."""

import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")


class StorageError(Exception):
    """The storage failed."""


class NoRoom(StorageError):
    """There is no space left; nothing was kept."""


@dataclass(frozen=True)
class Held:
    """One object of the storage."""

    # A file's key; the name of a staged upload; the name of a working file.
    name: str
    size: int
    # Seconds since the last write.
    age: float


class Staged(Protocol):
    """Bytes that arrive in pieces over hours, until they are complete and get their key.

    One writer at a time, which the caller ensures.
    """

    def size(self) -> int:
        """Return the number of durable bytes; 0 when none have arrived."""
        ...

    def append(self, chunks: Iterable[bytes]) -> int:
        """Add bytes and return the new number of durable bytes.

        When the chunks end with an exception, the bytes before it are kept, durably, and the
        exception is propagated. Raises NoRoom; the bytes that fitted are kept.
        """
        ...

    def cut(self, size: int) -> None:
        """Discard the bytes beyond a size."""
        ...

    def read(self, first: int) -> Iterator[bytes]:
        """Yield the bytes from a position on, in pieces that fit into memory."""
        ...

    def publish(self, key: str) -> None:
        """Publish all bytes as one file under its key; nothing is staged afterwards.

        Raises FileNotFoundError: nothing is staged; NoRoom: everything stays staged.
        """
        ...

    def discard(self) -> None:
        """Discard all bytes; ignored if there are none."""
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
        """Remove working folders with a prefix, whichever process made them."""
        ...

    def require_room(self) -> None:
        """Raise NoRoom when so little space is left that the database's own writes are at risk."""
        ...

    def publish(self, draft: Path, key: str) -> None:
        """Make a finished working file durable under its key; the draft is removed.

        Publishing is atomic for readers.
        """
        ...

    def staged(self, name: str) -> Staged:
        """Return the staged bytes of a name (letters, digits, `_`, `-`); there may be none yet."""
        ...

    def list_staged(self) -> Iterator[Held]:
        """List everything staged."""
        ...

    def open(self, key: str, first: int = 0, last: int | None = None) -> BinaryIO:
        """Open a file unbuffered for reading, at a position; raises FileNotFoundError.

        Args:
            last: the last byte that will be read, if known.
        """
        ...

    def lacks(self, key: str) -> bool:
        """Return whether a file is certainly missing; another machine is not asked."""
        ...

    def local_copy(self, key: str) -> AbstractContextManager[Path]:
        """Provide a file as a local path within the block, in any storage."""
        ...

    def delete(self, key: str) -> None:
        """Remove a file; ignored if it does not exist."""
        ...

    def list_files(self) -> Iterator[Held]:
        """List every file."""
        ...

    def list_unfinished(self) -> Iterator[Held]:
        """List working files and unfinished transfers."""
        ...

    def sweep_incoming(self, older_than_seconds: float) -> int:
        """Remove unfinished work untouched for that long; return how much."""
        ...

    def free_bytes(self) -> int | None:
        """Return the free space in bytes, or None where there is no such limit."""
        ...

    def describe(self) -> str:
        """Return a short description of the storage."""
        ...

    def answers(self) -> bool:
        """Return whether the storage is available, as of a few seconds ago; it is fast."""
        ...

    def check(self) -> None:
        """Write, read and remove an object; raises StorageError with a sentence."""
        ...


def check_key(key: str) -> str:
    """Return the key if it cannot leave the storage.

    Raises:
        StorageError: for absolute keys, dot segments, control and other unusual characters.
    """
    if len(key) > 400 or not _KEY.fullmatch(key):
        raise StorageError(f"not a storage key: {key!r}")
    return key


def is_key(name: str) -> bool:
    """Return whether a name is a valid key: others are foreign files."""
    return len(name) <= 400 and _KEY.fullmatch(name) is not None


def check_name(name: str) -> str:
    """Return the name of a staged upload if it cannot leave its folder.

    Raises:
        StorageError: for anything but letters, digits, `_` and `-`.
    """
    if not is_name(name):
        raise StorageError(f"not a name of a staged upload: {name!r}")
    return name


def is_name(name: str) -> bool:
    """Return whether a name is valid for a staged upload."""
    return _NAME.fullmatch(name) is not None
