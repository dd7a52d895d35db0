"""250 clients whose bodies do not arrive, and 50 that do not read: others are answered normally.

The relevant figure is printed: the longest wait for an answer, which is below a second on an idle
machine. The assertion allows for a busy one.
"""

import hashlib
import json
import re
import secrets
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.functional.behind import Behind
from tests.functional.installation import Installation
from tests.functional.processes import SELDOM, wait_until
from tests.functional.slow import MANY, ONE, Crowd, Others, head, json_incident
from tests.functional.tus import OFFSETS, Uploader
from tests.functional.web import Answer, request
from tests.helpers import Footage

Document = Callable[..., dict[str, Any]]

_SLOW, _STALLED = 250, 50
_LARGE = 50_000_000
_MOST_SECONDS = 4.0
_ROUNDS = 6


@dataclass
class Place:
    """An installation under attack, and the attackers' credentials."""

    installation: Installation
    other_key: str
    clip: str
    big: str

    @property
    def url(self) -> str:
        """Return the public address."""
        return self.installation.url

    def new_key(self) -> str:
        """Return a separate key, whose limits are unused."""
        key = f"vgk_{secrets.token_urlsafe(32)}"
        self.installation.sql(
            "INSERT INTO api_keys (site_id, name, prefix, key_hash, scopes, created_at)"
            " SELECT site_id, name, ?, ?, scopes, created_at FROM api_keys WHERE name = 'detector'"
            " LIMIT 1",
            key[:12],
            hashlib.sha256(key.encode()).hexdigest(),
        )
        self.installation.secrets.add(key)
        return key


def _is_ready(api: str) -> bool:
    return bool(request(api).json()["status"] == "ready")


def _furnished(installation: Installation, footage: Footage) -> Place:
    browser = installation.session()
    streams = []
    for name, filling in (("small.mp4", 0), ("big.mp4", 24 * 1024 * 1024)):
        data = footage.clip("slow.mp4", seconds=2).read_bytes()
        data += (filling + 8).to_bytes(4, "big") + b"free" + bytes(filling)
        landed = browser.upload((name, data))
        found = re.search(r"/api/video/([\w.~-]+)/", landed.text)
        assert found, "the page shows the addresses for programs"
        installation.secrets.add(found.group(1))
        api = f"{installation.url}/api/video/{found.group(1)}/"
        wait_until(
            partial(_is_ready, api),
            "the source is ready",
            90,
            pause=SELDOM,
        )
        streams.append(request(api).json()["api_links"]["stream_url"])
    other = installation.command("create-api-key", "other", "--scope", "ingest").strip()
    installation.secrets.add(other)
    return Place(installation, other, *streams)


@pytest.fixture(scope="module")
def bare(vigint: Installation, footage: Footage) -> Place:
    """Provide the installation without a proxy."""
    return _furnished(vigint, footage)


@pytest.fixture(scope="module")
def proxied(behind: Behind, footage: Footage) -> Place:
    """Provide one behind the shipped nginx site."""
    return _furnished(behind, footage)


def _key(place: Place) -> str:
    return f"X-API-Key: {place.new_key()}"


def _unknown(_place: Place) -> bytes:
    return head("POST", "/nonexistent", "Host: localhost", f"Content-Length: {_LARGE}")


def _json(place: Place) -> bytes:
    kind = "Content-Type: application/json"
    length = f"Content-Length: {_LARGE // 2}"
    return head("POST", "/api/v1/incidents", "Host: localhost", _key(place), kind, length)


def _small_json(place: Place) -> bytes:
    kind = "Content-Type: application/json"
    return head(
        "POST", "/api/v1/incidents", "Host: localhost", _key(place), kind, "Content-Length: 9000"
    )


def _chunked(place: Place) -> bytes:
    lines = (
        "Host: localhost", _key(place), "Content-Type: application/json",
        "Transfer-Encoding: chunked",
    )  # fmt: skip
    return head("POST", "/api/v1/incidents", *lines) + b"fffff\r\n{"


def _multipart(place: Place, path: str = "/api/v1/incidents") -> bytes:
    lines = (
        "Host: localhost", _key(place), "Content-Type: multipart/form-data; boundary=edge",
        f"Content-Length: {_LARGE}",
    )  # fmt: skip
    part = b'--edge\r\nContent-Disposition: form-data; name="video"; filename="a.mp4"\r\n\r\n'
    return head("POST", path, *lines) + part


def _hosting(place: Place) -> bytes:
    return _multipart(place, "/api/v1/videos/upload")


def _tus(place: Place) -> bytes:
    key = place.new_key()
    path = Uploader(place.url, key).create(10_000_000)
    lines = (
        "Host: localhost", f"X-API-Key: {key}", "Tus-Resumable: 1.0.0", "Upload-Offset: 0",
        f"Content-Type: {OFFSETS}", "Content-Length: 10000000",
    )  # fmt: skip
    return head("PATCH", path, *lines)


def _login(_place: Place) -> bytes:
    kind = "Content-Type: application/x-www-form-urlencoded"
    return head("POST", "/login", "Host: localhost", kind, "Content-Length: 300") + b"email="


def _large_login(_place: Place) -> bytes:
    kind = "Content-Type: application/x-www-form-urlencoded"
    return head("POST", "/login", "Host: localhost", kind, "Content-Length: 900000") + b"email="


def _no_head(_place: Place) -> bytes:
    return b"POST /login HTTP/1.1\r\nHost: localhost\r\nX-Half: "


_KINDS: Mapping[str, Callable[[Place], bytes]] = {
    "unknown route": _unknown,
    "JSON": _json,
    "small JSON": _small_json,
    "chunks": _chunked,
    "multipart": _multipart,
    "hosting": _hosting,
    "tus": _tus,
    "login": _login,
    "large login": _large_login,
    "half a header block": _no_head,
}


def _others(place: Place) -> Others:
    def stream() -> Answer:
        return request(place.clip, Range="bytes=0-65535")

    return Others(
        {
            "healthz": lambda: request(f"{place.url}/healthz"),
            "login": lambda: request(f"{place.url}/login"),
            "stream": stream,
            "incident": lambda: json_incident(place.url, place.other_key),
        }
    )


def _with_this(begin: bytes, _number: int) -> bytes:
    return begin


def _suffer(place: Place, kinds: Sequence[str], sources: Sequence[str]) -> None:
    """Run these crowds, with readers that do not read, and send requests meanwhile."""
    named = f"Host: localhost:{place.url.rpartition(':')[2]}"
    begins = []
    for kind in kinds:
        made = _KINDS[kind](place)
        begins.append(made.replace(b"Host: localhost", named.encode()))
    path = "/" + place.big.split("/", 3)[3]
    stalled = head("GET", path, named, "Range: bytes=0-20000000")
    others = _others(place)
    with ExitStack() as stack:
        size = _SLOW // len(begins)
        crowds = [
            stack.enter_context(Crowd(place.url, size, partial(_with_this, begin), sources).about())
            for begin in begins
        ]
        readers = stack.enter_context(
            Crowd(
                place.url, _STALLED, lambda _n: stalled, sources, reads=16, trickles=False
            ).about()
        )
        others.ask(_ROUNDS)
        begun = [crowd.begun for crowd in (*crowds, readers)]
    words = {word for crowd in crowds for word in crowd.first_words}
    print(f"{', '.join(kinds)}, {len(sources)} addresses: {others.longest}; {begun} began; {words}")
    assert min(begun) > 0, "there was no attack"
    assert max(others.longest.values()) < _MOST_SECONDS, others.longest


def _attacks() -> list[Any]:
    """Return each kind of crowd from one address and from many.

    What holds a place is the kind: in an ordinary run each comes from one address or from many,
    in turn.
    """
    return [
        pytest.param(
            kind, sources, id=f"{kind}-{name}",
            marks=() if number % 2 == turn else pytest.mark.campaign,
        )
        for number, kind in enumerate(_KINDS)
        for turn, (name, sources) in enumerate((("one address", ONE), ("many addresses", MANY)))
    ]  # fmt: skip


@pytest.mark.parametrize(("kind", "sources"), _attacks())
def test_others_are_answered_as_ever(bare: Place, kind: str, sources: Sequence[str]) -> None:
    _suffer(bare, [kind], sources)


@pytest.mark.parametrize(
    ("kinds", "sources"),
    [
        pytest.param(list(_KINDS)[:5], ONE, id="first-one address"),
        pytest.param(list(_KINDS)[:5], MANY, id="first-many addresses", marks=pytest.mark.campaign),
        pytest.param(list(_KINDS)[5:], ONE, id="rest-one address", marks=pytest.mark.campaign),
        pytest.param(list(_KINDS)[5:], MANY, id="rest-many addresses"),
    ],
)
def test_others_are_answered_as_ever_behind_nginx(
    proxied: Place, kinds: Sequence[str], sources: Sequence[str]
) -> None:
    _suffer(proxied, kinds, sources)


def test_one_key_has_its_share_and_another_its_own(bare: Place, document: Document) -> None:
    """Detectors on a line that stalls use their own share, not that of others."""
    begin = _json(bare)
    body = json.dumps({**document(), "message": "une alerte " * 100_000}).encode()
    with Crowd(bare.url, 40, lambda _n: begin).about() as crowd:
        wait_until(lambda: len(crowd.first_words) >= 40 - 2 * 8, "those without a share are told")
        assert set(crowd.first_words) == {b"HTTP/1.1 503 SE"}
        small = begin.replace(b"Content-Length: 25000000", b"Content-Length: 99999")
        # One process may briefly have places of this key's share.
        refused = wait_until(lambda: _refusal(bare, small), "the key has used up its share")
        assert b"HTTP/1.1 503" in refused
        assert b"Retry-After: 5\r\n" in refused
        assert b"Connection: close" in refused
        lines = (
            "Host: localhost", _key(bare), "Content-Type: application/json",
            f"Content-Length: {len(body)}",
        )  # fmt: skip
        answer = _slowly(bare, head("POST", "/api/v1/incidents", *lines), body)
        assert b"HTTP/1.1 202" in answer, answer


def _refusal(place: Place, begin: bytes) -> bytes:
    """Begin a request; return the header of its refusal, or nothing if its body is waited for."""
    try:
        return _slowly(place, begin, patience=2)
    except TimeoutError:
        return b""


def _slowly(place: Place, begin: bytes, body: bytes = b"", *, patience: float = 30) -> bytes:
    """Send a request in pieces with pauses, like a slow line; return the answer's header."""
    parts = urlsplit(place.url)
    with socket.create_connection((parts.hostname or "", parts.port or 80), patience) as connection:
        connection.sendall(begin)
        for at in range(0, len(body), len(body) // 8 + 1):
            time.sleep(0.1)  # the pause is tested
            connection.sendall(body[at : at + len(body) // 8 + 1])
        received = b""
        while b"\r\n\r\n" not in received:
            data = connection.recv(65536)
            assert data, f"it ended after {received!r}"
            received += data
        return received
