"""Hold on this machine what arrives in pieces, durably, until it is whole."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from vigint_web.storage.base import NoRoom
from vigint_web.storage.disk import failures_said, sync_folder, write_all

_SYNC_EVERY = 32 * 1024 * 1024
_PIECE = 1024 * 1024


class LocalStaged:
    """Keep one file in the working folder, of which counts what reached the disk."""

    def __init__(
        self,
        path: Path,
        *,
        require_room: Callable[[], None],
        publish: Callable[[Path, str], None],
    ) -> None:
        """Keep bytes in a file.

        Args:
            require_room: raises NoRoom when so little is left that nothing may be added.
            publish: makes a file durable under a key; after an error it is where it was.
        """
        self._path = path
        self._require_room = require_room
        self._publish = publish

    def size(self) -> int:
        """Return how many bytes are on the disk; 0 when nothing came yet."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY)
        except FileNotFoundError:
            return 0
        with failures_said():
            try:
                os.fsync(descriptor)  # a killed writer may have left some in memory only
                return os.fstat(descriptor).st_size
            finally:
                os.close(descriptor)

    def append(self, chunks: Iterable[bytes]) -> int:
        """Add bytes and return how many are on the disk then.

        Raises:
            NoRoom: the disk is full; what fitted is kept.
            StorageError: the disk failed; what was synced before is kept.
        """
        self._require_room()
        with failures_said():
            writer = _Writer(self._path)
        try:
            for chunk in chunks:
                self._require_room()
                with failures_said():
                    writer.write(chunk)
        finally:
            with failures_said():
                held = writer.finish()
        return held

    def cut(self, size: int) -> None:
        """Forget what lies beyond a size."""
        if not size:
            self.discard()
            return
        with failures_said(), suppress(FileNotFoundError):
            descriptor = os.open(self._path, os.O_RDWR)
            try:
                if os.fstat(descriptor).st_size > size:
                    os.ftruncate(descriptor, size)
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def read(self, first: int) -> Iterator[bytes]:
        """Yield what is held from a position on, a megabyte at a time."""
        try:
            file = self._path.open("rb", buffering=0)
        except FileNotFoundError:
            return
        with file, failures_said():
            file.seek(first)
            while piece := file.read(_PIECE):
                yield piece

    def publish(self, key: str) -> None:
        """Sync the file and rename it to its key.

        Raises:
            FileNotFoundError: nothing is staged, or it was published before.
            NoRoom: the disk is full; all stays staged.
        """
        if not self._path.is_file():
            raise FileNotFoundError(f"nothing is staged for {key}")
        self._publish(self._path, key)

    def discard(self) -> None:
        """Remove the file; one that is gone already is fine."""
        with failures_said():
            self._path.unlink(missing_ok=True)


class _Writer:
    """Add to a file, and take back what did not reach the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.fsync(self._descriptor)
            self._held = self._synced = os.lseek(self._descriptor, 0, os.SEEK_END)
            if not self._held:
                sync_folder(path.parent)
        except BaseException:
            os.close(self._descriptor)
            raise

    def write(self, chunk: bytes) -> None:
        fitted = write_all(self._descriptor, chunk)
        self._held += fitted
        if fitted < len(chunk):
            raise NoRoom("no room left in the storage")
        if self._held - self._synced >= _SYNC_EVERY:
            self._sync()

    def finish(self) -> int:
        try:
            self._sync()
            if not self._held:
                self._path.unlink(missing_ok=True)
            return self._held
        finally:
            os.close(self._descriptor)

    def _sync(self) -> None:
        try:
            os.fsync(self._descriptor)
        except OSError:
            # The kernel forgets what it could not write: only what was synced before is sure.
            os.ftruncate(self._descriptor, self._synced)
            self._held = self._synced
            raise
        self._synced = self._held
