"""Write the log of later ranges together, four times a second.

Each write is a transaction that waits for the disk; on SQLite it waits for all other writers too.
The answer to a range does not wait for it, where the play it continues is on disk already
(decision 69).
"""

import atexit
import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from weakref import WeakSet

log = logging.getLogger(__name__)

Row = Mapping[str, Any]

_PAUSE_SECONDS = 0.25
# Beyond it the requests write by themselves: the database is slower than its readers.
_MOST_HELD = 5_000


class AccessWriter:
    """Hold the rows of a process until its thread writes them."""

    def __init__(self, write: Callable[[Sequence[Row]], None]) -> None:
        """Take a function that stores rows in one transaction, or raises."""
        self.write = write
        self._held: list[Row] = []
        self._thread: threading.Thread | None = None
        self._begin()
        _every.add(self)

    def add(self, row: Row) -> None:
        """Hold a row; write everything now if too much is held."""
        if self._pid != os.getpid():
            self._begin()
        with self._lock:
            self._held.append(row)
            is_full = len(self._held) >= _MOST_HELD
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="accesses", daemon=True)
                self._thread.start()
        if is_full:
            self.flush()
        else:
            self._arrived.set()

    def flush(self) -> None:
        """Write what is held; what the database refuses is held again.

        Raises:
            Exception: of the write.
        """
        with self._writing:
            with self._lock:
                held, self._held = self._held, []
            if not held:
                return
            try:
                self.write(held)
            except BaseException:
                with self._lock:
                    self._held = [*held, *self._held]
                raise

    def _begin(self) -> None:
        """Start empty: what a parent process holds it writes itself."""
        self._pid = os.getpid()
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._arrived = threading.Event()
        self._held = []
        self._thread = None

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            self._arrived.wait()
            pause.wait(_PAUSE_SECONDS)
            self._arrived.clear()
            try:
                self.flush()
            except Exception:
                log.exception("accesses could not be recorded yet; retrying")
                self._arrived.set()


_every: "WeakSet[AccessWriter]" = WeakSet()


@atexit.register
def _write_at_exit() -> None:
    for writer in list(_every):
        try:
            writer.flush()
        except Exception:
            log.exception("accesses of the last moment could not be recorded")
