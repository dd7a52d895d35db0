"""Say which connections may take their time; the server ends every other after half a minute."""

import socket
import threading
import weakref
from typing import Any, Protocol, runtime_checkable

# How long a connection with time may be silent.
SILENCE_SECONDS = 60.0

_unhurried: "weakref.WeakSet[socket.socket]" = weakref.WeakSet()
_lock = threading.Lock()


@runtime_checkable
class AwaitedBody(Protocol):
    """The body of a request as the server gives it: what has not come is waited for, for whom?"""

    def belongs_to(self, owner: str) -> None:
        """Say whose share of the threads may wait for it."""


def name_owner(environ: dict[str, Any], owner: str) -> None:
    """Say for whom the current request is; the rest of nobody's large body is not waited for."""
    body = environ.get("wsgi.input")
    if isinstance(body, AwaitedBody):
        body.belongs_to(owner)


def take_time(environ: dict[str, Any], silence: float = SILENCE_SECONDS) -> socket.socket | None:
    """Let the current request last: its body is large, or its answer; return its connection.

    For requests that are known to be allowed. Only a silence ends them then, or a body that comes
    too slowly (`vigint_web.server.pace`).
    """
    connection = environ.get("gunicorn.socket")
    if not isinstance(connection, socket.socket):
        return None
    connection.settimeout(silence)
    with _lock:
        _unhurried.add(connection)
    return connection


def hurry(connection: socket.socket) -> None:
    """Begin anew: the next request on this connection has to earn its time."""
    with _lock:
        _unhurried.discard(connection)


def has_time(connection: socket.socket) -> bool:
    """Return whether a connection was given time."""
    with _lock:
        return connection in _unhurried
