"""The read API for programs with the scope `read`, and its OpenAPI document."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_babel import force_locale
from jsonschema import Draft202012Validator

from tests.helpers import Person, incident_document, post_incident
from tests.library import ACTOR, Library
from vigint_web.blueprints.api.docs.operations import OPERATIONS
from vigint_web.blueprints.api.docs.summaries import SUMMARIES, TAGS
from vigint_web.models import Role, Scope, Site
from vigint_web.services.accounts import api_keys, sites
from vigint_web.services.links import links
from vigint_web.services.sources.editing import Facts, edit_source, facts_of

pytestmark = pytest.mark.both_databases(reason="cursors and the order of nulls")


def _key(*scopes: Scope, site: Site | None = None) -> str:
    return api_keys.create_api_key(ACTOR, "reader", site or sites.default_site(), set(scopes))


@pytest.fixture
def read(client: FlaskClient) -> Any:
    """Provide a function that sends requests with a key that may read."""
    key = _key(Scope.READ)

    def get(path: str, status: int = 200, key: str = key) -> Any:
        answer = client.get(path, headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == status, answer.text
        return answer.get_json()

    return get


def _path(address: str) -> str:
    return address.removeprefix("http://vigint.test")


def test_sources_come_with_the_addresses_of_their_bytes(
    read: Any, library: Library, client: FlaskClient
) -> None:
    source = library.source()
    moment = datetime(2026, 7, 14, 21, 30, 5, tzinfo=UTC)
    facts = Facts("Quai", "", ("nuit",), "Caméra 4", moment)
    edit_source(ACTOR, source.source_id, facts, facts_of(source).version)
    listed = read("/api/v1/sources")
    shown = {name: listed["sources"][0][name] for name in ("name", "tags", "camera", "recorded_at")}
    assert shown == {
        "name": "Quai",
        "tags": ["nuit"],
        "camera": "Caméra 4",
        "recorded_at": "2026-07-14T21:30:05+00:00",
    }
    assert [one["source_id"] for one in listed["sources"]] == [source.source_id]
    assert listed["next_url"] is None
    one = read(_path(listed["sources"][0]["self_url"]))
    assert one == listed["sources"][0]
    assert client.get(_path(one["api_links"]["stream_url"])).status_code == 200
    link = links.program_link(source.video_id)
    assert link is not None
    links.revoke_link(ACTOR, link.id)
    assert read(_path(one["self_url"]))["api_links"] is None, "a dead link has no addresses"


def test_pages_follow_each_other_without_gap_or_repetition(
    read: Any, library: Library, client: FlaskClient
) -> None:
    wanted = [library.source().source_id for _ in range(5)][::-1]
    found, address = [], "/api/v1/sources?limit=2"
    while address:
        page = read(_path(address))
        assert len(page["sources"]) <= 2
        found += [one["source_id"] for one in page["sources"]]
        address = page["next_url"]
    assert found == wanted


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "before=-1", "before=9e9"])
def test_nonsense_is_refused_with_a_sentence(read: Any, query: str) -> None:
    for path in ("/api/v1/sources", "/api/v1/incidents", "/api/v1/links"):
        assert read(f"{path}?{query}", 422)["code"] == "invalid_request"


def test_links_and_their_logs_are_read_without_any_token(
    read: Any, library: Library, client: FlaskClient
) -> None:
    token = library.person_token(library.incident(), recipient="garde@example.com")
    client.get(f"/stream/{token}/", headers={"Range": "bytes=0-3"})
    listed = read("/api/v1/links")
    one = next(link for link in listed["links"] if link["recipient"] == "garde@example.com")
    assert (one["state"], one["views"]) == ("live", 1)
    log = read(_path(one["accesses_url"]))
    assert [(entry["what"], entry["first_byte"]) for entry in log["accesses"]] == [("stream", 0)]
    assert token not in str(listed) + str(log)


def test_incidents_of_any_key_of_the_site_are_read(
    read: Any, client: FlaskClient, api_key: str
) -> None:
    posted = post_incident(client, api_key, incident_document([]))
    listed = read("/api/v1/incidents")["incidents"]
    assert [one["reference"] for one in listed] == [posted["reference"]]
    assert listed[0]["incident_type"] == "Vol à l'étalage"
    assert read(_path(listed[0]["status_url"]))["reference"] == posted["reference"]


def test_a_key_reads_its_own_site_only(read: Any, library: Library) -> None:
    source, video = library.source(), library.incident()
    link = library.person_link(video)
    other = _key(Scope.READ, site=sites.get_or_add_site("elsewhere"))
    for name in ("sources", "incidents", "links"):
        assert read(f"/api/v1/{name}", key=other)[name] == []
    for path in (
        f"/api/v1/sources/{source.source_id}",
        f"/api/v1/links/{link.id}",
        f"/api/v1/links/{link.id}/accesses",
        f"/api/v1/incidents/{library.incident_of(video).reference}",
    ):
        assert read(path, 404, key=other)["code"] == "not_found"


def test_another_scope_reads_nothing(read: Any) -> None:
    for scope in (Scope.INGEST, Scope.HOST):
        key = _key(scope)
        assert read("/api/v1/sources", 403, key=key)["code"] == "insufficient_scope"


def test_the_answers_say_how_much_may_still_be_asked(client: FlaskClient) -> None:
    answer = client.get("/api/v1/sources", headers={"X-API-Key": _key(Scope.READ)})
    assert int(answer.headers["X-RateLimit-Remaining"]) < int(answer.headers["X-RateLimit-Limit"])


def test_every_address_for_programs_is_described(app: Flask, client: FlaskClient) -> None:
    for_programs = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(("/api/", "/stream/")) and rule.endpoint != "developers.openapi"
    }
    assert for_programs == set(OPERATIONS), "an address and its description do not belong together"
    document = client.get("/api/openapi.json").get_json()
    assert document["openapi"].startswith("3.1")
    described = [one for methods in document["paths"].values() for one in methods.values()]
    assert len(described) == len(for_programs)
    assert all(one["summary"] for one in described)
    for path, methods in document["paths"].items():
        named = set(re.findall(r"{(\w+)}", path))
        for one in methods.values():
            given = {p["name"] for p in one["parameters"] if p["in"] == "path"}
            assert given == named, f"{path} does not name its parameters"


def test_documents_are_what_their_schemas_say(
    client: FlaskClient, read: Any, library: Library, api_key: str
) -> None:
    source = library.source()
    token = library.program_token(source)
    posted = post_incident(client, api_key, incident_document([]))
    document = client.get("/api/openapi.json").get_json()
    answers = {
        "VideoDocument": client.get(f"/api/video/{token}/").get_json(),
        "MetadataDocument": client.get(f"/api/video/{token}/metadata/").get_json(),
        "AcceptedDocument": posted,
        "StatusDocument": read(f"/api/v1/incidents/{posted['reference']}"),
        "SourcesDocument": read("/api/v1/sources"),
        "IncidentsDocument": read("/api/v1/incidents"),
        "LinksDocument": read("/api/v1/links"),
        "ErrorDocument": read("/api/v1/links/99999", 404),
    }
    for name, answer in answers.items():
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        wrong = [error.message for error in Draft202012Validator(schema).iter_errors(answer)]
        assert wrong == [], f"{name}: {wrong}"
        undescribed = set(answer) - set(document["components"]["schemas"][name]["properties"])
        assert undescribed == set(), f"{name} has values that are not in its schema: {undescribed}"


def test_the_page_for_developers_has_a_line_in_french_for_each_operation(
    people: Callable[[Role], Person],
) -> None:
    assert set(SUMMARIES) == {endpoint.replace(".", "_") for endpoint in OPERATIONS}
    assert set(TAGS) == {operation.tag for operation in OPERATIONS.values()}
    page = people(Role.VIEWER).browser.get("/developers/", headers={"Accept-Language": "fr"}).text
    with force_locale("fr"):
        lines = [str(line) for line in SUMMARIES.values()]
    assert len(set(lines)) == len(lines)
    assert [line for line in lines if line not in unescape(page)] == []
