"""Keep working files, always on this machine, with either storage."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from vigint_web.storage.base import Held, NoRoom
from vigint_web.storage.disk import convert_errors
from vigint_web.system.private_files import private_folder

# Staged files may rest for days; they are removed by their owner or found by `media check`.
STAGED_SUFFIX = ".part"
_RESERVE = 32 * 1024 * 1024


class Workspace:
    """Hold working files in one folder, of which none outlives its work for long."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def prepare(self) -> None:
        """Create the folder, for its owner only."""
        private_folder(self.folder)

    def new_temp(self, suffix: str = "") -> Path:
        """Return the path of a new empty working file.

        Raises:
            NoRoom: the disk is full.
        """
        self.require_room()
        with convert_errors():
            descriptor, name = tempfile.mkstemp(suffix=suffix, dir=self.folder)
            os.close(descriptor)
        return Path(name)

    def new_folder(self, prefix: str) -> Path:
        """Return the path of a new empty working folder.

        Raises:
            NoRoom: the disk is full.
        """
        self.require_room()
        with convert_errors():
            return Path(tempfile.mkdtemp(prefix=prefix, dir=self.folder))

    def discard_folders(self, prefix: str) -> None:
        """Remove working folders with a prefix, whichever process made them."""
        for path in self.folder.glob(f"{prefix}*"):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)

    def require_room(self, needed: int = 0) -> None:
        """Raise NoRoom when so little space is left that the database's own writes are at risk.

        To free space, an administrator has to log in and delete: both are written to the database.

        Args:
            needed: the bytes that are about to be written.
        """
        if self.free_bytes() < _RESERVE + needed:
            raise NoRoom("no room left in the storage")

    def free_bytes(self) -> int:
        """Return the space available to an ordinary user, in bytes."""
        return shutil.disk_usage(self.folder).free

    def list(self) -> Iterator[Held]:
        """List working files and folders."""
        now = time.time()
        for path in self.folder.iterdir():
            with suppress(FileNotFoundError):  # removed concurrently
                if path.suffix != STAGED_SUFFIX:
                    newest = max(_changed(path), default=0.0)
                    yield Held(path.name, _size(path), now - newest)

    def list_staged(self) -> Iterator[Held]:
        """List the staged files."""
        now = time.time()
        for path in self.folder.glob(f"*{STAGED_SUFFIX}"):
            with suppress(FileNotFoundError):
                about = path.stat()
                yield Held(path.stem, about.st_size, now - about.st_mtime)

    def sweep(self, older_than_seconds: float) -> int:
        """Remove working files and folders untouched for that long; return how many."""
        removed = 0
        for held in self.list():
            path = self.folder / held.name
            # Removed concurrently, or in use: left to the next sweep.
            with suppress(OSError):
                if held.age >= older_than_seconds:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
                    removed += 1
        return removed


def _changed(path: Path) -> Iterator[float]:
    yield path.stat().st_mtime
    if path.is_dir():
        for folder, _, names in os.walk(path):
            for name in names:
                with suppress(FileNotFoundError):
                    yield (Path(folder) / name).stat().st_mtime


def _size(path: Path) -> int:
    if not path.is_dir():
        return path.stat().st_size
    files = (Path(folder) / name for folder, _, names in os.walk(path) for name in names)
    total = 0
    for file in files:
        with suppress(FileNotFoundError):
            total += file.stat().st_size
    return total
