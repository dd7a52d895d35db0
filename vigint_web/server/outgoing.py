"""Send answers without threads that wait for their readers."""

import os
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol, runtime_checkable

# A reader that takes data within this time is waited for in its thread, up to this total: passing a
# connection back and forth costs more than that.
_PROMPT_SECONDS = 0.02
_TURN_SECONDS = 0.5
# How much generated output is buffered in memory; beyond it its producer waits.
_MOST_HELD = 1024 * 1024
_AT_ONCE = 4 * 1024 * 1024


@runtime_checkable
class Lasting(Protocol):
    """A file whose sending may continue after the request has ended."""

    def outlast(self) -> Callable[[int], None]:
        """Return a callback for the end of sending, which gets the number of bytes sent."""


class _Part:
    """A part of an open file that is sent by the kernel."""

    def __init__(self, file: Any, offset: int, count: int) -> None:
        self.descriptor = os.dup(file.fileno())
        self.offset, self.left = offset, count
        self._sent = 0
        self._ended = file.outlast() if isinstance(file, Lasting) else None

    def send(self, to: int) -> int:
        sent = os.sendfile(to, self.descriptor, self.offset, min(self.left, _AT_ONCE))
        if sent == 0:
            raise ConnectionAbortedError("a file was truncated while it was being sent")
        self.offset += sent
        self._sent += sent
        self.left -= sent
        return sent

    def end(self) -> None:
        os.close(self.descriptor)
        if self._ended is not None:
            self._ended(self._sent)


class WaitingMakers:
    """Limit the threads that generate an answer and wait for its reader."""

    def __init__(self, most: int) -> None:
        """Take the maximum number of waiting threads."""
        self._most = max(1, most)
        self._waited_for: dict[ClientSocket, None] = {}
        self._lock = threading.Lock()

    @contextmanager
    def waiting(self, reader: "ClientSocket") -> Iterator[None]:
        """Wait for a reader inside the block; beyond the limit, abort the slowest one."""
        with self._lock:
            self._waited_for[reader] = None
            if len(self._waited_for) > self._most:
                slowest = min(self._waited_for, key=ClientSocket.pace)
                del self._waited_for[slowest]
                # Under the lock: the thread is still waiting, so the descriptor is still its own.
                with suppress(OSError):
                    slowest.shutdown(socket.SHUT_RDWR)
        try:
            yield
        finally:
            with self._lock:
                self._waited_for.pop(reader, None)


class ClientSocket(socket.socket):
    """A socket that buffers output its reader does not take at once; `go_on` sends it later."""

    def __init__(self, accepted: socket.socket, makers: WaitingMakers | None = None) -> None:
        """Take over an accepted connection.

        Args:
            makers: the limit of threads that wait for readers.
        """
        family, kind, protocol = accepted.family, accepted.type, accepted.proto
        super().__init__(family, kind, protocol, fileno=accepted.detach())
        self._held: deque[memoryview | _Part] = deque()
        self._held_bytes = 0
        self.is_finished = True
        self._makers = makers or WaitingMakers(1)
        # The amount of generated output that was taken, and since when.
        self._taken, self._since = 0, time.monotonic()

    def pace(self) -> float:
        """Return the bytes per second taken of generated output."""
        return self._taken / max(0.001, time.monotonic() - self._since)

    def begin(self) -> None:
        """Begin another answer."""
        self._taken, self._since = 0, time.monotonic()

    def sendall(self, data: Any, _flags: int = 0, /) -> None:
        """Send what the socket accepts, and buffer the rest.

        Raises:
            TimeoutError: the buffer is full, and the reader takes nothing.
            OSError: the reader has disconnected.
        """
        view = memoryview(data).cast("B")
        if not self._held:
            view = view[self._write(view) :]
        if not view:
            return
        self._held.append(memoryview(bytes(view)))
        self._held_bytes += len(view)
        self.is_finished = False
        while self._held_bytes > _MOST_HELD:
            with self._makers.waiting(self):
                if not self._is_writable(self.gettimeout()):
                    raise TimeoutError("its client read nothing")
            self._send_held()

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        """Send a part of a file; keep the rest if the reader does not take it in time."""
        length = os.fstat(file.fileno()).st_size - offset if count is None else count
        self._held.append(_Part(file, offset, length))
        self.is_finished = False
        self.go_on()
        return length

    def go_on(self) -> bool:
        """Continue sending for a moment while the reader is fast; return whether all is sent.

        Raises:
            OSError: the reader has disconnected.
        """
        ends = time.monotonic() + _TURN_SECONDS
        while not self._send_held():
            if time.monotonic() > ends or not self._is_writable(_PROMPT_SECONDS):
                return False
        return True

    def abandon(self) -> None:
        """Discard buffered output."""
        while self._held:
            part = self._held.popleft()
            if isinstance(part, _Part):
                part.end()
        self._held_bytes = 0
        self.is_finished = True

    def close(self) -> None:
        """Close it, and discard buffered output."""
        self.abandon()
        super().close()

    def _send_held(self) -> bool:
        """Send as much as the socket accepts at once; return whether all is sent."""
        try:
            while self._held:
                if not self._send_first(self._held[0]):
                    return False
        except OSError:
            self.abandon()
            raise
        self.is_finished = True
        return True

    def _send_first(self, part: memoryview | _Part) -> bool:
        """Return whether the next part may follow."""
        if isinstance(part, _Part):
            try:
                if part.left:
                    part.send(self.fileno())
            except BlockingIOError:
                return False
            if not part.left:
                self._held.popleft()
                part.end()
            return True
        sent = self._write(part)
        self._held_bytes -= sent
        if sent < len(part):
            self._held[0] = part[sent:]
            return False
        self._held.popleft()
        return True

    def _write(self, view: memoryview) -> int:
        try:
            sent = os.write(self.fileno(), view)  # its timeout made it non-blocking
        except BlockingIOError:
            return 0
        self._taken += sent
        return sent

    def _is_writable(self, seconds: float | None) -> bool:
        poll = select.poll()
        poll.register(self.fileno(), select.POLLOUT)
        return bool(poll.poll(None if seconds is None else seconds * 1000))
