"""Queue this process's writers for SQLite's only write lock, in the order of arrival.

SQLite makes a writer sleep and poll at growing intervals: of a hundred concurrent ones some never
get the lock, and fail ("database is locked").
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from vigint_web.extensions import db

# After this time a writer continues without its turn; the database decides.
_LONGEST_SECONDS = 30.0


class Turns:
    """A lock that is granted in the order of requests."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Event] = deque()

    def take(self, seconds: float) -> bool:
        """Wait for the turn; return whether it came in time."""
        with self._guard:
            if not self._taken:
                self._taken = True
                return True
            called = threading.Event()
            self._waiting.append(called)
        if called.wait(seconds):
            return True
        with self._guard:
            if called.is_set():  # granted at this very moment
                return True
            self._waiting.remove(called)
            return False

    def give_back(self) -> None:
        """Pass it to the next one."""
        with self._guard:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._taken = False


_turns = Turns()


@contextmanager
def write_turn() -> Iterator[None]:
    """Run a block in turn; on PostgreSQL, which needs no turns, at once.

    The block must be short, must not wait for another thread, and must not need a second turn.
    """
    if db.engine.dialect.name != "sqlite" or not _turns.take(_LONGEST_SECONDS):
        yield
        return
    try:
        yield
    finally:
        _turns.give_back()
