"""Close long responses when their link ends.

The kernel sends the bytes of a long response in one call, so its own thread cannot check the link
again. One thread per process checks the links of all of them, and shuts down the sockets of those
whose link has ended.
"""

import itertools
import logging
import socket
import struct
import threading
from dataclasses import dataclass

from flask import Flask

from vigint_web.extensions import db
from vigint_web.services.links.access import is_alive

log = logging.getLogger(__name__)

# The contract promises ten seconds at most.
_LOOK_SECONDS = 4.0
_FORGET = struct.pack("ii", 1, 0)  # struct linger, socket(7)


@dataclass(frozen=True)
class _Lasting:
    link_id: int
    handle: str
    connection: socket.socket


class LinkWatch:
    """Hold the running responses and close those whose link is revoked, expired or deleted."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._lasting: dict[int, _Lasting] = {}
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._arrived = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, link_id: int, handle: str, connection: socket.socket) -> int:
        """Watch a response until `remove`; return its number."""
        with self._lock:
            number = next(self._numbers)
            self._lasting[number] = _Lasting(link_id, handle, connection)
            self._arrived.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="link-watch", daemon=True)
                self._thread.start()
        return number

    def remove(self, number: int) -> None:
        """Stop watching a response; it has ended."""
        with self._lock:
            self._lasting.pop(number, None)
            if not self._lasting:
                self._arrived.clear()

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            self._arrived.wait()
            pause.wait(_LOOK_SECONDS)
            try:
                self._look()
            except Exception:
                log.exception("links of running responses could not be read; retrying")

    def _look(self) -> None:
        with self._lock:
            watched = {(lasting.link_id, lasting.handle) for lasting in self._lasting.values()}
        with self._app.app_context():
            dead = {link for link in watched if not is_alive(*link)}
            db.session.remove()
        # Under the lock: the descriptor of a finished response may have been reused.
        with self._lock:
            for number, lasting in list(self._lasting.items()):
                if (lasting.link_id, lasting.handle) in dead:
                    del self._lasting[number]
                    log.info(
                        "response cut: its link is dead",
                        extra={"fields": {"link": lasting.link_id}},
                    )
                    _cut(lasting.connection)


def _cut(connection: socket.socket) -> None:
    """Close a connection, and discard its buffer: these bytes were sent, not delivered."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _FORGET)
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the reader disconnected first
