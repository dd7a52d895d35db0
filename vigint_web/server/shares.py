"""Divide a limited resource among owners: a limit in total, and one for each owner."""

import threading
from collections import Counter


class Shares:
    """Count the use, in total and by owner; thread-safe."""

    def __init__(self, total: int, each: int) -> None:
        """Take the limits; both are at least 1."""
        self.total, self.each = max(1, total), max(1, each)
        self._used: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, owner: str) -> bool:
        """Take one for an owner; return whether one was free."""
        with self._lock:
            if self._used.total() >= self.total or self._used[owner] >= self.each:
                return False
            self._used[owner] += 1
            return True

    def give_back(self, owner: str) -> None:
        """Return one that was taken."""
        with self._lock:
            self._used[owner] -= 1
            if self._used[owner] <= 0:
                del self._used[owner]


def body_shares(threads: int) -> Shares:
    """Return the shares of threads that may wait for bodies: half of them, an eighth per owner."""
    return Shares(threads // 2, threads // 8)
