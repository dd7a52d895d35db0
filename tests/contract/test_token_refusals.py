"""Contracts, section 3: refusals, with their status and code."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from tests.helpers import renew
from tests.library import ACTOR, Library
from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import Access, Source, VideoStatus
from vigint_web.services.links import access, links

PATHS = (
    "/api/video/{}/",
    "/api/video/{}/metadata/",
    "/api/video/{}/download/",
    "/api/video/{}/thumbnail/",
    "/stream/{}/",
)
BYTES = PATHS[2:]


@pytest.fixture
def source(library: Library) -> Source:
    return library.source()


@pytest.fixture
def token(library: Library, source: Source) -> str:
    return library.program_token(source)


def _refusals(
    client: FlaskClient, token: str, paths: tuple[str, ...] = PATHS
) -> Iterator[tuple[int, str]]:
    for path in paths:
        answer = client.get(path.format(token))
        document = answer.get_json()
        assert set(document) == {"error", "code"}, f"{path}: {document}"
        assert document["error"].endswith("."), "the error is a sentence"
        assert token not in answer.text
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert client.head(path.format(token)).status_code == answer.status_code
        yield answer.status_code, document["code"]


def test_unknown_and_forged_tokens(client: FlaskClient, library: Library, token: str) -> None:
    other = token[:-1] + ("A" if token[-1] != "A" else "B")
    for bad in (other, "x", token + "=", token.swapcase(), "é", "a" * 5000):
        assert set(_refusals(client, bad)) == {(404, "not_found")}, bad


def test_the_token_of_a_deleted_video_is_unknown(
    client: FlaskClient, source: Source, token: str
) -> None:
    from vigint_web.services.sources.sources import delete_source

    delete_source(ACTOR, source.source_id)
    assert set(_refusals(client, token)) == {(404, "not_found")}


def test_a_rotated_token_is_unknown_and_the_new_one_opens(
    client: FlaskClient, library: Library, source: Source, token: str
) -> None:
    link = access.find_link(token)
    assert link is not None
    links.rotate_program_link(ACTOR, link.id)
    assert set(_refusals(client, token)) == {(404, "not_found")}
    assert client.get(f"/stream/{library.program_token(source)}/").status_code == 200


def test_expired(client: FlaskClient, library: Library, token: str) -> None:
    library.expire(token)
    assert set(_refusals(client, token)) == {(410, "link_expired")}


def test_revoked_from_the_next_request_on(
    client: FlaskClient, library: Library, token: str
) -> None:
    part = {"Range": "bytes=0-9"}
    assert client.get(f"/stream/{token}/", headers=part).status_code == 206
    link = access.find_link(token)
    assert link is not None
    links.revoke_link(ACTOR, link.id)
    assert client.get(f"/stream/{token}/", headers=part).status_code == 410
    etag = {"If-None-Match": f'"{link.video.playable_sha256}"'}
    assert client.get(f"/stream/{token}/", headers=etag).status_code == 410, "not even 304"
    assert set(_refusals(client, token)) == {(410, "link_revoked")}


def test_not_yet_valid(client: FlaskClient, library: Library, token: str) -> None:
    library.change_link(token, not_before=utcnow() + timedelta(hours=1))
    assert set(_refusals(client, token)) == {(403, "link_not_yet_valid")}


def test_used_up(client: FlaskClient, library: Library, source: Source) -> None:
    token = library.person_token(source.video, max_views=1)
    first, second = library.view(token), library.view(token)
    assert client.get(f"/stream/{token}/?view={first}").status_code == 200
    refused = client.get(f"/stream/{token}/?view={second}")
    assert (refused.status_code, refused.get_json()["code"]) == (410, "link_used_up")
    assert client.get(f"/stream/{token}/?view={first}").status_code == 200, "it goes on"


@pytest.mark.parametrize("status", [VideoStatus.UPLOADING, VideoStatus.PROCESSING])
def test_not_ready(client: FlaskClient, library: Library, status: VideoStatus) -> None:
    token = library.program_token(library.source(status=status))
    assert set(_refusals(client, token, BYTES)) == {(409, "not_ready")}
    for path in BYTES:
        assert int(client.get(path.format(token)).headers["Retry-After"]) > 0
    assert client.get(PATHS[0].format(token)).status_code == 200, "the document is there"


def test_failed(client: FlaskClient, library: Library) -> None:
    source = library.source(status=VideoStatus.FAILED, error_code="broken")
    token = library.program_token(source)
    assert set(_refusals(client, token, BYTES)) == {(409, "processing_failed")}
    assert "Retry-After" not in client.get(BYTES[0].format(token)).headers


@pytest.mark.parametrize(
    ("status", "code", "number"),
    [
        (VideoStatus.READY, None, 200),
        (VideoStatus.PROCESSING, "not_ready", 409),
        (VideoStatus.FAILED, "processing_failed", 409),
    ],
)
def test_every_request_that_comes_with_a_token_is_recorded(
    client: FlaskClient, library: Library, status: VideoStatus, code: str | None, number: int
) -> None:
    token = library.program_token(library.source(status=status))
    for path in BYTES:
        client.get(path.format(token))
    library.expire(token)
    client.get(BYTES[0].format(token))
    renew()
    seen = [(a.what, a.status, a.code) for a in db.session.query(Access).order_by(Access.id)]
    assert seen == [
        ("download", number, code),
        ("thumbnail", number, code),
        ("stream", number, code),
        ("download", 410, "link_expired"),
    ]


@pytest.mark.parametrize("path", PATHS)
def test_without_its_trailing_slash_an_address_leads_to_the_one_with(
    client: FlaskClient, token: str, path: str
) -> None:
    answer = client.get(path.format(token).rstrip("/"))
    assert answer.status_code == 308
    assert answer.headers["Location"].endswith(path.format(token))
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("path", PATHS)
def test_other_methods_are_refused_in_json(client: FlaskClient, token: str, path: str) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = client.open(path.format(token), method=method)
        assert answer.status_code == 405
        assert answer.get_json()["code"] == "method_not_allowed"
        assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize(
    "text",
    ["%00", "a%00b", "%0a", "%7f", "%1b%5b31m", "%ff%fe", "%e2%80%8b", "a/b", "a%2fb", "a//b", "..",
     "%2e%2e", "é", "a" * 5000, "a" * 60_000, "." * 300, "." * 60_000, "%25", "%3Cscript%3E", " ",
     "*"],
)  # fmt: skip
def test_whatever_is_no_token_is_unknown(
    client: FlaskClient, source: Source, token: str, text: str
) -> None:
    for path in PATHS:
        for bad in (text, token + text):
            answer = client.get(path.format(bad), follow_redirects=True)
            assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found"), bad
    answer = client.get(f"/video/{source.video.public_id}?token={text}")
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
