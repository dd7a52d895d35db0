"""Let this process's writers have SQLite's one write lock in the order of their coming.

SQLite makes whoever finds it taken sleep and look again, ever longer: of a hundred that come at
once some never find it free, and give up ("database is locked").
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from vigint_web.extensions import db

# After so long one goes on without its turn; the database decides.
_LONGEST_SECONDS = 30.0


class Turns:
    """A lock that is taken in the order of asking."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Event] = deque()

    def take(self, seconds: float) -> bool:
        """Wait until it is one's turn; return whether it came in time."""
        with self._guard:
            if not self._taken:
                self._taken = True
                return True
            called = threading.Event()
            self._waiting.append(called)
        if called.wait(seconds):
            return True
        with self._guard:
            if called.is_set():  # at this very moment
                return True
            self._waiting.remove(called)
            return False

    def give_back(self) -> None:
        """Let the next one have it."""
        with self._guard:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._taken = False


_turns = Turns()


@contextmanager
def write_turn() -> Iterator[None]:
    """Run a block when it is its turn to write; on PostgreSQL, which has no such turns, at once.

    The block must be short, wait for nobody, and never want a second turn.
    """
    if db.engine.dialect.name != "sqlite" or not _turns.take(_LONGEST_SECONDS):
        yield
        return
    try:
        yield
    finally:
        _turns.give_back()
