"""Ports for servers that tests start: reserved by this process."""

import fcntl
import os
import random
import socket
import tempfile
import threading
from pathlib import Path

# Below the ephemeral ports (32768 on Linux, 49152 by RFC 6335): a port from here is never given to
# another program between the query for it and its use, or between a server's end and its next
# start.
_FIRST, _END = 20_000, 32_768


class _Leases:
    """Ports that this process holds, by a lock per port (fcntl(2)) that ends with the process."""

    def __init__(self) -> None:
        self._one_at_a_time = threading.Lock()
        self._held: set[int] = set()
        path = Path(tempfile.gettempdir()) / f"vigint-test-ports-{os.getuid()}"
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def take(self) -> int:
        """Return a free port that no other test process uses."""
        with self._one_at_a_time:
            # Not the test's seeded generator: all processes would try the same ones.
            start = random.SystemRandom().randrange(_FIRST, _END)
            ports: list[int] = [*range(start, _END), *range(_FIRST, start)]
            for port in ports:
                if port not in self._held and self._lock(port) and _is_free(port):
                    self._held.add(port)
                    return port
        raise AssertionError(f"no port between {_FIRST} and {_END} is free")

    def _lock(self, port: int) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except OSError:
            return False
        return True


def _is_free(port: int) -> bool:
    try:
        # Like servers: a recently closed connection (TIME_WAIT) is no obstacle.
        with socket.create_server(("", port)):
            return True
    except OSError:
        return False


_LEASES = _Leases()


def free_port() -> int:
    """Return a port for a server, reserved until this process ends."""
    return _LEASES.take()
