"""Files that one process locks; the kernel releases the lock of a process that dies."""

import logging
import os
import weakref
from contextlib import suppress
from io import FileIO
from pathlib import Path
from types import ModuleType

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows: two processes may deliver one alert, which its key makes harmless
    fcntl = None

log = logging.getLogger("vigint_client")

_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_opened: "weakref.WeakSet[FileIO]" = weakref.WeakSet()


def open_file(path: Path, flags: int) -> FileIO:
    """Open a file without following a symbolic link; a forked child closes it at once."""
    # Unbuffered: closing it in a forked child must not write.
    file = FileIO(path, "r+", opener=lambda name, _flags: os.open(name, flags | _NO_LINK, 0o600))
    _opened.add(file)
    return file


def lock(file: FileIO) -> bool:
    """Lock a file for this process; return whether no other process has it."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as why:
        # A file system without locks: two processes may deliver one alert, which its key makes
        # harmless.
        log.debug("%s cannot be locked: %s", file.name, why)
    return True


def unlock(file: FileIO) -> None:
    """Release a lock; closing is not enough while a recently forked child shares it."""
    if fcntl is not None and not file.closed:
        with suppress(OSError):
            fcntl.flock(file.fileno(), fcntl.LOCK_UN)


def is_at(file: FileIO, path: Path) -> bool:
    """Return whether an open file is the one that its path names now."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.lstat())
    except FileNotFoundError:
        return False


def sync_folder(folder: Path) -> None:
    """Store the names in a folder, which a power loss may lose; Windows has no such call."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _close_opened() -> None:
    # A forked child shares its parent's locks, and would keep them after the parent's death.
    for file in list(_opened):
        file.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_opened)
