"""Keep files in a folder of this machine, published by rename."""

import errno
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from vigint_web.storage.base import NoRoom, StorageError, check_key

_RESERVE = 32 * 1024 * 1024


class LocalStorage:
    """Hold files below a root; working files live beside them so that publishing is a rename."""

    def __init__(self, root: Path, *, shared: bool = False) -> None:
        """Keep files below a root.

        Args:
            shared: the group may open what is published, by its name, but list no folder.
        """
        self.root = root
        self.incoming = root / ".incoming"
        self._shared = shared

    def prepare(self) -> None:
        """Make the folders, readable by their owner only."""
        for folder in (self.root, self.incoming):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._shared:
            self.root.chmod(0o710)

    def new_temp(self, suffix: str = "") -> Path:
        """Return the path of a new empty working file.

        Raises:
            NoRoom: the disk is full.
        """
        self.require_room()
        with _no_room_said():
            descriptor, name = tempfile.mkstemp(suffix=suffix, dir=self.incoming)
            os.close(descriptor)
        return Path(name)

    def new_folder(self, prefix: str) -> Path:
        """Return the path of a new empty working folder.

        Raises:
            NoRoom: the disk is full.
        """
        self.require_room()
        with _no_room_said():
            return Path(tempfile.mkdtemp(prefix=prefix, dir=self.incoming))

    def require_room(self) -> None:
        """Raise NoRoom when so little is left that the database's own writes are in danger.

        Whoever makes room has to log in, and to delete: both are written down.
        """
        if (self.free_bytes() or 0) < _RESERVE:
            raise NoRoom("no room left in the storage")

    def publish(self, draft: Path, key: str) -> None:
        """Sync a working file and rename it to its key, so that a reader sees all of it or nothing.

        Raises:
            NoRoom: the disk is full; the draft is removed.
        """
        target = self.root / check_key(key)
        try:
            with _no_room_said():
                self._make_folder(target.parent)
                if self._shared:
                    draft.chmod(0o640)
                descriptor = os.open(draft, os.O_RDONLY)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
                draft.replace(target)
                _sync_folder(target.parent)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise

    def _make_folder(self, folder: Path) -> None:
        if folder == self.root or folder.is_dir():
            return
        self._make_folder(folder.parent)
        folder.mkdir(exist_ok=True, mode=0o700)
        if self._shared:
            folder.chmod(0o710)  # whatever the umask
        _sync_folder(folder.parent)

    def open(self, key: str) -> BinaryIO:
        """Open a file unbuffered, so that its descriptor can be handed to the kernel's sendfile."""
        return cast(BinaryIO, (self.root / check_key(key)).open("rb", buffering=0))

    @contextmanager
    def local_copy(self, key: str) -> Iterator[Path]:
        """Give the file's own path; nothing is copied."""
        path = self.root / check_key(key)
        if not path.is_file():
            raise FileNotFoundError(key)
        yield path

    def delete(self, key: str) -> None:
        """Remove a file and the folders that it leaves empty."""
        path = self.root / check_key(key)
        path.unlink(missing_ok=True)
        for folder in path.parents:
            if folder == self.root:
                break
            try:
                folder.rmdir()
            except OSError:
                break

    def list_keys(self) -> Iterator[str]:
        """Name every published file."""
        for folder, folders, names in os.walk(self.root):
            if Path(folder) == self.root:
                folders[:] = [name for name in folders if name != self.incoming.name]
            for name in names:
                yield (Path(folder) / name).relative_to(self.root).as_posix()

    def age_seconds(self, key: str) -> float:
        """Return how long ago a file was published."""
        return time.time() - (self.root / check_key(key)).stat().st_ctime

    def free_bytes(self) -> int | None:
        """Return the room left for an ordinary user, in bytes."""
        return shutil.disk_usage(self.root).free

    def sweep_incoming(self, older_than_seconds: float) -> int:
        """Remove working files and folders untouched for that long; return how many."""
        limit, removed = time.time() - older_than_seconds, 0
        for path in self.incoming.iterdir():
            try:
                if path.stat().st_mtime < limit:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
                    removed += 1
            except OSError:
                continue  # somebody else was faster, or it is in use: the next sweep tells
        return removed


@contextmanager
def _no_room_said() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise NoRoom("no room left in the storage") from None
        raise StorageError(f"the storage failed: {error.strerror}") from None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
