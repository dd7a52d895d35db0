"""Ranges of a video, each with its link checked, against a constant answer of the same server.

Starts an installation as `vigint up` does by default, and gunicorn with the same settings and an
application that answers two bytes. In turns, eight connections read ranges of 64 KB by a program's
token and the constant; then one connection reads ranges of 4 MB. CPU time is that of all processes
of the server.
"""

import argparse
import os
import random
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bench.measuring import BenchmarkError, Comparison, in_turns
from bench.processes import cpu_of, installed
from tests.functional.installation import ROOT
from tests.functional.processes import wait_until
from tests.ports import free_port

_CONSTANT = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]

app.extensions = {}  # read by the settings of the web server
"""
_CONNECTIONS = 8
_PATIENCE = 60.0  # seconds
_SMALL, _LARGE, _SIZE = 64 * 1024, 4 * 1024 * 1024, 24 * 1024 * 1024

Request = Callable[[], bytes]


class Load(NamedTuple):
    """What one turn measured: requests per second, and milliseconds of CPU time for each."""

    rate: float
    cpu: float


class _Reader:
    """One connection that sends a request when the answer to the one before is complete."""

    def __init__(self, port: int, request: Request, status: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self._request, self._status = request, status
        self._buffer = bytearray(1024 * 1024)
        self._left = 0

    def ask(self) -> None:
        """Send a request."""
        self.socket.sendall(self._request())
        self._head = b""

    def read(self) -> bool:
        """Read what has come; return whether the answer is complete."""
        if self._left == 0:
            self._head += self.socket.recv(64 * 1024)
            head, separator, body = self._head.partition(b"\r\n\r\n")
            if not separator:
                return False
            if not head.startswith(b"HTTP/1.1 " + self._status):
                raise BenchmarkError(f"unexpected: {bytes(head[:60])!r}")
            length = next(
                int(line.partition(b":")[2])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length:")
            )
            self._left = length - len(body)
        else:
            count = self.socket.recv_into(self._buffer)
            if not count:
                raise BenchmarkError("a connection was closed")
            self._left -= count
        return self._left == 0


def load(port: int, pid: int, request: Request, status: bytes, many: int, seconds: float) -> Load:
    """Send requests over many connections for a time."""
    readers = [_Reader(port, request, status) for _ in range(many)]
    with selectors.DefaultSelector() as selector:
        for reader in readers:
            selector.register(reader.socket, selectors.EVENT_READ, reader)
            reader.ask()
        answered, began, before = 0, time.monotonic(), cpu_of(pid)
        # On a busy machine the first answer may take longer than the whole turn.
        while (passed := time.monotonic() - began) < seconds or not answered:
            if passed > _PATIENCE:
                raise BenchmarkError(f"nothing was answered within {_PATIENCE:.0f} s")
            for key, _ in selector.select(5):
                if key.data.read():
                    answered += 1
                    key.data.ask()
        elapsed, spent = time.monotonic() - began, cpu_of(pid) - before
    for reader in readers:
        reader.socket.close()
    return Load(answered / elapsed, 1000 * spent / answered)


@contextmanager
def constant(folder: Path) -> Iterator[tuple[int, int]]:
    """Run the same server with an application that answers a constant; yield port and process."""
    (folder / "constant_app.py").write_text(_CONSTANT, encoding="utf-8")
    port = free_port()
    command = [
        sys.executable, "-m", "vigint_web.server.serving",
        "--config", "python:vigint_web.server.gunicorn_config",
        "--bind", f"127.0.0.1:{port}", "--chdir", str(folder), "constant_app:app",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        wait_until(lambda: _answers(port), "the constant answer")
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(30)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def ranges(port: int, token: str, length: int) -> Request:
    """Return what requests a range of a length anywhere in a video."""
    head = f"GET /stream/{token}/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nRange: bytes="
    chance = random.Random(1)

    def request() -> bytes:
        first = chance.randrange(_SIZE - length)
        return f"{head}{first}-{first + length - 1}\r\n\r\n".encode()

    return request


def add_options(parser: argparse._ActionsContainer) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--seconds", type=float, default=5.0, help="of each turn")
    parser.add_argument("--rounds", type=int, default=5)


def run(asked: argparse.Namespace) -> Iterator[Comparison]:
    """Measure in turns."""
    seconds, rounds, warm_up = (0.3, 1, 0) if asked.quick else (asked.seconds, asked.rounds, 1)
    with (
        installed() as vigint,
        tempfile.TemporaryDirectory() as folder,
        constant(Path(folder)) as (port, pid),
    ):
        token = vigint.hosted(os.urandom(_SIZE))
        plain = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
        small, large = (ranges(vigint.port, token, length) for length in (_SMALL, _LARGE))
        turns = {
            "64 KB": partial(load, vigint.port, vigint.pid, small, b"206", _CONNECTIONS, seconds),
            "constant": partial(load, port, pid, lambda: plain, b"200", _CONNECTIONS, seconds),
            "4 MB": partial(load, vigint.port, vigint.pid, large, b"206", 1, seconds),
        }
        found = in_turns(turns, rounds, warm_up=warm_up)
    rates = {name: [one.rate for one in several] for name, several in found.items()}
    cpu = {name: [one.cpu for one in several] for name, several in found.items()}
    yield Comparison("ranges of 64 KB", "per s", rates["64 KB"], rates["constant"])
    yield Comparison("ranges of 64 KB", "ms CPU", cpu["64 KB"], cpu["constant"])
    yield Comparison("ranges of 4 MB", "per s", rates["4 MB"])
    yield Comparison("ranges of 4 MB", "ms CPU", cpu["4 MB"], cpu["constant"])
