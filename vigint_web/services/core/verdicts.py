"""Remember the outcomes of expensive checks of files, and limit how many run at once."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from vigint_web.clock import utcnow
from vigint_web.errors import Busy

_GOOD_FOR = timedelta(minutes=10)
# Shorter: a file may be restored from a backup.
_BAD_FOR = timedelta(minutes=1)
_MOST_REMEMBERED = 1000
_CHECKS_AT_ONCE = 2


class Verdicts:
    """What was found about each file of this process, under its storage key.

    Files do not change under their keys.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(_CHECKS_AT_ONCE)
        self._known: dict[str, tuple[str | None, datetime]] = {}

    def of(self, key: str, check: Callable[[], str | None]) -> str | None:
        """Return what is wrong with a file, or None; check it if that is not known.

        Raises:
            Busy: others are being checked; a thread does not wait for them.
        """
        with self._lock:
            found, until = self._known.get(key, (None, None))
        if until is not None and utcnow() < until:
            return found
        if not self._places.acquire(blocking=False):
            raise Busy
        try:
            found = check()
        finally:
            self._places.release()
        self._remember(key, found)
        return found

    def _remember(self, key: str, found: str | None) -> None:
        until = utcnow() + (_GOOD_FOR if found is None else _BAD_FOR)
        with self._lock:
            self._known.pop(key, None)
            if len(self._known) >= _MOST_REMEMBERED:
                del self._known[next(iter(self._known))]
            self._known[key] = (found, until)
