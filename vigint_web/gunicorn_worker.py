"""gunicorn's threaded worker, unmoved by clients that neither send nor read.

As it comes, its main thread waits up to 2 seconds for each client whose connection it ends and
accepts nobody meanwhile, and half a request holds its thread for ever.
"""

import logging
import socket
import struct
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped] # no types

log = logging.getLogger(__name__)

# How long a client may take between two bytes of its request.
SILENCE_SECONDS = 15.0
_DROP_AT_ONCE = struct.pack("ii", 1, 0)  # struct linger, socket(7)


class Connection(TConn):  # type: ignore[misc] # an untyped base
    """A connection that is not waited for without end, and is closed once."""

    ended = False

    def init(self) -> None:
        """Prepare for the next request, as gunicorn does, but limit the wait for its bytes."""
        super().init()
        self.sock.settimeout(SILENCE_SECONDS)

    def close(self, graceful: bool = False) -> None:
        """Close, unless a thread has done so already."""
        if not self.ended:
            self.ended = True
            super().close(graceful)

    def drop(self) -> None:
        """Close at once and forget what the client did not take."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DROP_AT_ONCE)
        self.close()


class PatientWorker(ThreadWorker):  # type: ignore[misc] # an untyped base
    """A worker whose main thread waits for nobody."""

    def enqueue_req(self, conn: Any) -> None:
        """Hand a connection to a thread."""
        conn.__class__ = Connection  # gunicorn has no factory for them
        super().enqueue_req(conn)

    def handle(self, conn: Any) -> Any:
        """Handle a request in its thread, and close there what is not kept alive."""
        kept = super().handle(conn)
        if kept is False:
            conn.close(graceful=True)
        return kept

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Answer a request; drop the connection of a client that does not read the answer."""
        try:
            return bool(super().handle_request(req, conn))
        except TimeoutError:
            log.info("connection dropped: its client read nothing")
            conn.drop()
            return False
