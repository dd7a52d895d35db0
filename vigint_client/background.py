"""A bounded queue that sends alerts in a background thread."""

import atexit
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

log = logging.getLogger("vigint_client")

MAX_WAITING = 64
MAX_BYTES = 1024 * 1024 * 1024
# The limit of unencoded frames; beyond it the caller's thread compresses first.
RAW_BYTES = 256 * 1024 * 1024
EXIT_PATIENCE = 10.0


@dataclass(frozen=True, eq=False)
class Job:
    """A deferred task, and the memory it holds until then in bytes.

    `save` writes it to the disk instead and returns whether it is there: called with False when it
    may be retried later, with True when it cannot.
    """

    run: Callable[[], object]
    size: int
    save: Callable[[bool], bool] = lambda _final: False


class BackgroundQueue:
    """A queue of jobs run one after the other by one daemon thread, oldest first."""

    def __init__(self, max_waiting: int = MAX_WAITING, max_bytes: int = MAX_BYTES) -> None:
        self._max_waiting = max_waiting
        self._max_bytes = max_bytes
        self._jobs: deque[Job] = deque()
        self._bytes = 0
        self._running: Job | None = None
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._owner = os.getpid()

    @property
    def held_bytes(self) -> int:
        """Memory held by the queued jobs."""
        with self._changed:
            return self._bytes

    def submit(self, job: Job) -> bool:
        """Queue a job and return at once; False when the queue is full."""
        with self._changed:
            # A job of any size is accepted when the queue is empty.
            too_large = self._jobs and self._bytes + job.size > self._max_bytes
            if len(self._jobs) >= self._max_waiting or too_large:
                return False
            try:
                self._start()
            except RuntimeError:
                # No thread can be started: the interpreter is ending.
                return False
            self._jobs.append(job)
            self._bytes += job.size
            self._changed.notify_all()
            return True

    def drain(self, timeout: float) -> int:
        """Wait until everything is done or `timeout` seconds have passed; return the
        number left.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._jobs and self._running is None, timeout)
            return len(self._left())

    def close(self, timeout: float = EXIT_PATIENCE) -> None:
        """Drain with short pauses between attempts; save the rest, or log that it is lost."""
        if self._owner != os.getpid():
            # A forked child inherits the exit hook, but neither the thread nor its alerts.
            return
        self._closing.set()
        self.drain(timeout)
        with self._changed:
            left = self._left()
            self._jobs.clear()
        lost = sum(not job.save(True) for job in left)
        if lost:
            log.error("%d alert(s) could not be sent before the program ended.", lost)

    def spill(self) -> int:
        """Save the queued jobs, because they will wait long; return how many are on disk now."""
        with self._changed:
            waiting = list(self._jobs)
        saved = 0
        for job in waiting:
            # It stays in the queue until it is safe: the program may end meanwhile.
            if not job.save(False):
                continue
            with self._changed:
                if job in self._jobs:
                    self._jobs.remove(job)
                    self._bytes -= job.size
                    saved += 1
                    self._changed.notify_all()
        return saved

    def _left(self) -> list[Job]:
        running = [] if self._running is None else [self._running]
        return [*running, *self._jobs]

    def sleep(self, seconds: float) -> None:
        """Pause between attempts; short once the program is ending."""
        if self._closing.is_set():
            time.sleep(min(seconds, 0.5))
        else:
            self._closing.wait(seconds)

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            thread = threading.Thread(target=self._work, name="vigint-alerts", daemon=True)
            thread.start()
            self._thread = thread

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._jobs))
                self._running = job = self._jobs.popleft()
            try:
                job.run()
            except Exception:
                log.exception("An alert in the background failed.")
            finally:
                with self._changed:
                    self._bytes -= job.size
                    self._running = None
                    del job
                    self._changed.notify_all()


_lock = threading.Lock()
_shared: tuple[int, BackgroundQueue] | None = None


def shared_queue() -> BackgroundQueue:
    """Return this process's queue; a forked child gets an empty one of its own."""
    global _shared  # noqa: PLW0603 - one queue per process is the point
    with _lock:
        if _shared is None or _shared[0] != os.getpid():
            queue = BackgroundQueue()
            atexit.register(queue.close)
            _shared = (os.getpid(), queue)
        return _shared[1]


def drain_background(timeout: float = EXIT_PATIENCE) -> int:
    """Wait for the alerts in the background; return how many are unfinished."""
    return shared_queue().drain(timeout)


def _renew_lock() -> None:
    global _lock  # noqa: PLW0603 - the parent's lock may be held by a thread that is not here
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)
