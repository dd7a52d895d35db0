"""A client of tus for tests of the application; tests/functional/tus.py is one for real servers."""

import base64
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

BASE = "/api/v1/uploads/"
OFFSETS = "application/offset+octet-stream"
DATA = bytes(range(256)) * 40


def encoded(**values: str) -> str:
    """Return Upload-Metadata with these values."""
    return ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in values.items())


class Tus:
    """A client of the protocol, one request at a time."""

    def __init__(self, browser: FlaskClient, **headers: str) -> None:
        self.browser = browser
        self.headers = {"Tus-Resumable": "1.0.0"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }

    def ask(self, method: str, path: str = BASE, body: bytes = b"", **headers: Any) -> TestResponse:
        """Send a request; a header that is None is not sent."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: v for name, v in {**self.headers, **named}.items() if v is not None}
        return self.browser.open(path, method=method, data=body, headers=sent)

    def create(self, length: int = len(DATA), metadata: str | None = None, **headers: Any) -> str:
        """Begin an upload and return its address."""
        answer = self.ask(
            "POST",
            Upload_Length=str(length),
            Upload_Metadata=encoded(filename="clip.mp4") if metadata is None else metadata,
            **headers,
        )
        assert answer.status_code == 201, answer.text
        return answer.headers["Location"]

    def patch(self, path: str, body: bytes, offset: int, **headers: Any) -> TestResponse:
        """Send bytes."""
        more = {"Content_Type": OFFSETS, "Upload_Offset": str(offset), **headers}
        return self.ask("PATCH", path, body, **more)

    def offset(self, path: str) -> int:
        """Ask how far an upload has come."""
        answer = self.ask("HEAD", path)
        assert answer.status_code == 200, answer.status
        return int(answer.headers["Upload-Offset"])
