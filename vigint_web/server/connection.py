"""One client connection, from its first byte until it is closed."""

import math
import socket
import struct
from contextlib import suppress
from typing import Any

from gunicorn.workers.gthread import TConn  # type: ignore[import-untyped] # no types

from vigint_web.server.arriving import Arriving
from vigint_web.server.incoming import Incoming, Unreader
from vigint_web.server.outgoing import ClientSocket, WaitingMakers
from vigint_web.server.parking import neighbourhood

# The maximum silence of a new connection, and of the reader of a short answer.
SILENCE_SECONDS = 15.0
_DROP_AT_ONCE = struct.pack("ii", 1, 0)  # struct linger, socket(7)


class Connection(TConn):  # type: ignore[misc] # an untyped base
    """A connection whose bytes are collected before it gets a thread, and that is closed once."""

    def __init__(
        self, cfg: Any, sock: socket.socket, client: Any, server: Any, makers: WaitingMakers
    ) -> None:
        super().__init__(cfg, ClientSocket(sock, makers), client, server)
        self.ended = False
        # The deadline of its thread, by the monotonic clock.
        self.last_moment = math.inf
        # The deadline of waiting while it has no thread, and the latest one after an answer.
        self.deadline = self.grace_ends = math.inf
        self.neighbourhood = neighbourhood(client)
        self.arriving = Arriving()
        self.incoming: Incoming | None = None
        # The maximum silence of the reader of its answer, and whether it is kept alive afterwards.
        self.stall_seconds = SILENCE_SECONDS
        self.is_kept = False
        self.data_ready = True  # a thread finds a request

    def init(self) -> None:
        """Prepare the parser for the received request."""
        super().init()
        self.sock.begin()
        # Limits writing; reading waits in `Unreader`.
        self.sock.settimeout(SILENCE_SECONDS)
        if not isinstance(self.parser.unreader, Unreader):
            self.parser.unreader = Unreader(self.sock)
        self.parser.unreader.unread(self.arriving.take())

    def close(self, graceful: bool = False) -> None:  # noqa: ARG002 - gunicorn's signature
        """Close if it is open, without waiting."""
        if not self.ended:
            self.ended = True
            super().close()

    def expel(self) -> None:
        """Wake the thread that waits for this client, by ending its wait."""
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)

    def drop(self) -> None:
        """Close at once and discard unsent data."""
        with suppress(OSError):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DROP_AT_ONCE)
        self.close()

    def try_send(self, answer: bytes) -> None:
        """Send a short answer if the socket accepts it at once."""
        with suppress(OSError):
            self.sock.send(answer, socket.MSG_DONTWAIT)
