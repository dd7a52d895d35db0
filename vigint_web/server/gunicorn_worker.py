"""gunicorn's threaded worker, without threads that wait for slow clients.

In gunicorn's own worker a connection gets a thread when it is accepted, and an incomplete request
occupies that thread. Here the main thread collects the bytes of all connections without blocking,
and passes a connection to a thread when its request is complete except for a large body. A request
with such a body is admitted in turn (`vigint_web.server.admission`) and its thread reads the body
as `vigint_web.server.incoming` allows. Output that a reader does not take at once is sent when its
socket is writable (`vigint_web.server.outgoing`). Closing waits for the client without a thread
too.

A request has 30 seconds from its first byte to the last of its answer, unless the application
extends it (`vigint_web.http.base.connection_time`).
"""

import errno
import logging
import math
import selectors
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import Any

from gunicorn.workers.gthread import (  # type: ignore[import-untyped] # no types
    STOP_KEEPALIVE_LINGER,
    ThreadWorker,
)

from vigint_web.http.base.connection_time import has_time, hurry
from vigint_web.server.admission import Admission
from vigint_web.server.arriving import Arriving, HeadTooLong
from vigint_web.server.body_drain import SettledBodies
from vigint_web.server.connection import SILENCE_SECONDS, Connection
from vigint_web.server.incoming import Incoming, Waiting
from vigint_web.server.outgoing import WaitingMakers
from vigint_web.server.parking import Parking
from vigint_web.server.refusals import BUSY, CONTINUE, TOO_LATE, too_long
from vigint_web.server.shares import body_shares

log = logging.getLogger(__name__)

REQUEST_SECONDS = 30.0
# A client whose body was refused keeps sending, and reads the answer when it has finished or polls
# for it. The time without, and with, further bytes before the connection is closed.
_GRACE_SECONDS = 1.0
_LONGEST_GRACE_SECONDS = 5.0
_LOOK_SECONDS = 0.25
_READ_AT_ONCE = 32 * 1024
# For a fast stop: the maximum silence of a reader, and the interval of checking it.
_HURRIED_STALL_SECONDS = 0.5
_HURRIED_LOOK_SECONDS = 0.05
_TRANSIENT = {errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED, errno.EPROTO, errno.EINTR}
_NO_DESCRIPTOR = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class PatientWorker(ThreadWorker):  # type: ignore[misc] # an untyped base
    """A worker whose threads wait only for the senders of large bodies."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Separate limits, so that slow senders do not displace readers, nor the other way round.
        self._senders: Parking[Connection] = Parking(self.cfg.worker_connections)
        self._readers: Parking[Connection] = Parking(self.cfg.worker_connections)
        self._large = Admission[Connection](self.cfg.worker_connections, self.cfg.threads // 16)
        # A new connection is always accepted: an old one is closed for it.
        self.worker_connections: int = sys.maxsize

    def init_process(self) -> None:
        """Prepare this process like gunicorn."""
        self._under_way: set[Connection] = set()
        self._under_way_lock = threading.Lock()
        self._handed_over = 0
        self._next_look = 0.0
        self._hurries = False
        self._body_shares = body_shares(self.cfg.threads)
        # Half of the threads may wait for bodies; these places are in the other half.
        self._makers = WaitingMakers(3 * self.cfg.threads // 8)
        super().init_process()

    def load_wsgi(self) -> None:
        """Load the application; settle the unread rest of a body before the answer."""
        super().load_wsgi()
        self.wsgi: Any = SettledBodies(self.wsgi)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Accept or not; gunicorn would accept connections that then wait for a busy thread."""
        has_thread = self._handed_over < self.cfg.threads
        super().set_accept_enabled(enabled and self.alive and has_thread)

    # From the listener to a thread.

    def accept(self, listener: Any) -> None:
        """Accept a connection and read its first bytes."""
        try:
            sock, client = listener.accept()
        except OSError as error:
            if error.errno in _NO_DESCRIPTOR:
                self._make_room(self._senders, always=True)
            elif error.errno not in _TRANSIENT:
                raise
            return
        self.nr_conns += 1
        self._make_room(self._senders)
        conn = Connection(self.cfg, sock, client, listener.getsockname(), self._makers)
        self._await_request(conn, b"", SILENCE_SECONDS)

    def on_client_socket_readable(self, conn: Any, client: Any) -> None:
        """Read from a kept-alive connection."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._await_request(conn, b"", SILENCE_SECONDS)

    def _await_request(self, conn: Connection, ahead: bytes, seconds: float) -> None:
        conn.deadline = time.monotonic() + seconds
        if ahead and self._collect(conn, ahead):
            return
        self._read(conn, conn.sock)

    def _read(self, conn: Connection, _client: Any) -> None:
        """Collect bytes, and pass the connection on when a request is ready."""
        try:
            data = conn.sock.recv(_READ_AT_ONCE)
        except BlockingIOError:
            self._park(conn, self._read)
            return
        except OSError:
            self._forget(conn)
            return
        if not data:
            self._forget(conn)  # the client has disconnected
        elif not self._collect(conn, data):
            self._park(conn, self._read)

    def _collect(self, conn: Connection, data: bytes) -> bool:
        """Add to a request; return whether the connection needs no further reading."""
        if not len(conn.arriving):
            conn.deadline = time.monotonic() + REQUEST_SECONDS
        try:
            ready = conn.arriving.feed(data)
        except HeadTooLong:
            self._refuse(conn, too_long(conn.arriving.take()))
            return True
        if ready:
            self._unpark(conn)
            if conn.arriving.has_large_body:
                self._make_room(self._large.waiting)
                self._large.waiting.add(conn)
                self._admit()
            else:
                self.enqueue_req(conn)
        elif conn.arriving.expects_continue:
            conn.arriving.expects_continue = False
            conn.try_send(CONTINUE)
        return ready

    def _admit(self) -> None:
        for conn in self._large.admit(time.monotonic()):
            self.enqueue_req(conn)

    def _has_decided(self, conn: Connection) -> None:
        self._large.decided(conn)
        self._admit()

    def enqueue_req(self, conn: Any) -> None:
        """Pass a connection to a thread."""
        self._handed_over += 1
        super().enqueue_req(conn)
        self.set_accept_enabled(True)

    def _refuse(self, conn: Connection, answer: bytes) -> None:
        self._unpark(conn)
        conn.arriving = Arriving()
        conn.try_send(answer)
        self._part_from(conn)

    # In a thread.

    def handle(self, conn: Any) -> Any:
        """Handle a request in its thread."""
        hurry(conn.sock)
        conn.last_moment = time.monotonic() + REQUEST_SECONDS
        with self._under_way_lock:
            self._under_way.add(conn)
        try:
            return super().handle(conn)
        finally:
            conn.stall_seconds = conn.sock.gettimeout() or SILENCE_SECONDS
            if conn.incoming is not None:
                conn.incoming.waiting.end()
            with self._under_way_lock:
                self._under_way.discard(conn)

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Answer a request; close the connection of a client that does not read the answer."""
        unreader, is_expected = conn.parser.unreader, req._expected_100_continue
        # Sent when the body is waited for: a client without permission gets the refusal before it
        # sends.
        req._expected_100_continue = False

        def last_moment() -> float:
            return math.inf if has_time(conn.sock) else float(conn.last_moment)

        def begin() -> None:
            if is_expected:
                conn.sock.sendall(CONTINUE)

        def has_share() -> None:
            self.method_queue.defer(self._has_decided, conn)

        waiting = Waiting(self._body_shares, last_moment, begin, has_share)
        req.body = conn.incoming = Incoming(req, unreader, waiting)
        try:
            return bool(super().handle_request(req, conn))
        except TimeoutError:
            log.info("connection closed: its client read nothing")
            conn.drop()
            return False

    def _keepalive_after(self, conn: Any, keepalive: Any) -> bool:
        """Return whether the connection can be reused; the rest of a body is not read."""
        return bool(keepalive and conn.incoming.settle())

    # From a thread back to the poller.

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Take a connection back from its thread."""
        self._handed_over -= 1
        self._has_decided(conn)
        self.set_accept_enabled(True)
        try:
            kept = not fs.cancelled() and bool(fs.result())
        except Exception:
            log.exception("a connection's thread failed")
            kept = False
        if conn.ended:
            self.nr_conns -= 1
            return
        conn.sock.setblocking(False)
        conn.is_kept = kept
        self._go_on(conn)

    def _go_on(self, conn: Connection) -> None:
        """Continue after an answer was sent completely."""
        if not conn.sock.is_finished:
            self._make_room(self._readers)
            stall = _HURRIED_STALL_SECONDS if self._hurries else conn.stall_seconds
            conn.deadline = time.monotonic() + stall
            if not has_time(conn.sock):
                conn.deadline = min(conn.deadline, conn.last_moment)
            self._readers.add(conn)
            writable = partial(self._send, conn)
            self.poller.register(conn.sock, selectors.EVENT_WRITE, writable)
            return
        if not conn.is_kept:
            self._part_from(conn)
            return
        ahead = conn.parser.unreader.take_buffered()
        if ahead:
            self._make_room(self._senders)
            self._await_request(conn, ahead, SILENCE_SECONDS)
            return
        conn.set_timeout()
        if not self.alive:
            linger = 0.0 if self._hurries else STOP_KEEPALIVE_LINGER
            conn.timeout = min(conn.timeout, time.monotonic() + linger)
        self.keepalived_conns.append(conn)
        readable = partial(self.on_client_socket_readable, conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, readable)

    def _send(self, conn: Connection, _client: Any) -> None:
        """Let a thread continue sending: reading a file may block, the reader does not."""
        self._unpark(conn)
        self._handed_over += 1
        self.set_accept_enabled(True)
        sending = self.tpool.submit(conn.sock.go_on)
        sending.add_done_callback(
            lambda future: self.method_queue.defer(self._has_sent, conn, future)
        )

    def _has_sent(self, conn: Connection, sending: Any) -> None:
        self._handed_over -= 1
        self.set_accept_enabled(True)
        if sending.cancelled() or sending.exception() is not None:
            self._forget(conn)  # the reader has disconnected, or its link has ended
        else:
            self._go_on(conn)

    def _part_from(self, conn: Connection) -> None:
        """Close, after a sending client had time to read its answer (RFC 9112, 9.6)."""
        conn.deadline = time.monotonic() + _GRACE_SECONDS
        conn.grace_ends = time.monotonic() + _LONGEST_GRACE_SECONDS
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._forget(conn)
            return
        self._make_room(self._senders)
        self._linger(conn, conn.sock)

    def _linger(self, conn: Connection, _client: Any) -> None:
        try:
            data = conn.sock.recv(8 * _READ_AT_ONCE)
        except BlockingIOError:
            self._park(conn, self._linger)
            return
        except OSError:
            data = b""
        if not data:
            self._forget(conn)
            return
        conn.deadline = min(time.monotonic() + _GRACE_SECONDS, conn.grace_ends)
        self._park(conn, self._linger)

    # Waiting without a thread.

    def _park(self, conn: Connection, then: Callable[[Connection, Any], None]) -> None:
        """Wait for a client to send, unless it is waited for already."""
        if conn not in self._senders:
            self._senders.add(conn)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(then, conn))

    def _unpark(self, conn: Connection) -> None:
        for waiting in (self._senders, self._readers, self._large.waiting):
            if conn in waiting:
                waiting.remove(conn)
                with suppress(KeyError, ValueError, OSError):
                    self.poller.unregister(conn.sock)

    def _forget(self, conn: Connection, *, at_once: bool = False) -> None:
        self._unpark(conn)
        self.nr_conns -= 1
        if at_once:
            conn.drop()
        else:
            conn.close()

    def _make_room(self, waiting: Parking[Connection], *, always: bool = False) -> None:
        """Close the oldest connection of the client with the most, if the limit is reached."""
        surplus = waiting.surplus(always=always)
        if surplus is not None:
            self._forget(surplus)

    # Stopping.

    def handle_quit(self, _number: int, _frame: FrameType | None) -> None:
        """Stop without waiting for idle connections; gunicorn's own SIGQUIT aborts requests.

        SIGTERM gives them two seconds: a client about to send another request is still answered.
        """
        self._hurries = True
        self.alive = False
        self.method_queue.defer(lambda: None)  # wakes the main thread

    def _cap_keepalive(self, deadline: float) -> None:
        """Shorten the waits of a stopping worker."""
        if self._hurries:
            deadline = 0.0
            for reader in self._readers:
                reader.deadline = min(reader.deadline, time.monotonic() + _HURRIED_STALL_SECONDS)
        super()._cap_keepalive(deadline)
        while conn := self._large.waiting.next_in_turn():
            self.enqueue_req(conn)
        for sender in self._senders:
            if not len(sender.arriving):
                sender.deadline = min(sender.deadline, deadline)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Wait for events, but check deadlines often while this worker stops."""
        if self._hurries:
            timeout = min(timeout, _HURRIED_LOOK_SECONDS)
            self._next_look = 0.0
        super().wait_for_and_dispatch_events(timeout)

    def murder_pending(self) -> None:
        """End expired waits; called by the main thread every second."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _LOOK_SECONDS
        for conn in self._senders.overdue(now):
            if len(conn.arriving):
                self._refuse(conn, TOO_LATE)
            else:
                self._forget(conn)
        for conn in self._large.waiting.overdue(now):
            self._refuse(conn, BUSY)
        self._admit()
        for conn in self._readers.overdue(now):
            log.info("connection closed: its client read nothing")
            self._forget(conn, at_once=True)
        # Under the lock: a connection that has ended meanwhile is no longer in the set.
        with self._under_way_lock:
            for conn in self._under_way:
                if now > conn.last_moment and not has_time(conn.sock):
                    conn.expel()
