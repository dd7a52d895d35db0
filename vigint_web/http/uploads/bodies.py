"""Read a request's body as it arrives, in pieces that fit its rate."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from flask import request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from vigint_web.errors import VigintError
from vigint_web.http.base.connection_time import take_time

_SMALLEST = 4 * 1024
_LARGEST = 256 * 1024


def pieces() -> Iterator[bytes]:
    """Yield the body of the current request.

    A slow client's bytes come in small pieces, so that little is lost when it disconnects.

    Raises:
        ClientDisconnected: it ended before its end, or its client fell silent.
        Busy: it has not arrived, and no thread may wait for it.
    """
    # The server ends the body at its end, and the caller knows its limit: Werkzeug's own stream
    # would only copy each byte twice more.
    stream, size, left = request.environ["wsgi.input"], 16 * 1024, request.content_length
    while left != 0:
        began = time.monotonic()
        try:
            piece = stream.read(size if left is None else min(size, left))
        except VigintError:
            raise  # the server does not wait for it
        except Exception as error:  # announced as chunked, but not validly chunked
            raise ClientDisconnected from error
        if not piece:
            if left is not None:
                raise ClientDisconnected
            return
        left = None if left is None else left - len(piece)
        taken = time.monotonic() - began
        if taken < 0.05:
            size = min(2 * size, _LARGEST)
        elif taken > 0.5:
            size = max(size // 2, _SMALLEST)
        yield piece


def received(limit: int) -> bytes:
    """Return the whole body of the current request, which may take long to arrive.

    Raises:
        RequestEntityTooLarge: it is longer than the limit; not read if its length was announced.
        ClientDisconnected, Busy: like `pieces`.
    """
    if (request.content_length or 0) > limit:
        raise RequestEntityTooLarge
    take_time(request.environ)
    body = bytearray()
    for piece in pieces():
        body += piece
        if len(body) > limit:
            raise RequestEntityTooLarge
    return bytes(body)


def unhurried() -> Callable[[], None]:
    """Allow the current request's body to take long; return the callback that ends the wait."""
    connection = take_time(request.environ)

    def expel() -> None:
        if connection is not None:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RD)

    return expel
