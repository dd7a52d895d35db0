"""A thread that delivers spooled alerts once the server can be reached."""

import atexit
import logging
import os
import threading
import time
from collections.abc import Callable

from vigint_client.delivery import Courier

log = logging.getLogger("vigint_client")

FIRST_PAUSE = 5.0
LONGEST_PAUSE = 300.0
EXIT_PATIENCE = 10.0


class Redelivery:
    """Flushes a spool in the background until it is empty."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        # One for each folder and configuration, of which a program may have several.
        self._couriers: dict[object, Courier] = {}
        self._due = 0.0
        self._pause = FIRST_PAUSE
        self._thread: threading.Thread | None = None
        self._busy = self._asked = False
        self._owner = os.getpid()

    def wake(self, courier: Courier, *, reached: bool) -> None:
        """Deliver spooled alerts: at once when the server was just reached, else after a pause.

        Costs the caller one listing of the folder. Never raises.
        """
        try:
            if not courier.spool.names() and not courier.spool.refused():
                return
            with self._changed:
                self._couriers[courier.spool.folder, courier.load_server] = courier
                alive = self._thread is not None and self._thread.is_alive()
                if reached:
                    self._asked, self._due, self._pause = True, self._clock(), FIRST_PAUSE
                elif not alive:
                    self._due, self._pause = self._clock() + FIRST_PAUSE, FIRST_PAUSE
                self._changed.notify_all()
                if not alive:
                    thread = threading.Thread(target=self._work, name="vigint-spool", daemon=True)
                    thread.start()
                    self._thread = thread
        except (OSError, RuntimeError) as why:
            # No folder, or no thread because the interpreter is ending: the next process delivers.
            log.debug("The spooled alerts remain on disk: %s", why)

    def close(self, timeout: float = EXIT_PATIENCE) -> None:
        """Wait for work in progress or due; the rest stays on disk."""
        if self._owner != os.getpid():
            return
        with self._changed:
            self._changed.wait_for(lambda: not self._is_at_work(), timeout)

    def _is_at_work(self) -> bool:
        alive = self._thread is not None and self._thread.is_alive()
        return alive and (self._busy or self._due <= self._clock())

    def _work(self) -> None:
        while True:
            with self._changed:
                while (left := self._due - self._clock()) > 0:
                    self._changed.wait(left)
                couriers = dict(self._couriers)
                self._busy, self._asked = True, False
            done = [key for key, courier in couriers.items() if not self._flush(courier)]
            with self._changed:
                self._busy = False
                if not self._asked:
                    self._due = self._clock() + self._pause
                    self._pause = min(self._pause * 2, LONGEST_PAUSE)
                    for key in done:
                        self._couriers.pop(key, None)
                if not self._couriers:
                    self._thread = None
                self._changed.notify_all()
                if self._thread is None:
                    return

    @staticmethod
    def _flush(courier: Courier) -> bool:
        """Deliver the possible ones; return whether another attempt is worthwhile."""
        try:
            outcomes = courier.flush()
        except Exception:
            log.exception("The spooled alerts could not be delivered.")
            return False
        if any(outcome.state in ("kept", "busy") for outcome in outcomes):
            return True
        # Refused alerts are sent again to another version of the server: query it now and then.
        return bool(courier.spool.refused())


_lock = threading.Lock()
_shared: tuple[int, Redelivery] | None = None


def wake_shared(courier: Courier, *, reached: bool) -> None:
    """Wake this process's delivery thread; a forked child gets one of its own."""
    global _shared  # noqa: PLW0603 - one thread per process is the point
    with _lock:
        if _shared is None or _shared[0] != os.getpid():
            redelivery = Redelivery()
            atexit.register(redelivery.close)
            _shared = (os.getpid(), redelivery)
        redelivery = _shared[1]
    redelivery.wake(courier, reached=reached)


def _renew_lock() -> None:
    global _lock  # noqa: PLW0603 - the parent's lock may be held by a thread that is not here
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)
