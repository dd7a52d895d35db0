"""Divide what is scarce among owners: so many at once in all, so many for each of them."""

import threading
from collections import Counter


class Shares:
    """Count what is in use, in all and by owner; safe to use from several threads."""

    def __init__(self, total: int, each: int) -> None:
        """Take the limits; both are at least 1."""
        self.total, self.each = max(1, total), max(1, each)
        self._used: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, owner: str) -> bool:
        """Take one for an owner; return whether there was one."""
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
    """Return how many threads may wait for bodies: half of them, an eighth for one owner."""
    return Shares(threads // 2, threads // 8)
