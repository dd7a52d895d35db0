"""Use an installation by HTTP: as a user with cookies, as a program, or byte by byte."""

import json
import secrets
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection, HTTPSConnection
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.helpers import CHEAP_PAGE, csrf_token

PATIENCE = 60.0


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Message
    body: bytes
    url: str

    @property
    def text(self) -> str:
        """Return the body as text."""
        return self.body.decode()

    def json(self) -> Any:
        """Return the body's JSON."""
        return json.loads(self.body)


class Session:
    """A browser without a window: keeps cookies, follows redirects, fills in CSRF tokens."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.cookies = CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self.cookies)
        )

    def open(
        self, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request and follow redirects."""
        # Over https a form is accepted only with its origin.
        named = {"Referer": f"{self.base}/", **(headers or {})}
        request = urllib.request.Request(  # noqa: S310 - an installation's own address
            self.base + path, body, named
        )
        try:
            with self._opener.open(request, timeout=PATIENCE) as answer:
                return Answer(answer.status, answer.headers, answer.read(), answer.url)
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read(), error.url or "")

    def submit(self, path: str, *, page: str = CHEAP_PAGE, **fields: str) -> Answer:
        """Send a form with the CSRF token of a page."""
        token = csrf_token(self.open(page).text)
        return self.open(path, urlencode({"csrf_token": token, **fields}).encode())

    def log_in(self, email: str, password: str) -> None:
        """Log in by the form."""
        answer = self.submit("/login", page="/login", email=email, password=password)
        assert answer.status == 200, f"the login was refused: {answer.status}"
        assert urlsplit(answer.url).path != "/login", "the login was refused"

    def upload(self, *files: tuple[str, bytes], name: str = "") -> Answer:
        """Upload sources by the plain form; returns the resulting page."""
        token = csrf_token(self.open("/source-management/add/?type=file").text)
        body, kind = multipart(
            [("csrf_token", None, token.encode()), ("name", None, name.encode())]
            + [("files", filename, data) for filename, data in files]
        )
        return self.open("/source-management/add/", body, {"Content-Type": kind})


def multipart(parts: Iterable[tuple[str, str | None, bytes]]) -> tuple[bytes, str]:
    """Return a multipart body of (name, file name, bytes) and its content type."""
    boundary = secrets.token_hex(16)
    body = bytearray()
    for name, filename, data in parts:
        disposition = f'form-data; name="{name}"'
        if filename is not None:
            disposition += f'; filename="{filename}"'
        body += f"--{boundary}\r\nContent-Disposition: {disposition}\r\n\r\n".encode()
        body += data + b"\r\n"
    body += f"--{boundary}--\r\n".encode()
    return bytes(body), f"multipart/form-data; boundary={boundary}"


def request(
    address: str, body: bytes | None = None, /, *, method: str = "GET", **headers: str
) -> Answer:
    """Send one request like a program, without following redirects; header names with
    underscores.
    """
    parts = urlsplit(address)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=PATIENCE)
    try:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, target, body, named)
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read(), address)
    finally:
        connection.close()


class Reader:
    """A connection that requests bytes and reads them only on demand."""

    def __init__(self, address: str, *, asked: str | None = None, end: str = "\r\n") -> None:
        parts = urlsplit(address)
        self._socket = socket.socket()
        # Without a small buffer the kernel would read ahead.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * 1024)
        self._socket.settimeout(PATIENCE)
        self._socket.connect((parts.hostname or "", parts.port or 80))
        if parts.scheme == "https":
            self._socket = ssl.create_default_context().wrap_socket(
                self._socket, server_hostname=parts.hostname
            )
        lines = [f"GET {parts.path or '/'} HTTP/1.1", f"Host: {parts.netloc}"]
        lines += [f"Range: {asked}"] if asked else []
        self._socket.sendall(("\r\n".join([*lines, ""]) + end).encode())
        self.received = 0

    def read(self, size: int = 64 * 1024) -> bool:
        """Read some bytes; return False once the server has ended the connection."""
        try:
            data = self._socket.recv(size)
        except (ConnectionError, ssl.SSLError):
            return False
        self.received += len(data)
        return bool(data)

    def close(self) -> None:
        """Go away."""
        self._socket.close()
