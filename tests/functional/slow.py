"""Crowds of clients that send or read very slowly, and the answers to others meanwhile."""

import json
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.functional.web import Answer, request

# Linux answers for all of 127.0.0.0/8, so a crowd can use any number of addresses. They differ from
# those of the other clients, because addresses are limited.
ONE = ("127.99.0.1",)
MANY = tuple(f"127.0.{n // 250}.{n % 250 + 2}" for n in range(250))
_TRICKLE_SECONDS = 0.5
# Closed connections are reopened at a limited rate: this tests slow clients, not floods of new
# ones.
_AGAIN_SECONDS = 3.0


class Crowd:
    """Connections that send byte by byte, each reopened when it is closed."""

    def __init__(
        self,
        address: str,
        size: int,
        begin: Callable[[int], bytes],
        sources: Sequence[str] = ONE,
        *,
        reads: int = 65536,
        trickles: bool = True,
    ) -> None:
        """Take the crowd's behaviour.

        Args:
            begin: returns the first bytes of a connection, sent at once.
            reads: the maximum bytes that each reads of its answer.
            trickles: it sends another byte now and then.
        """
        parts = urlsplit(address)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._context = ssl.create_default_context() if parts.scheme == "https" else None
        self._size, self._begin, self._sources = size, begin, sources
        self._reads, self._trickles = reads, trickles
        self._ended = threading.Event()
        self._all_began = threading.Event()
        self._sockets: dict[int, socket.socket] = {}
        self._left: dict[int, int] = {}
        self._again_at: dict[int, float] = {}
        self.begun = 0
        self.first_words: list[bytes] = []

    def _connect(self, number: int) -> None:
        plain = socket.socket()
        if self._reads < 65536:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.bind((self._sources[number % len(self._sources)], 0))
        plain.settimeout(10)
        try:
            plain.connect((self._host if self._context is None else "127.0.0.1", self._port))
            connection = (
                plain
                if self._context is None
                else self._context.wrap_socket(plain, server_hostname=self._host)
            )
            connection.sendall(self._begin(number))
        except OSError:
            plain.close()
            return
        connection.setblocking(False)
        self._sockets[number] = connection
        self._left[number] = self._reads
        self.begun += 1

    def run(self) -> None:
        """Run until stopped."""
        while not self._ended.is_set():
            for number in range(self._size):
                if self._ended.is_set():
                    break
                if number not in self._sockets:
                    if time.monotonic() >= self._again_at.get(number, 0.0):
                        self._connect(number)
                elif not self._goes_on(number):
                    self._sockets.pop(number).close()
                    self._again_at[number] = time.monotonic() + _AGAIN_SECONDS
            self._all_began.set()
            self._ended.wait(_TRICKLE_SECONDS)
        for connection in self._sockets.values():
            connection.close()

    def _goes_on(self, number: int) -> bool:
        connection = self._sockets[number]
        try:
            if self._left[number] > 0:
                with suppress(BlockingIOError, ssl.SSLWantReadError):
                    data = connection.recv(min(self._left[number], 4096))
                    if not data:
                        return False
                    if self._left[number] == self._reads:
                        self.first_words.append(data[:15])
                    self._left[number] -= len(data)
            if self._trickles:
                with suppress(BlockingIOError, ssl.SSLWantWriteError):
                    connection.send(b"a")
        except OSError:
            return False
        return True

    @contextmanager
    def about(self) -> Iterator["Crowd"]:
        """Run the crowd inside the block; the block begins when all are connected."""
        thread = threading.Thread(target=self.run, name="crowd", daemon=True)
        thread.start()
        try:
            assert self._all_began.wait(60), "the crowd has not come"
            yield self
        finally:
            self._ended.set()
            thread.join(60)


@dataclass
class Others:
    """Other clients that send requests meanwhile, and their waits."""

    questions: dict[str, Callable[[], Answer]]
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def ask(self, rounds: int) -> None:
        """Send each request several times, in varying order."""
        names = list(self.questions)
        for _ in range(rounds):
            random.shuffle(names)
            for name in names:
                began = time.monotonic()
                answer = self.questions[name]()
                self.seconds.setdefault(name, []).append(time.monotonic() - began)
                assert answer.status < 400, f"{name}: {answer.status} {answer.text[:300]}"

    @property
    def longest(self) -> dict[str, float]:
        """Return the longest wait for each answer, in seconds."""
        return {name: round(max(found), 3) for name, found in self.seconds.items()}


def json_incident(url: str, key: str) -> Answer:
    """Post a small incident."""
    document = {"message": "un incident", "incident_data": {"risk_level": "LOW"}, "recipients": []}
    return request(
        f"{url}/api/v1/incidents",
        json.dumps(document).encode(),
        method="POST",
        Content_Type="application/json",
        X_API_Key=key,
    )


def head(method: str, path: str, *lines: str) -> bytes:
    """Return a request's header block."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode()
