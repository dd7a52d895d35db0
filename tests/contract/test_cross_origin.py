"""Contracts, section 3: scripts of any site may read what a program's token opens."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.contract.test_token_refusals import BYTES, PATHS
from tests.library import ACTOR, Library
from vigint_web.clock import utcnow
from vigint_web.models import VideoStatus
from vigint_web.services.links import access, links

ELSEWHERE = {"Origin": "https://model.example"}
EXPOSED = {"Content-Range", "Accept-Ranges", "ETag", "Content-Length"}
ASKED = {
    **ELSEWHERE,
    "Access-Control-Request-Method": "GET",
    "Access-Control-Request-Headers": "range",
}


def _listed(answer: TestResponse, name: str) -> set[str]:
    return {one.strip() for one in answer.headers.get(name, "").split(",")} - {""}


def _is_shared(answer: TestResponse) -> bool:
    shared = answer.headers.get("Access-Control-Allow-Origin") == "*"
    named = [name for name, _ in answer.headers if name.startswith("Access-Control-")]
    assert shared or named == [], f"{named} on a closed answer"
    if shared:
        assert _listed(answer, "Access-Control-Expose-Headers") >= EXPOSED
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert "Access-Control-Allow-Credentials" not in answer.headers
    return shared


@pytest.fixture
def token(library: Library) -> str:
    return library.program_token(library.source())


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("headers", [{}, ELSEWHERE])
def test_a_program_token_is_read_from_any_site(
    client: FlaskClient, token: str, path: str, headers: dict[str, str]
) -> None:
    for method in ("GET", "HEAD"):
        answer = client.open(path.format(token), method=method, headers=headers)
        assert (answer.status_code, _is_shared(answer)) == (200, True)


@pytest.mark.parametrize("path", PATHS)
def test_a_preflight_allows_ranges_and_conditions(
    client: FlaskClient, library: Library, token: str, path: str
) -> None:
    answer = client.options(path.format(token), headers=ASKED)
    assert answer.status_code in {200, 204}
    assert _is_shared(answer)
    assert _listed(answer, "Access-Control-Allow-Methods") == {"GET", "HEAD"}
    allowed = {name.lower() for name in _listed(answer, "Access-Control-Allow-Headers")}
    assert {"range", "if-range", "if-match", "if-none-match"} <= allowed


@pytest.mark.parametrize("path", BYTES)
@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"Range": "bytes=0-1"}, 206),
        ({"Range": "bytes=99999999-"}, 416),
        ({"If-None-Match": "*"}, 304),
        ({"If-Match": '"other"'}, 412),
        ({"If-Unmodified-Since": "Sat, 01 Jan 2000 00:00:00 GMT"}, 412),
    ],
)
def test_partial_and_conditional_answers_are_shared_too(
    client: FlaskClient, token: str, path: str, asked: dict[str, str], status: int
) -> None:
    answer = client.get(path.format(token), headers={**ELSEWHERE, **asked})
    assert (answer.status_code, _is_shared(answer)) == (status, True)


@pytest.mark.parametrize("path", PATHS)
def test_refusals_and_redirects_are_shared_too(
    client: FlaskClient, library: Library, path: str
) -> None:
    waiting = library.program_token(library.source(status=VideoStatus.PROCESSING))
    answer = client.get(path.format(waiting), headers=ELSEWHERE)
    assert (answer.status_code, _is_shared(answer)) == (409 if path in BYTES else 200, True)
    slash = client.get(path.format(waiting).rstrip("/"), headers=ELSEWHERE)
    assert (slash.status_code, _is_shared(slash)) == (308, True)
    posted = client.post(path.format(waiting), headers=ELSEWHERE)
    assert (posted.status_code, _is_shared(posted)) == (405, True)
    library.change_link(waiting, not_before=utcnow() + timedelta(hours=1))
    answer = client.get(path.format(waiting), headers=ELSEWHERE)
    assert (answer.status_code, _is_shared(answer)) == (403, True)
    link = access.find_link(waiting)
    assert link is not None
    links.revoke_link(ACTOR, link.id)
    answer = client.get(path.format(waiting), headers=ELSEWHERE)
    assert (answer.status_code, _is_shared(answer)) == (410, True)


@pytest.mark.parametrize("full", [False, True])
def test_a_persons_token_is_never_shared(client: FlaskClient, library: Library, full: bool) -> None:
    video = library.incident()
    token = library.person_token(video, full_access=full)
    pages = (f"/video/{video.public_id}?token={{}}", f"/video/{video.public_id}/state?token={{}}")
    for path in (*PATHS, *pages):
        address = path.format(token)
        for asked in ({}, {"Range": "bytes=0-1"}, {"Range": "bytes=99999999-"}):
            assert not _is_shared(client.get(address, headers={**ELSEWHERE, **asked}))
        assert not _is_shared(client.options(address, headers=ASKED))
        assert not _is_shared(client.get(address.replace("/?", "?").rstrip("/"), headers=ELSEWHERE))
    library.expire(token)
    for path in PATHS:
        assert not _is_shared(client.get(path.format(token), headers=ELSEWHERE))


@pytest.mark.parametrize(
    "path", ["/", "/login", "/healthz", "/api/openapi.json", "/api/v1/sources", *PATHS]
)
def test_nothing_else_is_shared(client: FlaskClient, token: str, path: str) -> None:
    for method in ("GET", "OPTIONS"):
        answer = client.open(path.format("unknown"), method=method, headers=ASKED)
        assert not _is_shared(answer)
