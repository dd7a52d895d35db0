"""Upload by tus to a running installation, request by request or byte by byte."""

import base64
import socket
import struct
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.functional.processes import wait_until
from tests.functional.web import PATIENCE, Answer, request

OFFSETS = "application/offset+octet-stream"


def encoded(**values: str) -> str:
    """Return Upload-Metadata with these values."""
    return ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in values.items())


@dataclass(frozen=True)
class Uploader:
    """A program with a key that uploads."""

    base: str
    key: str

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """Send one request."""
        given = {"X_API_Key": self.key, "Tus_Resumable": "1.0.0", **headers}
        return request(self.base + path, body, method=method, **given)

    def create(self, length: int, filename: str = "clip.mp4") -> str:
        """Begin an upload; return its path."""
        metadata = encoded(filename=filename)
        answer = self.ask(
            "POST", "/api/v1/uploads/", Upload_Length=str(length), Upload_Metadata=metadata
        )
        assert answer.status == 201, answer.text
        return str(answer.headers["Location"])

    def offset(self, path: str) -> int:
        """Request the offset of an upload."""
        answer = self.ask("HEAD", path)
        assert answer.status == 200, answer.status
        return int(answer.headers["Upload-Offset"])

    def patch(self, path: str, body: bytes, offset: int, **headers: str) -> Answer:
        """Send bytes."""
        return self.ask(
            "PATCH", path, body, Upload_Offset=str(offset), Content_Type=OFFSETS, **headers
        )

    def go_on(self, path: str, data: bytes) -> Answer:
        """Send the rest, as soon as no other request writes."""

        def sent() -> Answer | None:
            offset = self.offset(path)
            answer = self.patch(path, data[offset:], offset)
            assert answer.status in {204, 409, 423}, answer.text
            return answer if answer.status == 204 else None

        return wait_until(sent, "the upload goes on")

    def document(self, path: str) -> dict[str, Any]:
        """Read the document of an upload."""
        return dict(self.ask("GET", path).json())

    def begin(self, path: str, announced: int, offset: int = 0) -> socket.socket:
        """Open a connection that announces a piece, without sending its bytes."""
        parts = urlsplit(self.base)
        connection = socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE)
        lines = [
            f"PATCH {path} HTTP/1.1", f"Host: {parts.netloc}", f"X-API-Key: {self.key}",
            "Tus-Resumable: 1.0.0", f"Upload-Offset: {offset}", f"Content-Type: {OFFSETS}",
            f"Content-Length: {announced}", "", "",
        ]  # fmt: skip
        connection.sendall("\r\n".join(lines).encode())
        return connection


def break_off(connection: socket.socket) -> None:
    """Close a connection like a crashing program, not like an unplugged cable."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def status_of(connection: socket.socket) -> int:
    """Read an answer and return its status; 0 if the connection was closed without one."""
    try:
        answer = connection.recv(65536)
    except ConnectionError:
        return 0
    return int(answer.split()[1]) if answer.startswith(b"HTTP/") else 0
