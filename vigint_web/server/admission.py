"""Admit requests with large bodies to threads: a few at a time, the clients in turn.

Most of what is decided about such a request does not depend on its body: whether its key is right,
whether its upload is locked, whether its owner has a share left. Deciding takes milliseconds, and
a client can ask for it from hundreds of connections at once. A limit on how many are decided at
the same time keeps the rest of the threads, and of the processor, for all other requests.
"""

from typing import Generic, TypeVar

from vigint_web.server.parking import Parked, Parking

# A request that takes longer is at work, no longer being decided: reading, storing, decoding.
DECIDING_SECONDS = 1.0

C = TypeVar("C", bound=Parked)


class Admission(Generic[C]):
    """Requests that wait for admission, and those about which is being decided."""

    def __init__(self, places: int, at_once: int) -> None:
        """Take the limits.

        Args:
            places: how many may wait.
            at_once: about how many is decided at the same time.
        """
        self.waiting = Parking[C](places)
        self._at_once = max(1, at_once)
        self._since: dict[C, float] = {}

    def admit(self, now: float) -> list[C]:
        """Return the requests that get a thread now, each client's in its turn.

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
        """Note that a request was answered, or that its body is waited for within a share."""
        self._since.pop(connection, None)
