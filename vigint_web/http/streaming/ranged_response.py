"""Send stored bytes: by Range and sendfile; abort when the reader stalls or the link ends."""

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast
from urllib.parse import quote

from flask import Response, current_app, request
from werkzeug.datastructures import Headers
from werkzeug.http import http_date
from werkzeug.wrappers import Request
from werkzeug.wsgi import FileWrapper

from vigint_web.errors import NotFound
from vigint_web.http.base.connection_time import take_time
from vigint_web.http.base.errors import refuse, wants_json
from vigint_web.http.streaming.accel import handed_over
from vigint_web.http.streaming.metering import bytes_counter
from vigint_web.http.streaming.ranges import Answer, Conditions, answer
from vigint_web.http.streaming.revocation_watch import LinkWatch
from vigint_web.models import Link
from vigint_web.services.core.runtime import Runtime, runtime
from vigint_web.services.videos.stored_files import StoredBytes

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

# The maximum silence of a reader before its thread is freed.
STALL_SECONDS = 10.0
# Bytes in the socket's buffer cannot be recalled when a link ends: it is kept small, and answers
# that fit into it need no watching.
_BUFFER = 256 * 1024
_REFUSED = {412: "precondition_failed", 416: "range_not_satisfiable"}


def decide(stored: StoredBytes, asked: Request = request) -> Answer:
    """Return the answer to a request, by default the current one, before a byte is read."""
    header = asked.headers.get
    conditions = Conditions(
        # Range is defined for GET only (RFC 9110, 14.2); the other conditions are not.
        range=header("Range") if asked.method == "GET" else None,
        if_range=header("If-Range"),
        if_match=header("If-Match"),
        if_unmodified_since=header("If-Unmodified-Since"),
        if_none_match=header("If-None-Match"),
        if_modified_since=header("If-Modified-Since"),
    )
    # Our own player sends `view`; other browsers' <video> sends Sec-Fetch-Dest.
    browser = "view" in asked.args or header("Sec-Fetch-Dest") == "video"
    return answer(
        conditions,
        size=stored.size,
        etag=stored.etag,
        modified=stored.stored_at,
        bounded=browser and not takes_short_for_whole(header("User-Agent", "")),
    )


def takes_short_for_whole(user_agent: str) -> bool:
    """Return whether a browser takes the end of a shortened range for the end of the video.

    WebKit's GStreamer player does after a seek; Apple's requests closed ranges. Their long answers
    are watched instead of shortened. Chromium claims to be WebKit as well.
    """
    return "AppleWebKit/" in user_agent and "Chrome/" not in user_agent


def sent_bytes(decided: Answer) -> tuple[int, int] | None:
    """Return the first and the last byte of the answer, if it has any."""
    if request.method != "GET" or decided.status not in {200, 206}:
        return None
    return decided.first, decided.last


def send(stored: StoredBytes, decided: Answer, *, link: Link | None = None) -> Response:
    """Return the response to a decided request.

    Args:
        link: the link whose end aborts a long response.
    """
    refused = _REFUSED.get(decided.status) if wants_json() else None
    response = refuse(refused, decided.status) if refused else Response(status=decided.status)
    headers = response.headers
    describe(headers, stored, decided)
    if decided.status not in {200, 206}:
        return response
    if request.method == "HEAD":
        response.automatically_set_content_length = False
        return response
    watch = cast(LinkWatch, current_app.extensions["vigint_watch"])
    body = Sending(runtime(), watch).body(headers, stored, decided, link, bytes_counter())
    if body is not None:
        response.response = body
        response.direct_passthrough = True
    return response


def describe(headers: Headers, stored: StoredBytes, decided: Answer) -> None:
    """Set the headers of an answer about stored bytes."""
    headers["Accept-Ranges"] = "bytes"
    headers["ETag"] = stored.etag
    headers["Last-Modified"] = http_date(stored.stored_at)
    if decided.status == 416:
        headers["Content-Range"] = f"bytes */{stored.size}"
    if decided.status not in {200, 206}:
        return
    headers["Content-Type"] = stored.content_type
    headers["Content-Length"] = str(decided.length)
    if stored.filename is not None:
        headers["Content-Disposition"] = attachment(stored.filename)
    if decided.status == 206:
        headers["Content-Range"] = f"bytes {decided.first}-{decided.last}/{stored.size}"


def attachment(filename: str) -> str:
    """Return a Content-Disposition that every browser supports (RFC 6266, RFC 5987)."""
    plain = filename.encode("ascii", "replace").decode().replace("?", "_")
    plain = plain.replace("\\", "_").replace('"', "_")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"


class _Body:
    """A part of an open file that records the end of sending, and the bytes sent."""

    def __init__(self, file: BinaryIO, length: int, ended: Callable[[int], None]) -> None:
        self._file = file
        self._first = self._reached = file.tell()
        self._left = length
        self._ended = ended
        self._outlasts = False
        # The server uses these to pass a local file to the kernel.
        self.fileno, self.tell = file.fileno, file.tell

    def seek(self, position: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position: after sendfile the server reports its progress this way."""
        self._reached = self._file.seek(position, whence)
        return self._reached

    def read(self, size: int = -1) -> bytes:
        """Read on, within the part only (for servers without sendfile)."""
        wanted = self._left if size < 0 else min(size, self._left)
        data = self._file.read(wanted)
        self._left -= len(data)
        self._reached += len(data)
        return data

    def outlast(self) -> Callable[[int], None]:
        """Let the server send on after the request has ended; return the callback for its end."""
        self._outlasts = True
        return self._ended

    def close(self) -> None:
        """Close the file and end the watch, unless the server is still sending."""
        if not self._outlasts:
            self._ended(self._reached - self._first)
        self._file.close()


class Watched(Protocol):
    """A link whose end aborts a long response."""

    @property
    def id(self) -> int:
        """Return the id of its row."""

    @property
    def handle(self) -> str:
        """Return the handle of its token."""


@dataclass(frozen=True)
class Sending:
    """What sends the bytes of answers, in this process."""

    runtime: Runtime
    watch: LinkWatch

    def body(
        self,
        headers: Headers,
        stored: StoredBytes,
        decided: Answer,
        link: Watched | None,
        count: Callable[[int], None],
        asked: Request = request,
    ) -> FileWrapper | None:
        """Return the bytes of an answer; None if nginx is to send them, as its headers then say.

        Args:
            count: counts the bytes that were sent, after the end of sending.

        Raises:
            NotFound: the file is missing.
        """
        internal = handed_over(stored, decided, asked, self.runtime)
        if internal is None:
            return self._open(stored, decided, link, count, asked.environ)
        headers["X-Accel-Redirect"] = internal
        headers["Content-Length"] = "0"
        if decided.status == 200:
            del headers["Accept-Ranges"]  # nginx adds its own, to a 206 it does not
        count(decided.length)
        return None

    def _open(
        self,
        stored: StoredBytes,
        decided: Answer,
        link: Watched | None,
        count: Callable[[int], None],
        environ: "WSGIEnvironment",
    ) -> FileWrapper:
        unwatch: Callable[[], None] = lambda: None  # noqa: E731 - replaced below by a watched link
        connection = take_time(environ, STALL_SECONDS)
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
            if link is not None and decided.length > _BUFFER:
                number = self.watch.add(link.id, link.handle, connection)
                unwatch = lambda: self.watch.remove(number)  # noqa: E731 - one line says it all
        try:
            file = self.runtime.storage.open(stored.key, decided.first, decided.last)
        except FileNotFoundError:
            unwatch()
            raise NotFound from None  # purged after the row was read
        except BaseException:
            unwatch()
            raise

        def ended(sent: int) -> None:
            unwatch()
            count(sent)

        wrapper = environ.get("wsgi.file_wrapper", FileWrapper)
        return cast(FileWrapper, wrapper(_Body(file, decided.length, ended), 256 * 1024))
