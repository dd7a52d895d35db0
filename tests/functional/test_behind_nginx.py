"""Behind the shipped nginx site: the workflow, ranges, revocation, and logs without tokens."""

import contextlib
import hashlib
import json
import re
import shutil
import socket
import ssl
import struct
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.functional.behind import Behind, stream_of
from tests.functional.nginx import Nginx
from tests.functional.processes import SELDOM, wait_until
from tests.functional.web import PATIENCE, Answer, Reader, Session, request
from tests.helpers import Footage, csrf_token
from tests.ports import free_port

_BIG = 40 * 1024 * 1024


@pytest.fixture(scope="module")
def browser(behind: Behind) -> Session:
    """Give a logged-in administrator."""
    return behind.session()


@dataclass(frozen=True)
class Source:
    """An uploaded source of 40 MB, ready."""

    data: bytes
    token: str
    stream: str
    download: str


@pytest.fixture(scope="module")
def big(behind: Behind, browser: Session, footage: Footage) -> Source:
    """Upload a short clip made long by a `free` box (ISO/IEC 14496-12, 8.1.2)."""
    data = footage.clip("behind.mp4", seconds=2).read_bytes()
    padding = _BIG - len(data)
    data += struct.pack(">I4s", padding, b"free") + bytes(padding - 8)
    landed = browser.upload(("big.mp4", data))
    assert landed.status == 200, landed.text
    found = re.search(r"/api/video/([\w.~-]+)/", landed.text)
    assert found, "the page shows the addresses for programs"
    token = found.group(1)
    behind.secrets.add(token)

    def ready() -> Answer | None:
        answer = request(f"{behind.url}/api/video/{token}/")
        assert answer.status == 200, answer.text
        return answer if answer.json()["status"] == "ready" else None

    links = wait_until(ready, "the source is ready", pause=SELDOM).json()["api_links"]
    return Source(data, token, links["stream_url"], links["download_url"])


@pytest.fixture(scope="module")
def mailed(behind: Behind, footage: Footage) -> str:
    """Provide the link mailed to a guard about an incident."""
    accepted = behind.post(
        {
            "message": "porte forcée",
            "incident_data": {"incident_type": "Intrusion", "risk_level": "HIGH"},
            "recipients": ["garde@example.com"],
        },
        video=footage.clip("incident.mp4", seconds=2).read_bytes(),
    )
    ended = behind.finished(accepted)
    assert ended["state"] == "ready", json.dumps(ended)
    return behind.mailed_link(accepted["reference"])


def test_the_main_job_over_https(behind: Behind, mailed: str) -> None:
    assert mailed.startswith(f"{behind.url}/video/"), "the link begins with the public address"
    address = stream_of(behind, mailed)
    first = request(address, Range="bytes=0-1")
    assert (first.status, len(first.body)) == (206, 2), "an iPhone probes like this"
    whole = request(address)
    assert (whole.status, whole.body[4:8]) == (200, b"ftyp")
    assert whole.headers["ETag"] == f'"{hashlib.sha256(whole.body).hexdigest()}"'
    assert whole.headers.get_all("Strict-Transport-Security") == ["max-age=31536000"]


def test_the_session_cookie_goes_over_https_only(behind: Behind) -> None:
    cookie = request(f"{behind.url}/login").headers["Set-Cookie"]
    assert "Secure" in cookie
    assert "HttpOnly" in cookie


def test_http_leads_to_https(behind: Behind) -> None:
    plain = f"http://localhost:{behind.nginx.http_port}"
    answer = request(f"{plain}/incidents/?page=2")
    assert (answer.status, answer.headers["Location"]) == (
        301,
        f"{behind.url}/incidents/?page=2",
    )


def test_no_other_name_is_answered(behind: Behind, certificate: Path) -> None:
    with (
        socket.create_connection(("127.0.0.1", behind.nginx.https_port), PATIENCE) as connection,
        pytest.raises(ssl.SSLError),
    ):
        ssl.create_default_context().wrap_socket(connection, server_hostname="other.example")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_protocols_are_refused(behind: Behind, version: ssl.TLSVersion) -> None:
    context = ssl.create_default_context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = context.maximum_version = version
    with (
        socket.create_connection(("127.0.0.1", behind.nginx.https_port), PATIENCE) as connection,
        pytest.raises(ssl.SSLError, match=r"(?i)protocol.version"),
    ):
        context.wrap_socket(connection, server_hostname="localhost")


def test_ranges_come_as_vigint_answers_them(behind: Behind, big: Source) -> None:
    for asked, first, last in (
        ("bytes=0-99", 0, 99),
        ("bytes=-100", _BIG - 100, _BIG - 1),
        ("bytes=1000-2000999", 1000, 2_000_999),
        (f"bytes={_BIG - 5_000_000}-", _BIG - 5_000_000, _BIG - 1),
    ):
        part = request(big.stream, Range=asked)
        assert (part.status, part.body == big.data[first : last + 1]) == (206, True), asked
        assert part.headers["Content-Range"] == f"bytes {first}-{last}/{_BIG}"
    etag = part.headers["ETag"]
    assert etag == f'"{hashlib.sha256(big.data).hexdigest()}"'
    assert request(big.stream, If_None_Match=etag).status == 304
    assert request(big.stream, Range=f"bytes={_BIG}-").status == 416
    bounded = request(big.stream, Range="bytes=0-", Sec_Fetch_Dest="video")
    assert (bounded.status, len(bounded.body)) == (206, 1024 * 1024)
    assert request(big.download).body == big.data


def test_no_footage_comes_to_lie_on_the_disk_of_nginx(behind: Behind, big: Source) -> None:
    reader = Reader(big.download)
    try:
        while reader.received < 256 * 1024:
            assert reader.read(), "the download has begun"
        assert behind.nginx.temporary_bytes() == 0
    finally:
        reader.close()


@pytest.mark.parametrize("protocol", ["--http1.1", "--http2"])
def test_curl_downloads_it_whole(
    behind: Behind, big: Source, certificate: Path, tmp_path: Path, protocol: str
) -> None:
    program = shutil.which("curl")
    if program is None:
        pytest.skip("there is no curl on PATH")
    done = subprocess.run(
        [
            program, "-sS", "-f", protocol, "--cacert", str(certificate),
            "-o", str(tmp_path / "got"), "-w", "%{http_version}", big.download,
        ],
        capture_output=True,
        text=True,
        timeout=150,
        check=True,
    )  # fmt: skip
    assert done.stdout == protocol.removeprefix("--http")
    assert (tmp_path / "got").read_bytes() == big.data


def test_an_upload_reaches_vigint_while_it_arrives(behind: Behind, browser: Session) -> None:
    token = csrf_token(browser.open("/source-management/add/?type=file").text)
    head = (
        f'--edge\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n{token}\r\n'
        '--edge\r\nContent-Disposition: form-data; name="files"; filename="slow.mp4"\r\n\r\n'
    ).encode()
    half, incoming = bytes(20 * 1024 * 1024), behind.data_dir / "media" / ".incoming"
    before = set(incoming.iterdir())
    with upload_begun(behind, browser, head, 2 * len(half)) as connection:
        connection.sendall(half)

        def arrived() -> bool:
            drafts = set(incoming.iterdir()) - before
            return sum(draft.stat().st_size for draft in drafts) > len(half) - 1024 * 1024

        wait_until(arrived, "the first half is at Vigint before the second is sent")
        assert behind.nginx.temporary_bytes() == 0, "nginx holds nothing of it"
    # Its sender disconnected in the middle, which must reach Vigint too.
    wait_until(lambda: set(incoming.iterdir()) <= before, "the half is gone again")


@contextlib.contextmanager
def upload_begun(
    behind: Behind, browser: Session, head: bytes, rest: int
) -> Iterator[ssl.SSLSocket]:
    """Send a form up to the beginning of its file."""
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.cookies)
    lines = (
        "POST /source-management/add/ HTTP/1.1",
        f"Host: localhost:{behind.nginx.https_port}",
        f"Referer: {behind.url}/source-management/add/",
        f"Cookie: {cookies}",
        "Content-Type: multipart/form-data; boundary=edge",
        f"Content-Length: {len(head) + rest}",
    )
    with (
        socket.create_connection(("127.0.0.1", behind.nginx.https_port), PATIENCE) as plain,
        ssl.create_default_context().wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + head)
        yield connection


@pytest.mark.parametrize("address", ["stream", "download"])
def test_a_revocation_cuts_what_is_under_way(
    behind: Behind, browser: Session, big: Source, address: str
) -> None:
    [(link_id,)] = behind.sql(
        "SELECT links.id FROM links JOIN videos ON videos.id = video_id"
        " WHERE original_size = ? AND audience = 'program'",
        _BIG,
    )
    reader = Reader(getattr(big, address))
    try:
        while reader.received < 1024 * 1024:
            assert reader.read(), "it goes on while its link lives"
        assert browser.submit(f"/links/{link_id}/revoke", reason="test").status == 200
        began = time.monotonic()
        while reader.read(64 * 1024):
            # Ten seconds, and the buffers of nginx and the kernel are read this slowly.
            assert time.monotonic() - began < 60, "it goes on after its link's death"
            time.sleep(0.05)  # as fast as a line of 1.3 MB/s
        print(f"{address}: cut after {time.monotonic() - began:.1f} s, {reader.received} bytes")
        assert reader.received < _BIG * 0.7, "it was cut, not finished"
        refused = request(big.stream, Range="bytes=0-0")
        assert (refused.status, refused.json()["code"]) == (410, "link_revoked")
    finally:
        reader.close()
        behind.sql("UPDATE links SET revoked_at = NULL WHERE id = ?", link_id)


def test_the_page_hears_of_a_revocation_in_mid_play(
    behind: Behind, browser: Session, mailed: str
) -> None:
    address = stream_of(behind, mailed)
    assert request(address, Range="bytes=0-").status == 206
    parts = urlsplit(mailed)
    state = f"{behind.url}{parts.path}/state?{parts.query}"
    assert request(state).json()["alive"] is True
    link_id = behind.link_id(mailed)
    try:
        assert browser.submit(f"/links/{link_id}/revoke", reason="test").status == 200
        assert request(state).json()["code"] == "link_revoked"
        assert request(address, Range="bytes=0-").status == 410
    finally:
        behind.sql("UPDATE links SET revoked_at = NULL WHERE id = ?", link_id)


@pytest.mark.parametrize(
    "claims",
    [
        {"X_Forwarded_For": "203.0.113.7"},
        {"X_Forwarded_For": "203.0.113.7, 203.0.113.8", "X_Real_IP": "203.0.113.7"},
        {"Forwarded": "for=203.0.113.7;proto=http;host=evil.example"},
        {"X_Forwarded_Host": "evil.example", "X_Forwarded_Proto": "http", "X_Forwarded_Port": "1"},
        {"X_Forwarded_Prefix": "/evil", "X_Accel_Redirect": "/etc/passwd", "Script_Name": "/evil"},
    ],
)
def test_what_a_client_claims_about_itself_is_not_believed(
    behind: Behind, claims: dict[str, str]
) -> None:
    answer = request(f"{behind.url}/", **claims)
    assert answer.status == 302
    location = urlsplit(answer.headers["Location"])
    assert location.netloc in {"", f"localhost:{behind.nginx.https_port}"}
    assert (location.scheme or "https", location.path) == ("https", "/login")
    lines = [json.loads(line) for line in behind.log.splitlines() if line.startswith("{")]
    mine = [line for line in lines if line.get("request") == answer.headers["X-Request-ID"]]
    assert [line["address"] for line in mine] == ["127.0.0.1"], "the address of the connection"


def test_an_address_behind_nginx_is_told_by_the_name_of_the_client(behind: Behind) -> None:
    # Another address of this machine, so that trusting nginx makes a difference.
    source = ("127.0.0.9", 0)
    with (
        socket.create_connection(("127.0.0.1", behind.nginx.https_port), PATIENCE, source) as plain,
        ssl.create_default_context().wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        host = f"localhost:{behind.nginx.https_port}"
        asked = f"GET /login HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        connection.sendall(asked.encode())
        while connection.recv(65536):
            pass
    assert '"address": "127.0.0.9"' in behind.log


def test_the_lines_of_nginx_and_vigint_belong_together(behind: Behind, mailed: str) -> None:
    answer = request(mailed)

    def lines() -> list[dict[str, Any]]:
        log = behind.nginx.access_log().splitlines()
        return [json.loads(line) for line in log if answer.headers["X-Request-ID"] in line]

    found = wait_until(lines, "nginx has written its line")  # after the answer is sent
    assert [(line["place"], line["status"]) for line in found] == [("/video", 200)]
    assert f'"request": "{answer.headers["X-Request-ID"]}"' in behind.log


def test_pages_are_not_compressed_but_style_sheets_are(behind: Behind) -> None:
    page = request(f"{behind.url}/login", Accept_Encoding="gzip")
    assert "Content-Encoding" not in page.headers
    style = re.search(r'href="(/static/[^"]+\.css)"', page.text)
    assert style, "the page has a style sheet"
    answer = request(behind.url + style.group(1), Accept_Encoding="gzip")
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "immutable" in answer.headers["Cache-Control"]


@pytest.mark.parametrize("length", [8_200, 60_000])
def test_a_long_address_gets_the_answer_of_vigint(behind: Behind, length: int) -> None:
    answer = request(f"{behind.url}/stream/{'a' * length}/")
    assert (answer.status, json.loads(answer.body)["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("line", "field", "status", "sentence"),
    [
        ("/" + "a" * 70_000, "x", 414, "Cette adresse est trop longue."),
        ("/", "a" * 70_000, 431, "Les en-têtes de cette requête sont trop longs."),
    ],
)
def test_what_is_longer_than_any_head_gets_the_sentences_of_vigint(
    behind: Behind, line: str, field: str, status: int, sentence: str
) -> None:
    head = f"GET {line} HTTP/1.1\r\nHost: localhost\r\nX-Field: {field}\r\n\r\n"
    answer = send_raw(behind.nginx.https_port, head.encode()).decode()
    assert answer.startswith(f"HTTP/1.1 {status} ")
    assert sentence in answer
    assert "<html" not in answer, "that is the page of nginx"


def test_from_outside_nobody_reads_the_metrics(behind: Behind) -> None:
    assert request(f"{behind.url}/metrics").status == 404
    assert request(f"{behind.url}/metrics", X_Forwarded_For="127.0.0.1").status == 404
    assert request(f"http://127.0.0.1:{behind.port}/metrics").status == 200, "this machine does"


def send_raw(port: int, data: bytes) -> bytes:
    """Send bytes of a misbehaving client; return the answer."""
    with (
        socket.create_connection(("127.0.0.1", port), PATIENCE) as plain,
        ssl.create_default_context().wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        received = b""
        with contextlib.suppress(ssl.SSLError, ConnectionError):
            connection.sendall(data)
            while data := connection.recv(65536):
                received += data
        return received


def provoke(nginx: Nginx, token: str) -> None:
    """Make nginx log errors about requests with a token; there is no upstream."""
    host = f"Host: localhost:{nginx.https_port}\r\nConnection: close\r\n"
    refused = request(f"{nginx.url}/stream/{token}/")
    assert (refused.status, refused.json()["code"]) == (503, "unavailable")
    page = request(
        f"{nginx.url}/video/x?token={token}", Referer=f"{nginx.url}/video/y?token={token}"
    )
    assert (page.status, "Réessayez" in page.text) == (503, True)
    for data in (
        f"GET /stream/{token}/?view={'x' * 40_000} HTTP/1.1\r\n{host}\r\n",
        f"GET /stream/{token}/ HTTP/1.1\r\n{host}X-Long: {'x' * 40_000}\r\n\r\n",
        f"GET /stream/{token}/ HTTP/7.7\r\n{host}\r\n",
        f"GET /stream/{token}/ HTTP/1.1\r\nHost: /\r\n\r\n",
        f"GET /stream/{token}/ HTTP/1.1\r\n{host}Content-Length: x\r\n\r\n",
        f"GET /api/video/{token}/download HTTP/1.1\r\n{host}Transfer-Encoding: x\r\n\r\n",
        f"GET {token} HTTP/1.1\r\n{host}\r\n",
        f"GET /{token}/ HTTP/1.1\r\n{host}\r\n",
        f"GET //stream//{token}/ HTTP/1.1\r\n{host}\r\n",
        f"GET /static/../stream/{token}/ HTTP/1.1\r\n{host}\r\n",
        f"POST /stream/{token}/ HTTP/1.1\r\n{host}Content-Length: 9\r\n\r\nshort",
        f"{token} / HTTP/1.1\r\n{host}\r\n",
        f"GET /.well-known/acme-challenge/{token} HTTP/1.1\r\n{host}\r\n",
    ):
        assert not send_raw(nginx.https_port, data.encode()).startswith(b"HTTP/1.1 200")
    plain = f"http://localhost:{nginx.http_port}"
    assert request(f"{plain}/stream/{token}/").status == 301
    assert request(f"{plain}/.well-known/acme-challenge/{token}").status == 404
    # On one connection, so that they are fast on a busy machine too.
    one = f"GET /video/x?token={token} HTTP/1.1\r\nHost: localhost:{nginx.https_port}\r\n"
    flood = f"{one}\r\n" * 400 + f"{one}Connection: close\r\n\r\n"
    answers = send_raw(nginx.https_port, flood.encode())
    assert b"HTTP/1.1 429 Too Many Requests" in answers, "the flood met the limit"


@pytest.mark.parametrize("level", ["emerg", "error"])
def test_no_complaint_of_nginx_holds_a_token(tmp_path: Path, certificate: Path, level: str) -> None:
    token = "Abcdefghijklmnopqrstuv.aBcDeF." + "Xy9_" * 7
    nginx = Nginx(tmp_path / "nginx", certificate, free_port(), level=level)
    nginx.start()
    try:
        provoke(nginx, token)
    finally:
        nginx.stop()
    logged = nginx.read_logs()
    if level == "emerg":
        assert token not in logged
        assert token.partition(".")[0] not in logged
        lines = [json.loads(line) for line in nginx.access_log().splitlines()]
        assert {"502"} & {line["upstream_status"] for line in lines}, "that Vigint is away shows"
        assert {"REJECTED"} & {line["limit"] for line in lines}, "the flood shows"
    else:
        # The reason for the level, and the proof that errors were provoked above.
        for complaint in ("connect() failed", "limiting requests", "open()"):
            assert any(complaint in line and token in line for line in logged.splitlines())
