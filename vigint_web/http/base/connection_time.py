"""Mark connections that may last; the server ends all others after half a minute."""

import socket
import threading
import weakref
from typing import Any, Protocol, runtime_checkable

# The maximum silence on a connection that may last.
SILENCE_SECONDS = 60.0

_unhurried: "weakref.WeakSet[socket.socket]" = weakref.WeakSet()
_lock = threading.Lock()


@runtime_checkable
class AwaitedBody(Protocol):
    """The body of a request from the server; waiting for the rest of it needs an owner."""

    def belongs_to(self, owner: str) -> None:
        """Set the owner whose share of the threads may wait for it."""


def name_owner(environ: dict[str, Any], owner: str) -> None:
    """Set the owner of the current request; a large body without one is not waited for."""
    body = environ.get("wsgi.input")
    if isinstance(body, AwaitedBody):
        body.belongs_to(owner)


def take_time(environ: dict[str, Any], silence: float = SILENCE_SECONDS) -> socket.socket | None:
    """Let the current request last, for a large body or answer; return its connection.

    For requests that are known to be allowed. Afterwards only silence ends them, or a body that
    arrives too slowly (`vigint_web.server.pace`).
    """
    connection = environ.get("gunicorn.socket")
    if not isinstance(connection, socket.socket):
        return None
    connection.settimeout(silence)
    with _lock:
        _unhurried.add(connection)
    return connection


def hurry(connection: socket.socket) -> None:
    """Reset: the next request on this connection must be allowed to last again."""
    with _lock:
        _unhurried.discard(connection)


def has_time(connection: socket.socket) -> bool:
    """Return whether a connection may last."""
    with _lock:
        return connection in _unhurried
