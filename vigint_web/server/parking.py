"""Hold connections that wait for their client: each costs a descriptor, and no thread."""

from collections.abc import Hashable, Iterator
from ipaddress import IPv6Address, ip_address
from typing import Generic, Protocol, TypeVar


class Parked(Protocol):
    """A waiting connection."""

    @property
    def neighbourhood(self) -> Hashable:
        """The address block shared by the connections of one client."""

    @property
    def deadline(self) -> float:
        """The end of its wait, by the monotonic clock."""


C = TypeVar("C", bound=Parked)


class Parking(Generic[C]):
    """Connections in the order of arrival, grouped by client."""

    def __init__(self, places: int) -> None:
        self.places = max(1, places)
        self._by_client: dict[Hashable, dict[C, None]] = {}
        self._count = 0

    def __len__(self) -> int:
        """Return the number of connections."""
        return self._count

    def __iter__(self) -> Iterator[C]:
        """Yield each connection."""
        for group in list(self._by_client.values()):
            yield from list(group)

    def __contains__(self, connection: C) -> bool:
        """Return whether a connection is held."""
        return connection in self._by_client.get(connection.neighbourhood, ())

    def add(self, connection: C) -> None:
        """Hold a connection."""
        group = self._by_client.setdefault(connection.neighbourhood, {})
        if connection not in group:
            group[connection] = None
            self._count += 1

    def remove(self, connection: C) -> None:
        """Remove a connection if it is held."""
        group = self._by_client.get(connection.neighbourhood)
        if group is None or connection not in group:
            return
        del group[connection]
        self._count -= 1
        if not group:
            del self._by_client[connection.neighbourhood]

    def next_in_turn(self) -> C | None:
        """Remove and return the oldest of one client; the next call uses another client."""
        if not self._count:
            return None
        client = next(iter(self._by_client))
        group = self._by_client.pop(client)
        connection = next(iter(group))
        del group[connection]
        self._count -= 1
        if group:
            self._by_client[client] = group  # behind all other clients
        return connection

    def overdue(self, now: float) -> list[C]:
        """Return the connections past their deadline."""
        return [connection for connection in self if now > connection.deadline]

    def surplus(self, *, always: bool = False) -> C | None:
        """Return the connection to close when the limit is reached: the oldest of the client with
        the most.

        Args:
            always: one must be closed although the limit is not reached.
        """
        if not self._count or (self._count < self.places and not always):
            return None
        largest = max(self._by_client.values(), key=len)
        return next(iter(largest))


def neighbourhood(address: object) -> str:
    """Return the block from which one client can choose addresses: one of IPv4, a /64 of IPv6."""
    text = str(address[0]) if isinstance(address, tuple) and address else str(address)
    try:
        parsed = ip_address(text.partition("%")[0])
    except ValueError:
        return text
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(IPv6Address(int(parsed) >> 64 << 64))
    return text
