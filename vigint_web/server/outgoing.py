"""Send answers without a thread that waits until their readers have taken them."""

import os
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol, runtime_checkable

# A reader that takes something within this time is waited for in its thread, for so long in all:
# handing a connection back and forth costs more than that.
_PROMPT_SECONDS = 0.02
_TURN_SECONDS = 0.5
# How much of an answer that is made piece by piece waits in memory; then its maker waits.
_MOST_HELD = 1024 * 1024
_AT_ONCE = 4 * 1024 * 1024


@runtime_checkable
class Lasting(Protocol):
    """A file whose sending may go on when the request that asked for it has ended."""

    def outlast(self) -> Callable[[int], None]:
        """Return what is to be called when the sending has ended, with the number of bytes sent."""


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
            raise ConnectionAbortedError("a file that is being sent was cut short")
        self.offset += sent
        self._sent += sent
        self.left -= sent
        return sent

    def end(self) -> None:
        os.close(self.descriptor)
        if self._ended is not None:
            self._ended(self._sent)


class WaitingMakers:
    """Bound the threads that make an answer piece by piece and wait for its reader."""

    def __init__(self, most: int) -> None:
        """Take how many may wait at once."""
        self._most = max(1, most)
        self._waited_for: dict[ClientSocket, None] = {}
        self._lock = threading.Lock()

    @contextmanager
    def waiting(self, reader: "ClientSocket") -> Iterator[None]:
        """Wait for a reader inside the block; of too many, the slowest one is given up."""
        with self._lock:
            self._waited_for[reader] = None
            if len(self._waited_for) > self._most:
                slowest = min(self._waited_for, key=ClientSocket.pace)
                del self._waited_for[slowest]
                # Under the lock: it is still waited for, so its descriptor is still its own.
                with suppress(OSError):
                    slowest.shutdown(socket.SHUT_RDWR)
        try:
            yield
        finally:
            with self._lock:
                self._waited_for.pop(reader, None)


class ClientSocket(socket.socket):
    """A socket that keeps what its reader does not take at once, for `go_on` to send later."""

    def __init__(self, accepted: socket.socket, makers: WaitingMakers | None = None) -> None:
        """Take an accepted connection over.

        Args:
            makers: who else waits for readers.
        """
        family, kind, protocol = accepted.family, accepted.type, accepted.proto
        super().__init__(family, kind, protocol, fileno=accepted.detach())
        self._held: deque[memoryview | _Part] = deque()
        self._held_bytes = 0
        self.is_finished = True
        self._makers = makers or WaitingMakers(1)
        # How much has been taken of what is made piece by piece, and since when.
        self._taken, self._since = 0, time.monotonic()

    def pace(self) -> float:
        """Return how many bytes a second were taken of what is made piece by piece."""
        return self._taken / max(0.001, time.monotonic() - self._since)

    def begin(self) -> None:
        """Begin another answer."""
        self._taken, self._since = 0, time.monotonic()

    def sendall(self, data: Any, _flags: int = 0, /) -> None:
        """Send what the reader takes, and hold the rest.

        Raises:
            TimeoutError: too much is held, and the reader takes nothing.
            OSError: the reader has left.
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
        """Send a part of a file, or hold what the reader does not take in time."""
        length = os.fstat(file.fileno()).st_size - offset if count is None else count
        self._held.append(_Part(file, offset, length))
        self.is_finished = False
        self.go_on()
        return length

    def go_on(self) -> bool:
        """Send on for a moment, for as long as the reader is prompt; return whether all is sent.

        Raises:
            OSError: the reader has left.
        """
        ends = time.monotonic() + _TURN_SECONDS
        while not self._send_held():
            if time.monotonic() > ends or not self._is_writable(_PROMPT_SECONDS):
                return False
        return True

    def abandon(self) -> None:
        """Forget what is held."""
        while self._held:
            part = self._held.popleft()
            if isinstance(part, _Part):
                part.end()
        self._held_bytes = 0
        self.is_finished = True

    def close(self) -> None:
        """Close it, and forget what is held."""
        self.abandon()
        super().close()

    def _send_held(self) -> bool:
        """Send as much as is taken at once; return whether all is sent."""
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
            sent = os.write(self.fileno(), view)  # its time limit made it non-blocking
        except BlockingIOError:
            return 0
        self._taken += sent
        return sent

    def _is_writable(self, seconds: float | None) -> bool:
        poll = select.poll()
        poll.register(self.fileno(), select.POLLOUT)
        return bool(poll.poll(None if seconds is None else seconds * 1000))
