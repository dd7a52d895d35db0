"""Bytes in a file instead of in memory."""

import logging
import tempfile
import threading
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

log = logging.getLogger("vigint_client")

CHUNK = 256 * 1024


class ByteStore:
    """An unbuffered file that several threads may read from, each at its own position."""

    def __init__(self, file: FileIO, end: int = 0) -> None:
        self._file = file
        self._end = end
        self._lock = threading.Lock()

    @property
    def end(self) -> int:
        """The number of bytes."""
        return self._end

    def append(self, data: bytes) -> "Slice":
        """Append data; return its position. Raises OSError."""
        with self._lock:
            self._file.seek(self._end)
            left = memoryview(data)
            while left:
                left = left[self._file.write(left) :]
            place = Slice(self, self._end, len(data))
            self._end += len(data)
        return place

    def read(self, offset: int, size: int) -> bytes:
        """Return `size` bytes; raises OSError, also when there are fewer."""
        pieces = []
        with self._lock:
            self._file.seek(offset)
            while size > 0:
                piece = self._file.read(size)
                if not piece:
                    raise OSError("a file of kept frames is shorter than it was")
                pieces.append(piece)
                size -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


@dataclass(frozen=True, slots=True)
class Slice:
    """A range of a ByteStore."""

    store: ByteStore
    offset: int
    size: int

    def read(self) -> bytes:
        """Return the whole range."""
        return self.store.read(self.offset, self.size)

    def chunks(self) -> Iterator[bytes]:
        """Yield it in pieces of at most 256 KiB."""
        for start in range(0, self.size, CHUNK):
            yield self.store.read(self.offset + start, min(CHUNK, self.size - start))


def open_staging(folder: Path | None) -> ByteStore | None:
    """Return an unnamed file, removed with the process; None when none can be created.

    It is in `folder` if possible: the system's own place for temporary files is often in memory.
    """
    for place in (folder, None) if folder is not None else (None,):
        try:
            file = tempfile.TemporaryFile(dir=place, buffering=0)  # noqa: SIM115 - stays open
            store = ByteStore(file)
            weakref.finalize(store, file.close)
            return store
        except OSError as why:
            log.debug("No temporary file can be made in %s: %s", place or "the usual place", why)
    return None
