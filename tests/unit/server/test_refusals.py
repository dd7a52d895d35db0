"""The answer to a request with an overlong head."""

import json

import pytest

from vigint_web.server.refusals import too_long


def _parts(begun: bytes) -> tuple[str, str, bytes]:
    head, _end, body = too_long(begun).partition(b"\r\n\r\n")
    status, *fields = head.decode("ascii").split("\r\n")
    return status, "\n".join(fields).lower(), body


@pytest.mark.parametrize("path", [b"/api/video/", b"/stream/", b"/api/v1/incidents?"])
@pytest.mark.parametrize(
    ("rest", "status"),
    [
        (b"a" * 70_000, "414"),
        (b"a" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n", "414"),
        (b" HTTP/1.1\r\nX: " + b"a" * 70_000, "431"),
    ],
)
def test_programs_get_json(path: bytes, rest: bytes, status: str) -> None:
    status_line, fields, body = _parts(b"GET " + path + rest)
    assert status_line.split()[1] == status
    assert "content-type: application/json" in fields
    assert f"content-length: {len(body)}" in fields
    assert "connection: close" in fields
    document = json.loads(body)
    assert document["code"] == "too_long"
    assert document["error"].endswith(".")


def test_people_get_a_sentence_in_both_languages() -> None:
    status_line, fields, body = _parts(b"GET /video/x?token=" + b"a" * 70_000)
    assert status_line.split()[1] == "414"
    assert "text/plain; charset=utf-8" in fields
    french, english = body.decode().splitlines()
    assert french.startswith("Cette adresse")
    assert english.startswith("This address")


def test_a_head_has_no_body() -> None:
    _status_line, fields, body = _parts(b"HEAD /api/video/" + b"a" * 70_000)
    assert body == b""
    assert "content-length: 0" not in fields
