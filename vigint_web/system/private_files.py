"""Make state readable by its owner only, regardless of the umask and of existing permissions.

The data directory itself, if it already existed, keeps its administrator's permissions.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def private_folder(path: Path) -> None:
    """Create a folder of mode 0700, with missing parents; restrict an existing one.

    `Path.mkdir` applies its mode to the last folder only.

    Raises:
        OSError: it cannot be created.
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
    """Make an SQLite database private; its journal and index get the same mode."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm", f"{path.name}-journal"):
        narrow(path.with_name(name))


def narrow(path: Path) -> None:
    """Remove the permissions of group and others; skip files of another user."""
    with suppress(FileNotFoundError, PermissionError):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & _OTHERS:
            path.chmod(mode & ~_OTHERS)
