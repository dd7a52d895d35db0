"""Read multipart bodies as a stream (RFC 7578): constant memory, digests computed while reading."""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from vigint_web.errors import Malformed, Mistake, MistakeCode
from vigint_web.http.base.connection_time import take_time

_CHUNK = 256 * 1024
_LONGEST_HEADER = 64 * 1024
_LONGEST_FIELD = 1024 * 1024
_LONGEST_TEXTS = 4 * 1024 * 1024  # all fields together


def _cut_off() -> Malformed:
    return Malformed([Mistake(MistakeCode.FORM_ENDED_EARLY)])


@dataclass(frozen=True)
class TextPart:
    """A form field, complete."""

    name: str
    value: str


class FilePart:
    """A file of the form, to be read before the next part is requested."""

    def __init__(self, name: str, filename: str, parts: "_Parts") -> None:
        self.name = name
        self.filename = filename
        self._parts = parts
        self.done = False

    def chunks(self) -> Iterator[bytes]:
        """Yield the file's bytes."""
        while not self.done:
            event = self._parts.event()
            if not isinstance(event, Data):
                raise _cut_off()
            self.done = not event.more_data
            if event.data:
                yield event.data

    def read(self, limit: int) -> bytes:
        """Return the file's bytes; raises RequestEntityTooLarge beyond the limit."""
        found = bytearray()
        for chunk in self.chunks():
            found += chunk
            if len(found) > limit:
                raise RequestEntityTooLarge
        return bytes(found)


@dataclass(frozen=True)
class Saved:
    """A file part that was written to disk."""

    size: int
    sha256: str
    too_large: bool


def save(
    part: FilePart, path: Path, limit: int, goes_on: Callable[[], None] = lambda: None
) -> Saved:
    """Write a part to a file and compute its digest; skip bytes beyond the limit.

    Args:
        goes_on: called before each chunk is written; an exception ends the writing.

    Raises:
        OSError: the disk is full; the caller still has to finish or drop the request.
    """
    digest, size = hashlib.sha256(), 0
    with path.open("wb", buffering=0) as file:
        for chunk in part.chunks():
            goes_on()
            size += len(chunk)
            if size <= limit:
                digest.update(chunk)
                _write(file, chunk)
        if size > limit:
            file.truncate(0)
    return Saved(size, digest.hexdigest(), size > limit)


def _write(file: BinaryIO, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:  # an unbuffered write may take less than it was given
        view = view[file.write(view) :]


def read_parts(request: Request, *, most_parts: int = 100) -> Iterator[TextPart | FilePart]:
    """Yield the parts of a multipart/form-data request in their order.

    Raises:
        Malformed: the body is not what it says.
        RequestEntityTooLarge: too many parts, or a field too long.
    """
    boundary = request.mimetype_params.get("boundary", "")
    if request.mimetype != "multipart/form-data" or not boundary:
        raise Malformed([Mistake(MistakeCode.NOT_A_FORM)])
    take_time(request.environ)
    parts = _Parts(request, boundary.encode("latin-1", "replace"), most_parts)
    texts = 0
    while True:
        event = parts.event()
        if isinstance(event, Epilogue):
            return
        if isinstance(event, Field):
            text = _text(parts)
            texts += len(text)
            if texts > _LONGEST_TEXTS:
                raise RequestEntityTooLarge
            yield TextPart(event.name or "", text)
        elif isinstance(event, File):
            part = FilePart(event.name or "", event.filename or "", parts)
            yield part
            for _ in part.chunks():
                continue  # parts that the caller left unread


def _text(parts: "_Parts") -> str:
    found, more = bytearray(), True
    while more:
        event = parts.event()
        if not isinstance(event, Data):
            raise _cut_off()
        found += event.data
        more = event.more_data
        if len(found) > _LONGEST_FIELD:
            raise RequestEntityTooLarge
    return found.decode("utf-8", "replace")


class Boundary:
    """Find the end of a part as werkzeug's pattern does, where its boundary stands.

    The pattern alone looks at each byte of a part: half of the CPU time of receiving frames.
    """

    def __init__(self, pattern: re.Pattern[bytes], boundary: bytes) -> None:
        """Take the pattern: a line break, two hyphens, the boundary, and what may follow it."""
        self._pattern, self._mark = pattern, b"--" + boundary

    def search(self, data: bytes | bytearray) -> re.Match[bytes] | None:
        """Return the first match."""
        at = data.find(self._mark)
        while at >= 0:
            # The line break is one character or two.
            for start in (at - 2, at - 1):
                found = self._pattern.match(data, start) if start >= 0 else None
                if found is not None:
                    return found
            at = data.find(self._mark, at + 1)
        return None


class _Parts:
    def __init__(self, request: Request, boundary: bytes, most_parts: int) -> None:
        self._stream = request.stream
        # Data other than headers and ends of parts is passed on at once: a longer buffer is
        # malformed.
        self._decoder = MultipartDecoder(
            boundary, max_form_memory_size=_LONGEST_HEADER + 2 * _CHUNK, max_parts=most_parts
        )
        own = Boundary(self._decoder.boundary_re, boundary)
        self._decoder.boundary_re = own  # type: ignore[assignment]  # only `search` is called
        self._ended = False

    def event(self) -> Field | File | Data | Epilogue:
        """Return the next relevant event, reading on as needed."""
        while True:
            try:
                event = self._decoder.next_event()
            except ValueError as error:
                raise Malformed([Mistake(MistakeCode.FORM_DAMAGED)]) from error
            if isinstance(event, Field | File | Data | Epilogue):
                return event
            if isinstance(event, NeedData):
                if self._ended:
                    raise _cut_off()
                chunk = self._stream.read(_CHUNK)
                self._ended = not chunk
                try:
                    self._decoder.receive_data(chunk or None)
                except ValueError as error:
                    raise _cut_off() from error
