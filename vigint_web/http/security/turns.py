"""Limit concurrent memory-intensive work, which never waits for a sender."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from vigint_web.errors import Busy


class Turns:
    """A limit of concurrent work; at most half of it per owner, and as many again waiting."""

    def __init__(self, width: int, seconds: float) -> None:
        """Take the limits: the concurrency, and the maximum wait."""
        self._width, self._each = width, max(1, width // 2)
        self._seconds = seconds
        self._working: Counter[str] = Counter()
        self._present: Counter[str] = Counter()
        self._changed = threading.Condition()

    @contextmanager
    def turn(self, owner: str) -> Iterator[None]:
        """Run a block within the limit.

        Raises:
            Busy: too many of this owner's requests are running or waiting, or the wait was too
            long.
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
