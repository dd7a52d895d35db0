"""Addresses longer than the usual limit of parsers are answered like any other."""

import json

import pytest

from tests.functional.installation import Installation
from tests.functional.web import request

_LONGEST_HEAD = 64 * 1024


@pytest.mark.parametrize("length", [8_170, 8_200, 60_000])
@pytest.mark.parametrize("path", ["/api/video/{}/", "/stream/{}/", "/api/video/{}/metadata/"])
def test_what_is_no_token_is_not_found(vigint: Installation, path: str, length: int) -> None:
    answer = request(vigint.url + path.format("a" * length))
    assert answer.status == 404
    assert answer.headers["Content-Type"] == "application/json"
    assert json.loads(answer.body)["code"] == "not_found"


def test_people_get_the_page_of_an_unknown_link(vigint: Installation) -> None:
    answer = request(f"{vigint.url}/video/x?token={'a' * 20_000}")
    assert answer.status == 404
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "Vigint" in answer.text


def test_what_is_longer_than_any_head_is_refused_with_a_sentence(vigint: Installation) -> None:
    answer = request(f"{vigint.url}/stream/{'a' * (_LONGEST_HEAD + 1)}/")
    assert answer.status == 414
    assert json.loads(answer.body)["code"] == "too_long"
