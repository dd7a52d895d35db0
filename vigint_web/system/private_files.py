"""Make what holds state readable by its owner alone, whatever the umask and what is there already.

The data directory itself, when it was there before, stays as its administrator made it.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def private_folder(path: Path) -> None:
    """Make a folder of mode 0700, and those above it that are missing; narrow one that is there.

    `Path.mkdir` gives its mode to the last folder only.

    Raises:
        OSError: it cannot be made.
    """
    if not path.is_dir():
        if not path.parent.is_dir():
            private_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
    narrow(path)


def private_file(path: Path) -> int:
    """Open a file for writing, new or emptied, of mode 0600; return its descriptor.

    Raises:
        OSError: it cannot be written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor


def private_database(path: Path) -> None:
    """Let an SQLite database be private: its log and its index get the mode that it has."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm", f"{path.name}-journal"):
        narrow(path.with_name(name))


def narrow(path: Path) -> None:
    """Take group's and others' rights from what is there; what belongs to another user stays."""
    with suppress(FileNotFoundError, PermissionError):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & _OTHERS:
            path.chmod(mode & ~_OTHERS)
