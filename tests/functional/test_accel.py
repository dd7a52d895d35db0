"""Footage by nginx (X-Accel-Redirect): identical answers and headers, and no bypass."""

import re
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.functional.behind import Behind, behind_nginx, stream_of
from tests.functional.nginx import Nginx
from tests.functional.processes import SELDOM, wait_until
from tests.functional.test_behind_nginx import send_raw
from tests.functional.web import Answer, Session, request
from tests.helpers import Footage

PREFIX = "/_media/"
_MIB = 1024 * 1024
_SMALL, _LARGE = 700_001, 3 * _MIB + 5


@dataclass(frozen=True)
class Place:
    """One Vigint behind two nginx, of which one sends handed-over files and one does not."""

    behind: Behind
    plain: Nginx
    browser: Session
    # By kind: the path and query, the same behind both.
    paths: dict[str, str]

    def both(self, kind: str, method: str = "GET", **headers: str) -> tuple[Answer, Answer]:
        """Return the answers through the nginx that sends and through the one that does not."""
        path = self.paths[kind]
        return (
            request(self.behind.url + path, method=method, **headers),
            request(self.plain.url + path, method=method, **headers),
        )

    def handed(self, kind: str, method: str = "GET", **headers: str) -> str | None:
        """Return what Vigint hands over to an nginx."""
        answer = request(
            f"http://127.0.0.1:{self.behind.port}{self.paths[kind]}",
            method=method,
            X_Accel_Prefix=PREFIX,
            **headers,
        )
        found: str | None = answer.headers["X-Accel-Redirect"]
        assert not (found and answer.body), "an answer that is handed over has no body"
        return found


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory, certificate: Path, footage: Footage
) -> Iterator[Place]:
    """Give a small source, a larger one and a mailed incident."""
    folder = tmp_path_factory.mktemp("accel")
    with behind_nginx(folder, certificate, accel=True, VIGINT_ACCEL_REDIRECT=PREFIX) as behind:
        plain = Nginx(folder / "plain", certificate, behind.port)
        plain.start()
        try:
            browser = behind.session()
            paths: dict[str, str] = {}
            for name, size in (("small", _SMALL), ("large", _LARGE)):
                data = padded(footage.clip(f"{name}.mp4", seconds=2).read_bytes(), size)
                token = uploaded(behind, browser, f"été {name}.mp4", data)
                paths[f"{name} stream"] = f"/stream/{token}/"
                paths[f"{name} download"] = f"/api/video/{token}/download/"
                paths[f"{name} thumbnail"] = f"/api/video/{token}/thumbnail/?size=small"
            link = mailed(behind, footage)
            paths["mailed page's stream"] = (
                urlsplit(stream_of(behind, link))._replace(scheme="", netloc="").geturl()
            )
            [(public_id,)] = behind.sql(
                "SELECT public_id FROM videos WHERE original_size = ?", _SMALL
            )
            paths["operator's stream"] = f"/videos/{public_id}/stream"
            paths["operator's thumbnail"] = f"/videos/{public_id}/thumbnail"
            [(public_id,)] = behind.sql("SELECT public_id FROM videos WHERE kind = 'clip'")
            paths["operator's download"] = f"/videos/{public_id}/download/clip"
            yield Place(behind, plain, browser, paths)
        finally:
            plain.stop()
        logged = plain.read_logs()
        assert not [secret for secret in behind.secrets if secret in logged]


def padded(clip: bytes, size: int) -> bytes:
    """Return a clip padded to a length by a `free` box (ISO/IEC 14496-12, 8.1.2)."""
    padding = size - len(clip)
    assert padding >= 8, f"the clip has {len(clip)} bytes already"
    return clip + struct.pack(">I4s", padding, b"free") + bytes(padding - 8)


def uploaded(behind: Behind, browser: Session, name: str, data: bytes) -> str:
    """Upload a source; return its token once it is ready."""
    landed = browser.upload((name, data))
    found = re.search(r"/api/video/([\w.~-]+)/", landed.text)
    assert found, "the page shows the addresses for programs"
    token = found.group(1)
    behind.secrets.add(token)

    def ready() -> bool:
        return bool(request(f"{behind.url}/api/video/{token}/").json()["status"] == "ready")

    wait_until(ready, "the source is ready", pause=SELDOM)
    return token


def mailed(behind: Behind, footage: Footage) -> str:
    """Return the link mailed to a guard about an incident."""
    accepted = behind.post(
        {
            "message": "porte forcée",
            "incident_data": {"incident_type": "Intrusion", "risk_level": "HIGH"},
            "recipients": ["garde@example.com"],
        },
        video=footage.clip("incident.mp4", seconds=2).read_bytes(),
    )
    assert behind.finished(accepted)["state"] == "ready"
    return behind.mailed_link(accepted["reference"])


def comparable_headers(answer: Answer) -> list[tuple[str, str]]:
    """Return all headers, without the values that differ between any two answers."""
    ever_new = {"date", "x-request-id", "set-cookie"}
    return sorted(
        (name.lower(), "" if name.lower() in ever_new else value)
        for name, value in answer.headers.items()
    )


def is_the_same(ours: Answer, theirs: Answer) -> None:
    """Fail unless two answers are the same in status, headers and bytes."""
    assert ours.status == theirs.status
    assert comparable_headers(ours) == comparable_headers(theirs)
    assert ours.body == theirs.body


@pytest.mark.parametrize(
    ("kind", "asked", "status"),
    [
        ("small stream", None, 200),
        ("small download", None, 200),
        ("small thumbnail", None, 200),
        ("mailed page's stream", None, 200),
        ("mailed page's stream", "bytes=0-", 206),
        ("small stream", "bytes=0-0", 206),
        ("small stream", f"bytes=0-{_SMALL - 1}", 206),
        ("small stream", "bytes=5-99999999", 206),
        ("small stream", "bytes=-99999999", 206),
        ("small download", "bytes=1000-", 206),
        ("small thumbnail", "bytes=10-19", 206),
        ("large stream", "bytes=0-1", 206),
        ("large stream", f"bytes=0-{_MIB - 1}", 206),
        ("large download", f"bytes=77-{_MIB + 76}", 206),
        ("large download", "bytes=-1000", 206),
        ("large download", f"bytes={_LARGE - 10}-", 206),
    ],
)
def test_what_nginx_sends_is_what_vigint_would(
    place: Place, kind: str, asked: str | None, status: int
) -> None:
    headers = {"Range": asked} if asked else {}
    named = place.handed(kind, **headers)
    assert named is not None
    assert re.fullmatch(rf"{PREFIX}videos/[\w./-]+", named)
    ours, theirs = place.both(kind, **headers)
    is_the_same(ours, theirs)
    assert ours.status == status
    assert "X-Accel-Redirect" not in ours.headers


@pytest.mark.parametrize(
    ("kind", "method", "headers", "status"),
    [
        ("large stream", "GET", {}, 200),
        ("large download", "GET", {"Range": f"bytes=0-{_MIB}"}, 206),
        ("large stream", "GET", {"Range": "bytes=0-", "Sec_Fetch_Dest": "video"}, 206),
        ("large stream", "GET", {"Range": "bytes=10-"}, 206),
        ("small stream", "HEAD", {}, 200),
        ("small download", "HEAD", {"Range": "bytes=0-1"}, 200),
        ("small thumbnail", "HEAD", {}, 200),
        ("small stream", "GET", {"Range": f"bytes={_SMALL}-"}, 416),
        ("small stream", "GET", {"Range": "bytes=-0"}, 416),
        ("small download", "GET", {"Range": f"bytes={_SMALL}-{_SMALL + 5}"}, 416),
        ("small stream", "GET", {"Range": "bytes=0-1,5-6"}, 200),
        ("small stream", "GET", {"Range": "bytes=9-3"}, 200),
        ("small stream", "GET", {"Range": "bytes = 0-1"}, 206),
        ("small stream", "GET", {"Range": "BYTES=0-1"}, 206),
        ("small stream", "GET", {"Range": f"bytes=0-{'9' * 30}"}, 206),
        ("small stream", "GET", {"Range": "lines=0-1"}, 200),
        ("small stream", "GET", {"Range": "bytes=0-1", "If_Range": "{etag}"}, 206),
        ("small stream", "GET", {"Range": "bytes=0-1", "If_Range": '"other"'}, 200),
        ("small stream", "GET", {"Range": "bytes=0-1", "If_Range": "{modified}"}, 206),
        ("small stream", "GET", {"If_None_Match": "{etag}"}, 304),
        ("small thumbnail", "GET", {"If_None_Match": "{etag}"}, 304),
        ("small stream", "GET", {"If_None_Match": '"other"'}, 200),
        ("small stream", "GET", {"If_Match": '"other"'}, 412),
        ("small stream", "GET", {"If_Match": "{etag}"}, 200),
        ("small download", "GET", {"If_Modified_Since": "{modified}"}, 304),
        ("small download", "GET", {"If_Modified_Since": "Mon, 01 Jan 2001 00:00:00 GMT"}, 200),
        ("small download", "GET", {"If_Unmodified_Since": "Mon, 01 Jan 2001 00:00:00 GMT"}, 412),
    ],
)
def test_what_nginx_would_judge_otherwise_stays_with_vigint(
    place: Place, kind: str, method: str, headers: dict[str, str], status: int
) -> None:
    whole = request(place.plain.url + place.paths[kind], method="HEAD")
    known = {"{etag}": whole.headers["ETag"], "{modified}": whole.headers["Last-Modified"]}
    sent = {name: known.get(value, value) for name, value in headers.items()}
    assert place.handed(kind, method, **sent) is None
    ours, theirs = place.both(kind, method, **sent)
    is_the_same(ours, theirs)
    assert ours.status == status


@pytest.mark.parametrize(
    "kind", ["operator's stream", "operator's thumbnail", "operator's download"]
)
def test_an_operator_gets_the_same_too(place: Place, kind: str) -> None:
    cookie = "; ".join(f"{cookie.name}={cookie.value}" for cookie in place.browser.cookies)
    assert place.handed(kind, Cookie=cookie)
    is_the_same(*place.both(kind, Cookie=cookie))
    stranger, theirs = place.both(kind)
    assert stranger.status == theirs.status == 302, "to the login"


def test_who_comes_past_nginx_gets_the_bytes_from_vigint(place: Place) -> None:
    address = f"http://127.0.0.1:{place.behind.port}{place.paths['small stream']}"
    for headers in ({}, {"X_Accel_Prefix": "/_other/"}):
        answer = request(address, **headers)
        assert (answer.status, len(answer.body)) == (200, _SMALL)
        assert "X-Accel-Redirect" not in answer.headers


def test_a_revoked_link_is_dead_at_the_next_request(place: Place) -> None:
    path, behind = place.paths["small stream"], place.behind
    [(link_id,)] = behind.sql(
        "SELECT links.id FROM links JOIN videos ON videos.id = video_id"
        " WHERE original_size = ? AND audience = 'program'",
        _SMALL,
    )
    assert request(behind.url + path, Range="bytes=0-99").status == 206
    try:
        revoked = place.browser.submit(f"/links/{link_id}/revoke", reason="test")
        assert revoked.status == 200
        refused = request(behind.url + path, Range="bytes=0-99")
        assert (refused.status, refused.json()["code"]) == (410, "link_revoked")
    finally:
        behind.sql("UPDATE links SET revoked_at = NULL WHERE id = ?", link_id)


def test_nobody_outside_reaches_the_internal_location(place: Place) -> None:
    named = place.handed("small stream")
    assert named is not None
    assert (place.behind.data_dir / "media" / named.removeprefix(PREFIX)).is_file()
    known = named.removeprefix(PREFIX)
    port = place.behind.nginx.https_port
    for path in (
        named,
        f"{named}?token=x",
        f"/_media//{known}",
        f"//_media/{known}",
        f"/stream/../_media/{known}",
        f"/stream/%2e%2e/_media/{known}",
        f"/%5fmedia/{known}",
        "/_media/",
        "/_media/../secret-key",
        "/_media/%2e%2e/secret-key",
        "/_media/..%2fsecret-key",
        "/_media../secret-key",
        "/_media..%2fsecret-key",
        "/_media/videos/../../secret-key",
        "/_media/.incoming/",
    ):
        asked = f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n"
        # The client's values of these headers are sent to Vigint, not back to nginx.
        asked += f"X-Accel-Redirect: {named}\r\nX-Accel-Prefix: {PREFIX}\r\n\r\n"
        status = send_raw(port, asked.encode())[:13]
        assert status == b"HTTP/1.1 404 ", (path, status)


def test_a_file_that_is_gone_is_said_by_vigint(place: Place) -> None:
    named = place.handed("small thumbnail")
    assert named is not None
    file = place.behind.data_dir / "media" / named.removeprefix(PREFIX)
    aside = file.rename(file.with_name("aside.jpg"))
    try:
        ours, theirs = place.both("small thumbnail")
        is_the_same(ours, theirs)
        assert (ours.status, ours.json()["code"]) == (404, "not_found")
    finally:
        aside.rename(file)


def test_the_group_may_open_footage_and_nothing_else(place: Place) -> None:
    media = place.behind.data_dir / "media"
    named = place.handed("small stream")
    assert named is not None
    file = media / named.removeprefix(PREFIX)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (file, *file.parents)}
    assert modes[file] == 0o640
    assert {modes[folder] for folder in file.parents if media in (folder, *folder.parents)} == {
        0o710
    }
    assert stat.S_IMODE((media / ".incoming").stat().st_mode) == 0o700
    assert modes[media.parent] == 0o700, "that door is the administrator's to open"


def test_the_log_of_nginx_tells_the_place_that_was_asked_for(place: Place) -> None:
    ours, _theirs = place.both("small download", Range="bytes=0-9")
    nginx, number = place.behind.nginx, ours.headers["X-Request-ID"]
    [line] = [line for line in nginx.access_log().splitlines() if number in line]
    assert '"place":"/api/video/*/download/"' in line
    assert '"status":206' in line
    assert f'"request": "{number}"' in place.behind.log


def test_the_metrics_count_what_is_handed_over(place: Place) -> None:
    def sent() -> float:
        metrics = request(f"http://127.0.0.1:{place.behind.port}/metrics").text
        found = re.search(r'^vigint_media_sent_bytes_total\{kind="download"\} (\S+)', metrics, re.M)
        return float(found.group(1)) if found else 0.0

    before = sent()
    request(place.behind.url + place.paths["small download"])
    wait_until(lambda: sent() >= before + _SMALL, "the bytes are counted")
