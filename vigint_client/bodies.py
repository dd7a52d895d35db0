"""Request bodies that can be sent repeatedly without a second copy in memory."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from vigint_client.plain import to_json
from vigint_client.staging import CHUNK, Slice


class Body(Protocol):
    """The body of a request, which can be sent repeatedly."""

    @property
    def content_type(self) -> str:
        """Value of the Content-Type header."""

    @property
    def size(self) -> int:
        """Length in bytes, known before sending."""

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes, from the start each time."""


@dataclass(frozen=True)
class JsonBody:
    """A JSON document."""

    data: bytes
    content_type: str = "application/json"

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self.data)

    def chunks(self) -> Iterator[bytes]:
        """Yield the document."""
        yield self.data


def json_body(document: Mapping[str, Any]) -> JsonBody:
    """Return any document as JSON, including NumPy numbers and times."""
    return JsonBody(to_json(document).encode())


@dataclass(frozen=True)
class Part:
    """One part of a multipart body: its bytes, or the file to read them from."""

    name: str
    content: bytes | Path | Slice
    size: int
    content_type: str | None = None
    filename: str | None = None

    def head(self, boundary: str) -> bytes:
        """Return boundary line and headers (RFC 7578)."""
        lines = [f"--{boundary}", f'Content-Disposition: form-data; name="{_quoted(self.name)}"']
        if self.filename is not None:
            lines[1] += f'; filename="{_quoted(self.filename)}"'
        if self.content_type is not None:
            lines.append(f"Content-Type: {self.content_type}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def chunks(self) -> Iterator[bytes]:
        """Yield the content; raises FileChangedError when a file does not have the
        declared length.
        """
        if isinstance(self.content, bytes):
            yield self.content
            return
        if isinstance(self.content, Slice):
            yield from self._kept_chunks(self.content)
            return
        left = self.size
        try:
            with self.content.open("rb") as file:
                while left and (chunk := file.read(min(CHUNK, left))):
                    left -= len(chunk)
                    yield chunk
        except OSError as why:
            # Not a network failure, so it is not retried.
            raise FileChangedError(
                f"{self.content.name} can no longer be read ({why.strerror})"
            ) from None
        if left:
            raise FileChangedError(f"{self.content.name} became shorter while it was being sent")

    @staticmethod
    def _kept_chunks(content: Slice) -> Iterator[bytes]:
        try:
            yield from content.chunks()
        except OSError:
            raise FileChangedError("the file that keeps the frames can no longer be read") from None


class FileChangedError(Exception):
    """A file changed while it was being sent."""


class MultipartBody:
    """multipart/form-data (RFC 7578), written part by part."""

    def __init__(self, parts: Sequence[Part]) -> None:
        # 128 random bits: no part contains it by accident, or can be made to contain it.
        self._boundary = f"vigint-{secrets.token_hex(16)}"
        self._parts = parts
        self._heads = [part.head(self._boundary) for part in parts]
        self._end = f"--{self._boundary}--\r\n".encode()

    @property
    def content_type(self) -> str:
        """Content type with the boundary."""
        return f"multipart/form-data; boundary={self._boundary}"

    @property
    def size(self) -> int:
        """Length in bytes."""
        parts = sum(
            len(head) + part.size + 2 for head, part in zip(self._heads, self._parts, strict=True)
        )
        return parts + len(self._end)

    def chunks(self) -> Iterator[bytes]:
        """Yield the body in pieces of at most a frame or 256 KiB of a file."""
        for head, part in zip(self._heads, self._parts, strict=True):
            yield head
            yield from part.chunks()
            yield b"\r\n"
        yield self._end


def text_part(name: str, text: str) -> Part:
    """Return a plain form field."""
    data = text.encode()
    return Part(name, data, len(data))


def json_part(name: str, document: Mapping[str, Any]) -> Part:
    """Return a form field that holds JSON."""
    data = to_json(document).encode()
    return Part(name, data, len(data), content_type="application/json")


def _quoted(text: str) -> str:
    # RFC 7578 section 2 refers to the WHATWG form escapes.
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
