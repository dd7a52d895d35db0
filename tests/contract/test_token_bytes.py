"""Contracts, section 3: bytes by Range, as RFC 9110 says, over HTTP."""

import hashlib
from urllib.parse import unquote

import pytest
from flask.testing import FlaskClient

from tests.helpers import renew
from tests.library import STREAMED, Library
from vigint_web.extensions import db
from vigint_web.models import Access, Source

SIZE = len(STREAMED)
MIB = 1024 * 1024
ETAG = f'"{hashlib.sha256(STREAMED).hexdigest()}"'


@pytest.fixture
def source(library: Library) -> Source:
    return library.source()


@pytest.fixture(params=["/stream/{}/", "/api/video/{}/download/"])
def path(request: pytest.FixtureRequest, library: Library, source: Source) -> str:
    return str(request.param).format(library.program_token(source))


def test_the_whole_file(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.data == STREAMED
    assert answer.headers["Content-Length"] == str(SIZE)
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["ETag"] == ETAG
    assert answer.headers["Last-Modified"].endswith("GMT")
    assert "Content-Range" not in answer.headers


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-99", 0, 99),
        ("bytes=0-1", 0, 1),
        ("bytes=-100", SIZE - 100, SIZE - 1),
        (f"bytes={SIZE - 7}-", SIZE - 7, SIZE - 1),
        ("bytes=5-", 5, SIZE - 1),
        (f"bytes=5-{SIZE + 5}", 5, SIZE - 1),
    ],
)
def test_a_part_is_exactly_what_was_asked(
    client: FlaskClient, path: str, asked: str, first: int, last: int
) -> None:
    answer = client.get(path, headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.data == STREAMED[first : last + 1]
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
    assert answer.headers["Content-Length"] == str(last - first + 1)
    assert answer.headers["ETag"] == ETAG


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", "bytes=-0", f"bytes={'9' * 30}-"])
def test_what_cannot_be_given_is_416(client: FlaskClient, path: str, asked: str) -> None:
    answer = client.get(path, headers={"Range": asked})
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{SIZE}"
    assert answer.get_json()["code"] == "range_not_satisfiable"


@pytest.mark.parametrize("asked", ["bytes=0-1,5-9", "bytes=9-1", "items=0-1", "nonsense"])
def test_what_is_no_single_range_is_ignored(client: FlaskClient, path: str, asked: str) -> None:
    answer = client.get(path, headers={"Range": asked})
    assert (answer.status_code, len(answer.data)) == (200, SIZE)


def test_if_range(client: FlaskClient, path: str) -> None:
    modified = client.get(path).headers["Last-Modified"]
    part = {"Range": "bytes=0-9"}
    for fresh in (ETAG, modified):
        assert client.get(path, headers={**part, "If-Range": fresh}).status_code == 206
    for stale in ('"stale"', f"W/{ETAG}", "Sat, 01 Jan 2000 00:00:00 GMT", "x +" + "9" * 30):
        answer = client.get(path, headers={**part, "If-Range": stale})
        assert (answer.status_code, answer.data) == (200, STREAMED), stale


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_the_client_has_is_not_sent_again(client: FlaskClient, path: str, method: str) -> None:
    modified = client.get(path).headers["Last-Modified"]
    for condition in (
        {"If-None-Match": ETAG},
        {"If-None-Match": f'"x", W/{ETAG}'},
        {"If-None-Match": "*"},
        {"If-Modified-Since": modified},
    ):
        answer = client.open(path, method=method, headers=condition)
        assert (answer.status_code, answer.data) == (304, b""), condition
        assert answer.headers["ETag"] == ETAG
    answer = client.open(path, method=method, headers={"If-None-Match": '"x"'})
    assert answer.status_code == 200
    refused = client.open(path, method=method, headers={"If-Match": '"x"'})
    assert refused.status_code == 412


def test_head_is_get_without_bytes_and_without_range(client: FlaskClient, path: str) -> None:
    get, head = client.get(path), client.head(path, headers={"Range": "bytes=0-9"})
    assert (head.status_code, head.data) == (200, b"")
    for name in ("Content-Length", "Content-Type", "ETag", "Last-Modified", "Accept-Ranges"):
        assert head.headers[name] == get.headers[name], name


@pytest.mark.parametrize(
    ("query", "headers"), [("?view=abc", {}), ("", {"Sec-Fetch-Dest": "video"})]
)
def test_a_browser_gets_a_mebibyte_of_an_open_ended_range(
    client: FlaskClient, library: Library, source: Source, query: str, headers: dict[str, str]
) -> None:
    path = f"/stream/{library.person_token(source.video)}/{query}"
    first = client.get(path, headers={**headers, "Range": "bytes=0-"})
    assert first.headers["Content-Range"] == f"bytes 0-{MIB - 1}/{SIZE}"
    assert first.data == STREAMED[:MIB]
    closed = client.get(path, headers={**headers, "Range": f"bytes=0-{SIZE - 1}"})
    assert len(closed.data) == SIZE, "every other range is answered exactly"
    suffix = client.get(path, headers={**headers, "Range": f"bytes=-{MIB + 9}"})
    assert len(suffix.data) == MIB + 9
    assert len(client.get(path, headers=headers).data) == SIZE


_WEBKIT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/605.1.15 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("agent", "length"),
    [
        (f"{_WEBKIT} Version/26.0 Safari/605.1.15", SIZE),
        (f"{_WEBKIT} Chrome/156.0.0.0 Safari/537.36", MIB),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0", MIB),
    ],
    ids=["WebKit", "Chromium", "Firefox"],
)
def test_only_a_browser_that_comes_back_for_more_gets_less_than_it_asks_for(
    client: FlaskClient, library: Library, source: Source, agent: str, length: int
) -> None:
    path = f"/stream/{library.person_token(source.video)}/?view=abc"
    answer = client.get(path, headers={"Range": "bytes=0-", "User-Agent": agent})
    assert len(answer.data) == length


def test_streams_play_on_any_site_and_stay_private(client: FlaskClient, path: str) -> None:
    answer = client.get(path, headers={"Range": "bytes=0-9", "Origin": "https://other.example"})
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert "noindex" in answer.headers["X-Robots-Tag"]
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    if path.startswith("/stream/"):
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert answer.headers["Content-Type"] == "video/mp4"
        assert "attachment" not in answer.headers.get("Content-Disposition", "")


def test_a_picture_is_shown_on_any_site(
    client: FlaskClient, library: Library, source: Source
) -> None:
    thumbnail = client.get(f"/api/video/{library.program_token(source)}/thumbnail/")
    assert thumbnail.headers["Content-Type"] == "image/jpeg"
    assert thumbnail.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert thumbnail.data.startswith(b"\xff\xd8")


@pytest.mark.parametrize(
    "name",
    ["caméra du fond.mp4", "監視.mp4", 'a"b;c.mp4', "100%.mp4", "x" * 180 + ".mp4", "é'\u2028.mp4"],
)
def test_a_download_has_its_own_name_back(client: FlaskClient, library: Library, name: str) -> None:
    source = library.source(filename=name)
    answer = client.get(f"/api/video/{library.program_token(source)}/download/")
    header = answer.headers["Content-Disposition"]
    kind, plain, extended = header.split("; ")
    assert kind == "attachment"
    assert plain.isascii()
    assert unquote(extended.removeprefix("filename*=UTF-8''")) == source.video.original_name


def test_parts_are_logged_and_head_is_none(
    client: FlaskClient, library: Library, source: Source
) -> None:
    path = f"/stream/{library.program_token(source)}/"
    client.get(path, headers={"Range": "bytes=10-19"})
    client.head(path)
    client.get(path, headers={"Range": f"bytes={SIZE}-"})
    renew()
    seen = [(a.status, a.first_byte, a.last_byte) for a in db.session.query(Access)]
    assert seen == [(206, 10, 19), (200, None, None), (416, None, None)]


def test_an_empty_range_of_nothing(client: FlaskClient, library: Library) -> None:
    source = library.source(b"x")
    path = f"/stream/{library.program_token(source)}/"
    assert client.get(path, headers={"Range": "bytes=0-"}).data == b"x"
    assert client.get(path, headers={"Range": "bytes=1-"}).status_code == 416
