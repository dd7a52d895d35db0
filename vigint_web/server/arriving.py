"""Decide whether enough of a request has arrived to give it a thread, without parsing it.

An error in either direction is harmless: gunicorn parses the request, and a thread that has to wait
for bytes needs a share (`vigint_web.server.shares`).
"""

import re

# A longer header block, including the request line, is refused.
LONGEST_HEAD = 64 * 1024
# A body of at most this many bytes is collected without a thread.
LARGEST_SMALL_BODY = 64 * 1024
_END_OF_HEAD = b"\r\n\r\n"
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,8}")
_LENGTH = re.compile(rb"[0-9]{1,15}")


class HeadTooLong(Exception):
    """The header block did not end within its limit."""


class Arriving:
    """The bytes received of one request, from its request line on."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._searched = 0
        # The start of the body, once the header block is complete.
        self._body: int | None = None
        # The end of a body of known length; None: chunked.
        self._end: int | None = None
        self._next_chunk = 0
        self.ready = False
        # Ready although its body is incomplete, because that is large.
        self.has_large_body = False
        # The client waits for "100 Continue" before it sends a small body.
        self.expects_continue = False

    def __len__(self) -> int:
        """Return the number of bytes received."""
        return len(self._data)

    def feed(self, data: bytes) -> bool:
        """Add bytes; return whether the request can be given a thread.

        That is the case when its header block is complete, and its body too unless that is large.

        Raises:
            HeadTooLong: it must not get a thread.
        """
        self._data += data
        if self._body is None and not self._find_body():
            return self.ready
        self.ready = self.ready or self._is_body_complete()
        if self.ready:
            self.expects_continue = False
        return self.ready

    def take(self) -> bytes:
        """Return all bytes received, and reset."""
        data = bytes(self._data)
        self.__init__()  # type: ignore[misc] # the state of a new one is what is wanted
        return data

    def _find_body(self) -> bool:
        at = self._data.find(_END_OF_HEAD, self._searched)
        if at < 0:
            self._searched = max(0, len(self._data) - len(_END_OF_HEAD) + 1)
            if len(self._data) > LONGEST_HEAD:
                raise HeadTooLong
            return False
        if at > LONGEST_HEAD:
            raise HeadTooLong
        self._body = self._next_chunk = at + len(_END_OF_HEAD)
        self._read_head(self._data[:at].lower())
        return True

    def _read_head(self, head: bytearray) -> None:
        if b"\r\ncontent-length:" not in head and b"\r\ntransfer-encoding:" not in head:
            self.ready = True
            return
        fields = [line.partition(b":") for line in bytes(head).split(b"\r\n")[1:]]
        lengths = [value.strip() for name, _, value in fields if name == b"content-length"]
        codings = [value.strip() for name, _, value in fields if name == b"transfer-encoding"]
        if codings == [b"chunked"] and not lengths:
            pass
        elif not codings and len(lengths) == 1 and _LENGTH.fullmatch(lengths[0]):
            if int(lengths[0]) > LARGEST_SMALL_BODY:
                self.ready = self.has_large_body = True
                return
            self._end = (self._body or 0) + int(lengths[0])
        else:
            self.ready = True  # gunicorn refuses it without reading on
            return
        self.expects_continue = any(
            name == b"expect" and value.strip() == b"100-continue" for name, _, value in fields
        )

    def _is_body_complete(self) -> bool:
        if self._end is not None:
            return len(self._data) >= self._end
        if self._are_chunks_complete():
            return True
        self.has_large_body = len(self._data) - (self._body or 0) > LARGEST_SMALL_BODY
        return self.has_large_body

    def _are_chunks_complete(self) -> bool:
        """Return whether the last chunk has arrived, or invalid chunking (RFC 9112, 7.1)."""
        while True:
            end = self._data.find(b"\r\n", self._next_chunk)
            if end < 0:
                return False
            line = bytes(self._data[self._next_chunk : end])
            size = line.partition(b";")[0].strip(b" \t")
            if not _CHUNK_SIZE.fullmatch(size):
                return True
            if int(size, 16) == 0:
                return self._are_trailers_complete(end)
            following = end + 2 + int(size, 16) + 2
            if following > len(self._data):
                return False
            self._next_chunk = following

    def _are_trailers_complete(self, end: int) -> bool:
        # Without trailers the empty line follows at once.
        return self._data.find(_END_OF_HEAD, end) >= 0
