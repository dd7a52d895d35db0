"""The API answers every request according to its OpenAPI document, tested by schemathesis."""

import io
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from typing import Any

import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from werkzeug.wsgi import ClosingIterator

from tests.helpers import incident_document, post_incident
from tests.library import ACTOR, Library
from vigint_web.blueprints.api.docs.operations import OPERATIONS
from vigint_web.http.uploads.tus import OFFSET_TYPE
from vigint_web.models import Scope
from vigint_web.services.accounts import api_keys, sites
from vigint_web.services.core.actors import as_key
from vigint_web.services.links import links
from vigint_web.services.uploads import uploads

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# The number of valid and of invalid requests per operation.
ORDINARY, CAMPAIGN = 12, 400
_SUCCESS = {200, 201, 202, 204, 206}


schemathesis.serializer.alias(OFFSET_TYPE, "application/octet-stream")


@pytest.fixture
def real(
    app: Flask, library: Library, client: FlaskClient, api_key: str, keys: list[str]
) -> dict[str, list[Any]]:
    """Provide existing things, by the names of path parameters: otherwise all answers were 404."""
    source, video = library.source(), library.incident()
    waiting = library.source(status="processing")
    posted = post_incident(client, api_key, incident_document([]))
    person = library.person_link(video, recipient="garde@example.com", max_views=3)
    tokens = [library.program_token(source), library.program_token(waiting)]
    tokens += [links.token_of(person), library.person_token(video, full_access=True)]
    dead = library.person_token(video)
    library.expire(dead)
    client.get(
        f"/stream/{tokens[2]}/?view={library.view(tokens[2])}", headers={"Range": "bytes=0-9"}
    )
    return {
        **_uploads(keys[0]),
        "video_id": [_hosted(client, keys[0], number) for number in range(8)],
        "token": [*tokens, dead],
        "source_id": [source.source_id, waiting.source_id],
        "reference": [posted["reference"], library.incident_of(video).reference],
        "link_id": [person.id],
        "seen": ["new"],
        "reason": ["animal"],
        "recipients": [["garde@example.com"]],
        "hours": [1],
    }


def _hosted(client: FlaskClient, key: str, number: int) -> str:
    """Host a video; return its id."""
    answer = client.post(
        "/api/v1/videos/upload",
        data={"video": (io.BytesIO(b"of no format"), "clip.mp4")},
        headers={"X-API-Key": key, "X-Video-ID": f"hosted-{number}"},
    )
    assert answer.status_code == 200, answer.text
    return f"hosted-{number}"


def _uploads(key: str) -> dict[str, list[str | int]]:
    """Begin uploads; return their names, and matching headers."""
    row = api_keys.find_api_key(key)
    assert row is not None
    announced = uploads.Announced(length=100_000, filename="clip.mp4")
    begun = [uploads.begin(as_key(row), announced).public_id for _ in range(8)]
    return {
        "upload_id": list(begun),
        "Upload-Length": ["100000"],
        "Upload-Metadata": ["filename Y2xpcC5tcDQ=", "filename Y2xpcC5tcDQ=,name eA=="],
        "Upload-Offset": ["0"],
    }


@pytest.fixture
def keys(app: Flask) -> list[str]:
    """Provide a key with all scopes, and an invalid one."""
    key = api_keys.create_api_key(ACTOR, "all", sites.default_site(), set(Scope))
    ingest = api_keys.create_api_key(ACTOR, "few", sites.default_site(), {Scope.INGEST})
    return [*[key] * 10, ingest, "vgk_unknown", ""]


def _schema(app: Flask) -> Any:
    def fresh(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        # As on a real server: no state of a request is kept for the next.
        with app.app_context(), closing(ClosingIterator(app.wsgi_app(environ, start))) as answer:
            return [b"".join(answer)]

    return schemathesis.openapi.from_wsgi("/api/openapi.json", fresh)


def _operation(schema: Any, endpoint: str) -> APIOperation[Any, Any, Any, Any]:
    wanted = endpoint.replace(".", "_")
    found = [operation.ok() for operation in schema.get_all_operations()]
    return next(o for o in found if o.definition.raw["operationId"] == wanted)


def _ask(
    operation: APIOperation[Any, Any, Any, Any],
    mode: GenerationMode,
    examples: int,
    real: Mapping[str, list[Any]],
    keys: list[str],
    chosen_by: int = 0,
) -> set[int]:
    """Send requests to an operation, chosen by a seed; return the statuses."""
    statuses = set()

    @seed(chosen_by)  # without it they are chosen by the text of this function
    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), data=st.data())
    def ask(case: Case[Any], data: st.DataObject) -> None:
        for name in case.path_parameters or {}:
            if name in real and data.draw(st.integers(0, 7)):
                case.path_parameters[name] = data.draw(st.sampled_from(real[name]))
        for name in case.headers or {}:
            if name in real and data.draw(st.integers(0, 7)):
                case.headers[name] = data.draw(st.sampled_from(real[name]))
        body = case.body if isinstance(case.body, dict) else {}
        for name in body:
            if name in real and data.draw(st.booleans()):
                body[name] = data.draw(st.sampled_from(real[name]))
        key = data.draw(st.sampled_from(keys))
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        answer = case.call(headers=headers)
        statuses.add(answer.status_code)
        case.validate_response(answer, checks=CHECKS)

    ask()
    return statuses


def _ask_both(
    app: Flask,
    endpoint: str,
    examples: int,
    real: Mapping[str, list[Any]],
    keys: list[str],
) -> None:
    operation = _operation(_schema(app), endpoint)
    statuses = set[int]()
    for chosen_by in range(5):  # few of a dozen are accepted where members depend on each other
        statuses |= _ask(operation, GenerationMode.POSITIVE, examples, real, keys, chosen_by)
        if statuses & _SUCCESS:
            break
    assert statuses & _SUCCESS, f"nothing but refusals: {statuses}"
    with suppress(Unsatisfiable):  # some operations have no invalid input
        _ask(operation, GenerationMode.NEGATIVE, examples, real, keys)


@pytest.mark.parametrize("endpoint", sorted(OPERATIONS))
def test_every_answer_is_as_described(
    app: Flask, real: dict[str, list[Any]], keys: list[str], endpoint: str
) -> None:
    _ask_both(app, endpoint, ORDINARY, real, keys)


@pytest.mark.campaign
@pytest.mark.parametrize("endpoint", sorted(OPERATIONS))
def test_every_answer_of_very_many_is_as_described(
    app: Flask, real: dict[str, list[Any]], keys: list[str], endpoint: str
) -> None:
    _ask_both(app, endpoint, CAMPAIGN, real, keys)
