"""Write durably to this machine's disk, with errors as sentences."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vigint_web.storage.base import NoRoom, StorageError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def convert_errors() -> Iterator[None]:
    """Convert an error of the disk: NoRoom when it is full, else StorageError."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise NoRoom("no room left in the storage") from None
        raise StorageError(f"the storage failed: {error.strerror}") from None


def write_all(descriptor: int, data: bytes) -> int:
    """Write everything to a file; return the bytes that fitted, fewer only on a full disk."""
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except OSError as error:
            if error.errno in _FULL:
                break
            raise
    return len(data) - len(rest)


def sync(path: Path) -> None:
    """Make a file's bytes durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make the entries of a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
