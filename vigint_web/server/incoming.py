"""Read a request's body in its thread: buffered bytes at once, the rest within limits.

A thread waits for bytes only when their owner is known, and the number of such threads per owner is
limited (`vigint_web.server.shares`); it waits no longer than the limits of silence and pace allow.
"""

import os
import select
import time
from collections.abc import Callable, Iterator
from typing import Any

from gunicorn.http.errors import NoMoreData  # type: ignore[import-untyped] # no types
from gunicorn.http.unreader import SocketUnreader  # type: ignore[import-untyped] # no types

from vigint_web.errors import Busy, TooLarge
from vigint_web.server.pace import Pace
from vigint_web.server.shares import Shares

# The maximum time between two bytes of a body.
SILENCE_SECONDS = 30.0
# The total wait for the packets of a body on a fast line, which needs no share.
_FREE_SECONDS = 0.1
# How much of an unread body is skipped so that its connection can be reused.
_MOST_PASSED_OVER = 256 * 1024
_PIECE = 64 * 1024


class NotYet(NoMoreData):  # type: ignore[misc] # an untyped base
    """Bytes were requested that have not arrived, and that must not be waited for."""


class Unreader(SocketUnreader):  # type: ignore[misc] # an untyped base
    """Provide a connection's bytes to gunicorn's parser; wait only if the body permits it."""

    def __init__(self, sock: Any) -> None:
        super().__init__(sock)
        self.waiting: Waiting | None = None

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return the next bytes of the connection.

        Raises:
            NotYet: there are none, and no body is being read that may be waited for.
            TimeoutError: none arrived in time.
            Busy, TooLarge: the body is not waited for.
        """
        size = max(self.mxchunk, min(size_hint or 0, self.max_body_chunk))
        descriptor = self.sock.fileno()
        while True:
            try:
                data = os.read(descriptor, size)  # the socket's timeout made it non-blocking
            except BlockingIOError:
                if self.waiting is None:
                    raise NotYet(b"") from None
                self.waiting.wait(descriptor)
            else:
                if self.waiting is not None:
                    self.waiting.came(len(data))
                return data


class Waiting:
    """Wait for the bytes of one body, within its owner's share and its own time limit."""

    def __init__(
        self,
        shares: Shares,
        last_moment: Callable[[], float],
        begin: Callable[[], None],
        has_share: Callable[[], None],
    ) -> None:
        """Take the limits.

        Args:
            last_moment: returns the deadline of all waiting, by the monotonic clock.
            begin: called before the first wait.
            has_share: called when the share is taken.
        """
        self.owner: str | None = None
        self._shares, self._last_moment = shares, last_moment
        self._begin, self._has_share = begin, has_share
        self._pace = Pace(time.monotonic())
        self._free = _FREE_SECONDS
        self._has_begun = False
        self._sharer: str | None = None

    def came(self, count: int) -> None:
        """Note received bytes."""
        self._pace.came(count, time.monotonic())

    def wait(self, descriptor: int) -> None:
        """Return once there are bytes.

        Raises:
            TimeoutError: none arrived in time.
            Busy: no thread may wait for them.
            TooLarge: the request has no owner: only bytes that arrived with it are accepted.
        """
        if self.owner is None:
            raise TooLarge
        if not self._has_begun:
            self._has_begun = True
            self._begin()
        began = time.monotonic()
        if self._free > 0 and _is_readable(descriptor, self._free):
            self._free -= time.monotonic() - began
            return
        self._free = 0.0
        if self._sharer is None:
            if not self._shares.take(self.owner):
                raise Busy
            self._sharer = self.owner
            self._has_share()
        now = time.monotonic()
        seconds = min(SILENCE_SECONDS, self._pace.left(now), self._last_moment() - now)
        if not _is_readable(descriptor, seconds):
            raise TimeoutError("the body of a request did not arrive")

    def end(self) -> None:
        """Return the share."""
        if self._sharer is not None:
            self._shares.give_back(self._sharer)
            self._sharer = None


def _is_readable(descriptor: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(max(0.0, seconds) * 1000))


class Incoming:
    """The body of one request: a `wsgi.input` with an owner, whose share its waits use."""

    def __init__(self, request: Any, unreader: Unreader, waiting: Waiting) -> None:
        """Replace the body object of gunicorn's parser."""
        self._request, self._body = request, request.body
        self._unreader = unreader
        self.waiting = unreader.waiting = waiting

    @property
    def failed(self) -> bool:
        """Return whether reading has failed and must not continue (for gunicorn)."""
        return bool(self._body.failed)

    def belongs_to(self, owner: str) -> None:
        """Set the owner of the request, which allows waiting for the rest of its body."""
        self.waiting.owner = owner

    def read(self, size: int | None = None) -> bytes:
        """Return that many bytes, fewer only at the end; raises what `Waiting.wait` raises."""
        data: bytes = self._body.read(size)
        if not data or getattr(self._body.reader, "length", None) == 0:
            self.waiting.end()
        return data

    def readline(self, size: int | None = None) -> bytes:
        """Return the next line; raises what `Waiting.wait` raises."""
        line: bytes = self._body.readline(size)
        return line

    def readlines(self, _hint: int | None = None) -> list[bytes]:
        """Return the remaining lines; raises what `Waiting.wait` raises."""
        return list(self)

    def __iter__(self) -> Iterator[bytes]:
        """Yield line after line."""
        return iter(self.readline, b"")

    def settle(self) -> bool:
        """Skip the buffered rest of the body; return whether that was all.

        If it was not, the answer announces that the connection will be closed.
        """
        self.waiting.end()
        self._unreader.waiting = None
        passed = 0
        try:
            while not self.failed and passed < _MOST_PASSED_OVER:
                piece = self._body.read(_PIECE)
                if not piece:
                    return True
                passed += len(piece)
        except Exception:  # noqa: S110 - a body that is damaged or late ends all the same
            pass
        self._request.force_close()
        return False
