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

from tests.conftest import PASSWORD
from tests.helpers import (
    Person,
    incident_document,
    pages_of_incidents,
    post_incident,
    recorded_statements,
)
from tests.library import ACTOR, Library
from vigint_web.blueprints.api.docs.operations import OPERATIONS
from vigint_web.blueprints.api.docs.summaries import SUMMARIES, TAGS
from vigint_web.extensions import db
from vigint_web.models import IncidentState, Role, Scope, Site
from vigint_web.services.accounts import api_keys, sites, users
from vigint_web.services.links import links
from vigint_web.services.review import assignment, decisions
from vigint_web.services.sources.editing import Facts, edit_source, facts_of

pytestmark = pytest.mark.both_databases(reason="cursors and the order of nulls")

NEW = IncidentState.NEW


def _key(*scopes: Scope, site: Site | None = None) -> str:
    return api_keys.create_api_key(ACTOR, "reader", site or sites.default_site(), set(scopes))


@pytest.fixture
def read(client: FlaskClient) -> Any:
    """Provide a function that sends requests with a key that may read."""
    key = _key(Scope.READ, Scope.REVIEW)

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


@pytest.fixture
def reviewed(library: Library) -> list[str]:
    """Provide the references of incidents: new, confirmed, closed after that, false, closed."""
    references = [library.incident_of(library.incident()).reference for _number in range(5)]
    _new, confirmed, after, false, closed = references
    for reference in (confirmed, after):
        decisions.decide(ACTOR, reference, IncidentState.CONFIRMED, seen=NEW)
    decisions.decide(ACTOR, after, IncidentState.CLOSED, seen=IncidentState.CONFIRMED)
    decisions.decide(ACTOR, false, IncidentState.FALSE_ALARM, seen=NEW, reason="animal")
    decisions.decide(ACTOR, closed, IncidentState.CLOSED, seen=NEW)
    users.create_user(ACTOR, "karim@example.com", PASSWORD, Role.OPERATOR)
    for reference in (confirmed, closed):
        assignment.assign_by_address(ACTOR, reference, "karim@example.com", seen=None)
    return references


# Each filter with the places of the incidents that it finds, and its index.
FILTERS = [
    ("", [4, 3, 2, 1, 0], "ix_incidents_site"),
    ("state=new", [0], "ix_incidents_site_state"),
    ("state=confirmed", [1], "ix_incidents_site_state"),
    ("state=false_alarm", [3], "ix_incidents_site_state"),
    ("state=closed", [4, 2], "ix_incidents_site_state"),
    ("decision=confirmed", [2, 1], "ix_incidents_site_decision"),
    ("decision=false_alarm", [3], "ix_incidents_site_decision"),
    ("assignee=Karim@example.com", [4, 1], "ix_incidents_site_assignee"),
    ("assignee=nobody@example.com", [], "ix_incidents_site_assignee"),
    ("state=closed&decision=confirmed", [2], "ix_incidents_site_"),
    ("state=new&assignee=karim@example.com", [], "ix_incidents_site_"),
]


@pytest.mark.parametrize(("query", "found", "index"), FILTERS)
def test_filters_of_incidents_meet_each_other_and_follow_an_index(
    read: Any, reviewed: list[str], query: str, found: list[int], index: str
) -> None:
    address, references = f"/api/v1/incidents?limit=1&{query}", []
    with recorded_statements() as asked:
        while address:
            page = read(_path(address))
            references += [one["reference"] for one in page["incidents"]]
            address = page["next_url"]
    assert references == [reviewed[place] for place in found]
    sqlite = db.engine.dialect.name == "sqlite"
    with db.engine.connect() as connection:
        if not sqlite:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            connection.exec_driver_sql("SET LOCAL enable_bitmapscan = off")
        explain = "EXPLAIN QUERY PLAN" if sqlite else "EXPLAIN"
        for statement, parameters in pages_of_incidents(asked):
            plan = str(connection.exec_driver_sql(f"{explain} {statement}", parameters).all())
            assert "TEMP B-TREE" not in plan, plan
            assert "Sort" not in plan, plan
            assert index in plan or not sqlite, plan


def test_incidents_name_who_works_on_them(read: Any, reviewed: list[str]) -> None:
    listed = read("/api/v1/incidents?assignee=karim@example.com")["incidents"]
    assert {one["assignee"] for one in listed} == {"karim@example.com"}
    assert read("/api/v1/incidents?state=new")["incidents"][0]["assignee"] is None


def test_only_a_key_that_may_assign_learns_who_works_on_incidents(
    read: Any, reviewed: list[str]
) -> None:
    reader = _key(Scope.READ)
    page = read("/api/v1/incidents", key=reader)
    assert "karim" not in str(page)
    assert [name for one in page["incidents"] for name in one if name == "assignee"] == []
    for address in ("karim@example.com", "nobody@example.com"):
        refused = read(f"/api/v1/incidents?assignee={address}", 403, key=reader)
        assert refused["code"] == "insufficient_scope"


@pytest.mark.parametrize(
    "query",
    [
        "state=", "state=x", "state=NEW", "state=new%0A", "decision=new", "decision=closed",
        "decision=x", "assignee=", "assignee=x", "assignee=a@b@c", "assignee=a%0Ab@example.com",
        f"assignee={'x' * 3000}@example.com",
    ],
)  # fmt: skip
def test_a_nonsensical_filter_is_refused_with_a_sentence(read: Any, query: str) -> None:
    refused = read(f"/api/v1/incidents?{query}", 422)
    assert refused["code"] == "invalid_request"
    assert len(refused["error"]) < 200


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("stat=new", "“stat” is not known here. The members are before, limit, state"),
        ("State=new", "“State”"),
        ("state=new&state=closed", "“state” is given more than once."),
        ("state=new&state=new", "“state”"),
        ("limit=1&stat=new&stat=x&state=x", "“stat”"),
        (f"{'n' * 3000}=1", "“nnn"),
        ("%0A=1", "is not known here"),
        ("=1", "is not known here"),
        ("a=1&b=1&c=1&d=1", "“c”"),
    ],
)
def test_a_misspelt_or_repeated_filter_is_named(read: Any, query: str, named: str) -> None:
    refused = read(f"/api/v1/incidents?{query}", 422)
    assert named in refused["error"]
    assert len(refused["error"]) < 600
    read(f"/api/v1/sources?{query.replace('limit=1&', '')}")


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
