"""Compare ranges of a video, each with its link checked, with a constant answer of the same server.

    .venv/bin/python -m bench.ranges [--seconds N] [--rounds N] [--quick] [--json FILE]

Starts an installation as `vigint up` does by default, and gunicorn with the same settings and an
application that answers two bytes. In turns, eight connections read ranges of 64 KB by a program's
token and the constant; then one connection reads ranges of 4 MB. Prints requests per second and
milliseconds of CPU time of the server, medians of the rounds, and their ratios.
"""

import argparse
import json
import os
import random
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from bench.alert_latency import cpu_of
from tests.functional.installation import ROOT, Installation
from tests.functional.processes import wait_until
from tests.helpers import close_pool
from tests.library import Library
from tests.ports import free_port
from vigint_web import create_app
from vigint_web.config.config import load_config
from vigint_web.extensions import db

_CONSTANT = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]

app.extensions = {}  # read by the settings of the web server
"""
_CONNECTIONS = 8
_SMALL, _LARGE, _SIZE = 64 * 1024, 4 * 1024 * 1024, 24 * 1024 * 1024

Request = Callable[[], bytes]


class Load(NamedTuple):
    """What one turn measured: requests per second, and seconds of CPU time for each."""

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
                raise SystemExit(f"unexpected: {bytes(head[:60])!r}")
            length = next(
                int(line.partition(b":")[2])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length:")
            )
            self._left = length - len(body)
        else:
            count = self.socket.recv_into(self._buffer)
            if not count:
                raise SystemExit("a connection was closed")
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
        while time.monotonic() - began < seconds:
            for key, _ in selector.select(5):
                if key.data.read():
                    answered += 1
                    key.data.ask()
        elapsed, spent = time.monotonic() - began, cpu_of(pid) - before
    for reader in readers:
        reader.socket.close()
    if not answered:
        raise SystemExit("nothing was answered")
    return Load(answered / elapsed, spent / answered)


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


def hosted(vigint: Installation) -> str:
    """Add a video to an installation; return the token for its programs."""
    app = create_app(load_config(vigint.environment))
    with app.app_context():
        library = Library()
        token = library.program_token(library.source(os.urandom(_SIZE)))
        db.session.remove()
        close_pool(db.engine)
    return token


def ranges(port: int, token: str, length: int) -> Request:
    """Return what requests a range of a length anywhere in a video."""
    head = f"GET /stream/{token}/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nRange: bytes="
    chance = random.Random(1)

    def request() -> bytes:
        first = chance.randrange(_SIZE - length)
        return f"{head}{first}-{first + length - 1}\r\n\r\n".encode()

    return request


def measure(vigint: Installation, folder: Path, seconds: float, rounds: int) -> dict[str, Any]:
    """Measure in turns."""
    token = hosted(vigint)
    turns: dict[str, list[Load]] = {"64 KB ranges": [], "constant": [], "4 MB ranges": []}
    with constant(folder) as (port, pid):
        plain = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
        small, large = (ranges(vigint.port, token, length) for length in (_SMALL, _LARGE))
        for number in range(rounds + 1):
            given = {
                "64 KB ranges": (vigint.port, vigint.pid, small, b"206", _CONNECTIONS),
                "constant": (port, pid, lambda: plain, b"200", _CONNECTIONS),
                "4 MB ranges": (vigint.port, vigint.pid, large, b"206", 1),
            }
            for name, asked in given.items():
                found = load(*asked, seconds)
                if number:  # the first round warms up
                    turns[name].append(found)
    return {
        name: {
            "per second": statistics.median(one.rate for one in found),
            "cpu": statistics.median(one.cpu for one in found),
        }
        for name, found in turns.items()
    }


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--seconds", type=float, default=5.0, help="of each turn")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--quick", action="store_true", help="only show that it runs")
    options.add_argument("--json", type=Path, help="write the figures here too")
    chosen = options.parse_args()
    seconds, rounds = (0.5, 1) if chosen.quick else (chosen.seconds, chosen.rounds)
    with tempfile.TemporaryDirectory() as name:
        vigint = Installation(Path(name))
        try:
            vigint.start()
            vigint.people()
            found = measure(vigint, Path(name), seconds, rounds)
        finally:
            vigint.end()
    for name, value in found.items():
        print(f"{name:14} {value['per second']:8.0f}/s {value['cpu'] * 1000:8.2f} ms CPU")
    ratio = found["64 KB ranges"]["per second"] / found["constant"]["per second"]
    print(f"64 KB ranges to the constant: {ratio:.2f}")
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
