"""Let so many requests at once do what takes much memory, and none of them wait for a sender."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from vigint_web.errors import Busy


class Turns:
    """So many at once; per owner no more than half of them work, and as many again wait."""

    def __init__(self, width: int, seconds: float) -> None:
        """Take the limits: how many at once, and how long one waits for its turn."""
        self._width, self._each = width, max(1, width // 2)
        self._seconds = seconds
        self._working: Counter[str] = Counter()
        self._present: Counter[str] = Counter()
        self._changed = threading.Condition()

    @contextmanager
    def turn(self, owner: str) -> Iterator[None]:
        """Run a block when it is its turn.

        Raises:
            Busy: too many of this owner's are here already, or its turn did not come in time.
        """
        with self._changed:
            if self._present[owner] >= 2 * self._each:
                raise Busy
            self._present[owner] += 1
            try:
                if not self._changed.wait_for(lambda: self._is_free(owner), self._seconds):
                    raise Busy
            except BaseException:
                _less(self._present, owner)
                raise
            self._working[owner] += 1
        try:
            yield
        finally:
            with self._changed:
                _less(self._working, owner)
                _less(self._present, owner)
                self._changed.notify_all()

    def _is_free(self, owner: str) -> bool:
        return self._working.total() < self._width and self._working[owner] < self._each


def _less(counter: "Counter[str]", owner: str) -> None:
    counter[owner] -= 1
    if counter[owner] <= 0:
        del counter[owner]
