"""Hold the pieces of an upload on this machine, durably, until it is complete."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from vigint_web.storage.base import NoRoom
from vigint_web.storage.disk import convert_errors, sync_folder, write_all

_SYNC_EVERY = 32 * 1024 * 1024
_PIECE = 1024 * 1024


class LocalStaged:
    """Keep one file in the working folder, of which only the synced part counts."""

    def __init__(
        self,
        path: Path,
        *,
        require_room: Callable[[], None],
        publish: Callable[[Path, str], None],
    ) -> None:
        """Keep bytes in a file.

        Args:
            require_room: raises NoRoom when so little space is left that nothing may be added.
            publish: makes a file durable under a key; after an error it is where it was.
        """
        self._path = path
        self._require_room = require_room
        self._publish = publish

    def size(self) -> int:
        """Return the number of bytes on disk; 0 when none have arrived."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY)
        except FileNotFoundError:
            return 0
        with convert_errors():
            try:
                os.fsync(descriptor)  # a killed writer may have left unsynced bytes
                return os.fstat(descriptor).st_size
            finally:
                os.close(descriptor)

    def append(self, chunks: Iterable[bytes]) -> int:
        """Add bytes and return the new number of bytes on disk.

        Raises:
            NoRoom: the disk is full; the bytes that fitted are kept.
            StorageError: the disk failed; the bytes synced before are kept.
        """
        self._require_room()
        with convert_errors():
            writer = _Writer(self._path)
        try:
            for chunk in chunks:
                self._require_room()
                with convert_errors():
                    writer.write(chunk)
        finally:
            with convert_errors():
                held = writer.finish()
        return held

    def cut(self, size: int) -> None:
        """Discard the bytes beyond a size."""
        if not size:
            self.discard()
            return
        with convert_errors(), suppress(FileNotFoundError):
            descriptor = os.open(self._path, os.O_RDWR)
            try:
                if os.fstat(descriptor).st_size > size:
                    os.ftruncate(descriptor, size)
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def read(self, first: int) -> Iterator[bytes]:
        """Yield the bytes from a position on, a megabyte at a time."""
        try:
            file = self._path.open("rb", buffering=0)
        except FileNotFoundError:
            return
        with file, convert_errors():
            file.seek(first)
            while piece := file.read(_PIECE):
                yield piece

    def publish(self, key: str) -> None:
        """Sync the file and rename it to its key.

        Raises:
            FileNotFoundError: nothing is staged, or it was published before.
            NoRoom: the disk is full; everything stays staged.
        """
        if not self._path.is_file():
            raise FileNotFoundError(f"nothing is staged for {key}")
        self._publish(self._path, key)

    def discard(self) -> None:
        """Remove the file; ignored if it does not exist."""
        with convert_errors():
            self._path.unlink(missing_ok=True)


class _Writer:
    """Append to a file, and truncate the part that did not reach the disk."""

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
            # The kernel drops pages that it could not write: only bytes synced before are certain.
            os.ftruncate(self._descriptor, self._synced)
            self._held = self._synced
            raise
        self._synced = self._held
