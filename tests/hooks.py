"""A real HTTP server that receives webhook calls, or answers as a test requires."""

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.ports import free_port
from vigint_web.services.alerting.webhooks import signature

SECRET = "a secret of the tests"


@dataclass
class Call:
    """One call as received."""

    path: str
    headers: Message
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        """Return what it says."""
        return dict(json.loads(self.body))

    def is_signed(self, secret: str = SECRET) -> bool:
        """Return whether the header matches the documentation, computed independently."""
        fields = dict(part.split("=") for part in self.headers["Vigint-Signature"].split(","))
        expected = signature(secret, int(fields["t"]), self.body)
        return self.headers["Vigint-Signature"] == expected


@dataclass
class Hook:
    """A receiver of webhook calls."""

    host: str = "127.0.0.1"
    calls: list[Call] = field(default_factory=list)
    # The answers before 204: a status with its headers.
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        """Return an address that contains a secret."""
        return f"http://{self.host}:{self.port}/in/s3cr3t-path"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Take a call."""
        hook: Hook = self.server.hook  # type: ignore[attr-defined]  # put there below
        body = self.rfile.read(int(self.headers["Content-Length"]))
        hook.calls.append(Call(self.path, self.headers, body))
        status, headers = hook.answers.pop(0) if hook.answers else (204, {})
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST  # noqa: N815 - http.server's name

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Ignore disconnecting clients."""


@contextlib.contextmanager
def listening(
    host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> Iterator[Hook]:
    """Run a server; yield the received calls."""
    server = _Server((host, port), _Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    hook = Hook(host)
    hook.port = server.server_address[1]
    server.hook = hook  # type: ignore[attr-defined]  # for the handler
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@contextlib.contextmanager
def saying(*pieces: bytes, then_wait: bool) -> Iterator[int]:
    """Run a server that sends these bytes to each client, and is then silent or gone."""
    listener = socket.create_server(("127.0.0.1", free_port()))
    ended = threading.Event()

    def serve() -> None:
        with contextlib.suppress(OSError):
            while not ended.is_set():
                found, _ = listener.accept()
                with found, contextlib.suppress(OSError):
                    found.settimeout(5)
                    found.recv(65536)
                    for piece in pieces:
                        found.sendall(piece)
                    if then_wait:
                        ended.wait(10)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        ended.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
