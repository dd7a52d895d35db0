"""Requests that are repeated while the first is being answered: whole, between any two statements.

A program that gives up waiting sends its request again, and both are answered at the same time.
"""

import io
import json
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.helpers import Footage, renew
from tests.interleaving import interleaved
from vigint_web.extensions import db
from vigint_web.models import Scope, Video
from vigint_web.services.accounts import api_keys, sites
from vigint_web.services.core.actors import command_line

pytestmark = pytest.mark.both_databases(reason="what a transaction sees of others that commit")

Request = Callable[[str], TestResponse]
Requests = dict[str, Request]


def _answer(request: Request, name: str, answers: list[TestResponse]) -> None:
    answers.append(request(name))


def _repeated_at_every_statement(
    app: Flask, request: Request, prepare: Request | None = None
) -> Iterator[tuple[str, TestResponse, TestResponse]]:
    """Yield the names and both answers, with the repetition before each statement in turn."""
    for number in range(1, 100):
        name = f"n{number}"
        if prepare is not None:
            assert prepare(name).status_code < 300
        answers: list[TestResponse] = []
        repeat = partial(_answer, request, name, answers)
        with interleaved(app, number, repeat) as done:
            first = request(name)
        if not done:
            assert number > 2, "nothing was interleaved"
            return
        assert answers, f"the repetition before statement {number} had no answer"
        yield name, first, answers[0]
    raise AssertionError("more than 100 statements")


@pytest.fixture
def requests(app: Flask, footage: Footage) -> Requests:
    """Provide requests that a program may repeat, by what they do, each for an id."""
    key = api_keys.create_api_key(
        command_line(), "program", sites.default_site(), {Scope.HOST, Scope.INGEST}
    )
    clip = footage.clip("hosted.mp4", seconds=1).read_bytes()
    headers = {"Authorization": f"Bearer {key}"}

    def host(name: str) -> TestResponse:
        form = {
            "video": (io.BytesIO(clip), "clip.mp4"),
            "metadata": json.dumps({"video_id": name}),
        }
        return app.test_client().post("/api/v1/videos/upload", data=form, headers=headers)

    def post(name: str) -> TestResponse:
        body = {"message": "Vol", "incident_type": "theft"}
        return app.test_client().post(
            "/api/v1/incidents", json=body, headers=headers | {"Idempotency-Key": name}
        )

    def extend(name: str) -> TestResponse:
        body = {"video_id": name, "additional_hours": 1}
        return app.test_client().post(
            "/api/v1/videos/link/extend", json=body, headers=headers | {"Idempotency-Key": name}
        )

    def remove(name: str) -> TestResponse:
        return app.test_client().delete(f"/api/v1/videos/upload/{name}", headers=headers)

    return {"host": host, "post": post, "extend": extend, "remove": remove}


def test_a_hosted_video_sent_twice_is_one_video(app: Flask, requests: Requests) -> None:
    names = set()
    for name, first, second in _repeated_at_every_statement(app, requests["host"]):
        assert (first.status_code, second.status_code) == (200, 200), (name, first.text)
        assert first.get_json() == second.get_json(), name
        names.add(name)
    renew()
    assert db.session.query(Video).count() == len(names) + 1


def test_an_incident_posted_twice_is_one_incident(app: Flask, requests: Requests) -> None:
    for name, first, second in _repeated_at_every_statement(app, requests["post"]):
        assert (first.status_code, second.status_code) == (202, 202), (name, first.text)
        assert first.get_json()["reference"] == second.get_json()["reference"], name


def test_a_link_extended_twice_by_one_request_is_extended_once(
    app: Flask, requests: Requests
) -> None:
    for name, first, second in _repeated_at_every_statement(
        app, requests["extend"], requests["host"]
    ):
        assert (first.status_code, second.status_code) == (200, 200), (name, first.text)
        assert first.get_json() == second.get_json(), name


def test_a_hosted_video_deleted_twice_is_deleted(app: Flask, requests: Requests) -> None:
    for name, first, second in _repeated_at_every_statement(
        app, requests["remove"], requests["host"]
    ):
        assert second.status_code == 204, (name, second.text)
        assert first.status_code in {204, 404}, (name, first.text)
    renew()
    assert db.session.query(Video).count() <= 1
