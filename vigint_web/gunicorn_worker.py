"""gunicorn's threaded worker, unmoved by clients that neither send nor read.

As it comes, its main thread waits up to 2 seconds for each client whose connection it ends and
accepts nobody meanwhile, and half a request holds its thread for ever.

A request has 30 seconds from its first byte to the last of its answer, unless the application gives
it time (`vigint_web.http.patience`): one byte every few seconds would hold a thread for hours.
"""

import logging
import math
import socket
import struct
import threading
import time
from contextlib import suppress
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped] # no types

from vigint_web.http.patience import has_time, hurry

log = logging.getLogger(__name__)

# How long a client may take between two bytes of its request.
SILENCE_SECONDS = 15.0
REQUEST_SECONDS = 30.0
_DROP_AT_ONCE = struct.pack("ii", 1, 0)  # struct linger, socket(7)


class Connection(TConn):  # type: ignore[misc] # an untyped base
    """A connection that is not waited for without end, and is closed once."""

    ended = False
    deadline = math.inf

    def init(self) -> None:
        """Prepare for the next request, as gunicorn does, but limit the wait for its bytes."""
        super().init()
        self.sock.settimeout(SILENCE_SECONDS)

    def close(self, graceful: bool = False) -> None:
        """Close, unless a thread has done so already."""
        if not self.ended:
            self.ended = True
            super().close(graceful)

    def expel(self) -> None:
        """Wake the thread that waits for this client, by ending what it waits for."""
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)

    def drop(self) -> None:
        """Close at once and forget what the client did not take."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DROP_AT_ONCE)
        self.close()


class PatientWorker(ThreadWorker):  # type: ignore[misc] # an untyped base
    """A worker whose main thread waits for nobody."""

    def init_process(self) -> None:
        """Prepare this process, as gunicorn does."""
        self._under_way: set[Connection] = set()
        self._under_way_lock = threading.Lock()
        self._handed_over = 0
        super().init_process()

    def enqueue_req(self, conn: Any) -> None:
        """Hand a connection to a thread."""
        conn.__class__ = Connection  # gunicorn has no factory for them
        self._handed_over += 1
        super().enqueue_req(conn)

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Take a connection back from its thread."""
        self._handed_over -= 1
        super().finish_request(conn, fs)

    def accept(self, listener: Any) -> None:
        """Accept a connection; leave the next ones to other processes when all threads are busy."""
        super().accept(listener)
        self.set_accept_enabled(True)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Accept or not; gunicorn would accept what then waits behind stalled clients."""
        super().set_accept_enabled(enabled and self._handed_over < self.cfg.threads)

    def handle(self, conn: Any) -> Any:
        """Handle a request in its thread, and close there what is not kept alive."""
        hurry(conn.sock)
        conn.deadline = time.monotonic() + REQUEST_SECONDS
        with self._under_way_lock:
            self._under_way.add(conn)
        try:
            kept = super().handle(conn)
        finally:
            with self._under_way_lock:
                self._under_way.discard(conn)
        if kept is False:
            conn.close(graceful=True)
        return kept

    def murder_pending(self) -> None:
        """End what has waited too long; the main thread comes by every second."""
        super().murder_pending()
        now = time.monotonic()
        # Under the lock: a connection that has ended meanwhile is not in the set any more.
        with self._under_way_lock:
            for conn in self._under_way:
                if now > conn.deadline and not has_time(conn.sock):
                    conn.expel()

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Answer a request; drop the connection of a client that does not read the answer."""
        try:
            return bool(super().handle_request(req, conn))
        except TimeoutError:
            log.info("connection dropped: its client read nothing")
            conn.drop()
            return False
