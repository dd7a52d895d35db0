"""Admit requests with large bodies to threads: a few at a time, round-robin over clients.

Most checks of such a request do not depend on its body: whether its key is valid, whether its
upload is locked, whether its owner has a share left. They take milliseconds, and a client can cause
them on hundreds of connections at once. A limit on how many requests are being checked at the same
time keeps the other threads, and the processor, available for all other requests.
"""

from typing import Generic, TypeVar

from vigint_web.server.parking import Parked, Parking

# After this time a request is no longer in admission but at work: reading, storing, decoding.
DECIDING_SECONDS = 1.0

C = TypeVar("C", bound=Parked)


class Admission(Generic[C]):
    """Requests waiting for admission, and those being checked."""

    def __init__(self, places: int, at_once: int) -> None:
        """Take the limits.

        Args:
            places: how many may wait.
            at_once: about how many are checked at the same time.
        """
        self.waiting = Parking[C](places)
        self._at_once = max(1, at_once)
        self._since: dict[C, float] = {}

    def admit(self, now: float) -> list[C]:
        """Return the requests that get a thread now, round-robin over clients.

        Args:
            now: the time by the monotonic clock, in seconds.
        """
        for connection, since in list(self._since.items()):
            if now - since > DECIDING_SECONDS:
                del self._since[connection]
        admitted: list[C] = []
        while len(self._since) < self._at_once:
            following = self.waiting.next_in_turn()
            if following is None:
                break
            self._since[following] = now
            admitted.append(following)
        return admitted

    def decided(self, connection: C) -> None:
        """Note that a request was answered, or that it waits for its body within a share."""
        self._since.pop(connection, None)
