"""The review API for programs with the scope `review`: it does what an incident's page does."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator

from tests.conftest import PASSWORD
from tests.helpers import Person, renew
from tests.library import ACTOR, Library
from vigint_web.extensions import db
from vigint_web.models import AuditEvent, IncidentAct, IncidentState, Role, Scope, Site, User
from vigint_web.services.accounts import api_keys, sites, users
from vigint_web.services.core.actors import command_line
from vigint_web.services.review import acts, decisions, reasons

pytestmark = pytest.mark.both_databases(reason="one conditional update decides")

KARIM = command_line("karim@example.com")
NEW, CONFIRMED = IncidentState.NEW, IncidentState.CONFIRMED
# A valid body for each address.
VALID: dict[str, dict[str, Any]] = {
    "decision": {"decision": "confirmed"},
    "notes": {"text": "Deux personnes"},
    "records": {"kind": "police_called"},
    "assignee": {"email": None},
}
# Each member that is read, with the address that reads it.
MEMBERS = [
    ("decision", "decision"),
    ("decision", "seen"),
    ("decision", "reason"),
    ("decision", "note"),
    ("notes", "text"),
    ("records", "kind"),
    ("assignee", "email"),
    ("assignee", "seen"),
]
TEXTS = [("decision", "note"), ("notes", "text")]
ODD_VALUES: list[Any] = [
    1,
    True,
    [],
    ["confirmed"],
    {},
    {"a": "b"},
    1e308,
    "x" * 3000,
    "\ud800",
    "\x00",
    "new\x00",
]


def _key(*scopes: Scope, site: Site | None = None) -> str:
    scopes = scopes or (Scope.REVIEW,)
    return api_keys.create_api_key(ACTOR, "centre", site or sites.default_site(), set(scopes))


def _label(key: str) -> str:
    return f"key:{key[:10]}"


@pytest.fixture
def key(app: Flask) -> str:
    """Provide a key that may decide about incidents."""
    return _key()


@pytest.fixture
def reference(library: Library) -> str:
    """Provide the reference of a new incident with a video."""
    return library.incident_of(library.incident()).reference


Post = Callable[..., Any]


@pytest.fixture
def post(client: FlaskClient, key: str, reference: str) -> Post:
    """Provide a function that posts to the incident's addresses and returns the document."""

    def send(
        what: str, body: Any = None, status: int = 200, *, key: str = key, name: str = "", **to: str
    ) -> Any:
        headers = {"Authorization": f"Bearer {key}"}
        if name:
            headers["Idempotency-Key"] = name
        path = f"/api/v1/incidents/{to.get('to', reference)}/{what}"
        answer = client.post(path, json=body, headers=headers)
        assert answer.status_code == status, answer.text
        assert "X-RateLimit-Remaining" in answer.headers
        return answer.get_json()

    return send


def _user(email: str, role: Role = Role.OPERATOR, slug: str | None = None) -> User:
    site = sites.get_or_add_site(slug) if slug else sites.default_site()
    return users.create_user(ACTOR, email, PASSWORD, role, site)


def _kinds() -> list[str]:
    renew()
    return [act.kind for act in db.session.query(IncidentAct).order_by(IncidentAct.id)]


def test_a_decision_is_recorded_with_the_key_as_its_author(
    post: Post, key: str, reference: str, people: Callable[[Role], Person]
) -> None:
    document = post("decision", {"decision": "confirmed", "note": " Deux personnes \r\nen noir"})
    assert document.pop("decided_at").endswith("+00:00")
    assert document == {
        "reference": reference,
        "state": "confirmed",
        "decision": "confirmed",
        "reason": None,
        "decided_by": _label(key),
        "assignee": None,
    }
    renew()
    event = db.session.query(AuditEvent).order_by(AuditEvent.id.desc()).first()
    assert event is not None
    assert (event.action, event.actor) == ("incident:confirmed", _label(key))
    page = people(Role.OPERATOR).speaking("en").browser.get(f"/incidents/{reference}/").text
    assert f"Confirmed by the API key {key[:10]}…" in page
    assert "Deux personnes" in page


def test_closing_keeps_the_judgement_and_reopening_takes_it_back(post: Post) -> None:
    post("decision", {"decision": "confirmed"})
    closed = post("decision", {"decision": "closed", "seen": "confirmed"})
    assert (closed["state"], closed["decision"]) == ("closed", "confirmed")
    reopened = post("decision", {"decision": "reopened", "seen": "closed"})
    assert (reopened["state"], reopened["decision"], reopened["decided_by"]) == ("new", None, None)
    assert _kinds() == ["confirmed", "closed", "reopened"]


def test_a_second_decision_reads_who_was_first_what_and_when(post: Post, reference: str) -> None:
    decisions.decide(KARIM, reference, IncidentState.FALSE_ALARM, seen=NEW, reason="animal")
    refused = post("decision", {"decision": "confirmed"}, 409)
    first = refused["first"]
    assert first.pop("at").endswith("+00:00")
    assert first == {"by": KARIM.label, "decision": "false_alarm", "reason": "animal"}
    assert refused["code"] == "already_decided"
    assert KARIM.label in refused["error"]
    assert "false alarm" in refused["error"]
    assert _kinds() == ["false_alarm"]


def test_the_same_decision_of_the_same_key_is_no_second_one(post: Post) -> None:
    body = {"decision": "false_alarm", "reason": "animal"}
    assert post("decision", body) == post("decision", body)
    assert post("decision", body, 409, key=_key())["first"]["decision"] == "false_alarm"
    assert _kinds() == ["false_alarm"]


def test_an_incident_that_no_act_closed_names_no_time(post: Post, reference: str) -> None:
    db.session.execute(db.text("UPDATE incidents SET state = 'closed'"))
    db.session.commit()
    refused = post("decision", {"decision": "confirmed"}, 409)
    assert refused["first"] == {
        "by": "system",
        "decision": "closed",
        "reason": None,
        "at": None,
    }


@pytest.mark.only_sqlite
@pytest.mark.parametrize("seen", [state.value for state in IncidentState])
@pytest.mark.parametrize("decision", ["confirmed", "false_alarm", "closed", "reopened"])
def test_of_every_decision_and_state_only_those_in_order_are_possible(
    post: Post, decision: str, seen: str
) -> None:
    allowed = {
        ("new", "confirmed"), ("new", "false_alarm"), ("new", "closed"), ("confirmed", "closed"),
        ("confirmed", "reopened"), ("false_alarm", "reopened"), ("closed", "reopened"),
    }  # fmt: skip
    reason = {"reason": "test"} if decision == "false_alarm" else {}
    if seen != "new":
        post("decision", {"decision": seen, **({"reason": "test"} if "alarm" in seen else {})})
    status = 200 if (seen, decision) in allowed else 409
    document = post("decision", {"decision": decision, "seen": seen, **reason}, status)
    assert status == 200 or document["code"] == "decision_out_of_order"


@pytest.mark.parametrize(
    "body",
    [
        {"decision": "false_alarm"},
        {"decision": "false_alarm", "reason": ""},
        {"decision": "false_alarm", "reason": "unheard-of"},
        {"decision": "confirmed", "reason": "animal"},
    ],
)
def test_a_false_alarm_has_one_of_the_reasons_and_nothing_else_has_one(
    post: Post, body: Any
) -> None:
    assert post("decision", body, 422)["code"] == "invalid_request"
    assert _kinds() == []


def test_reasons_are_listed_in_the_readers_language(client: FlaskClient, key: str) -> None:
    added = reasons.add_reason(KARIM, "Nettoyage")
    for scope in (Scope.REVIEW, Scope.READ):
        headers = {"X-API-Key": _key(scope), "Accept-Language": "fr"}
        listed = client.get("/api/v1/false-alarm-reasons", headers=headers).get_json()["reasons"]
        assert listed[-1] == {"code": added.code, "label": "Nettoyage"}
        assert {"code": "camera_moved", "label": "Caméra déplacée"} in listed


def test_notes_and_what_happened_outside_are_recorded(post: Post, key: str, reference: str) -> None:
    note = post("notes", {"text": " Une voiture \n"}, 201)
    assert note.pop("at").endswith("+00:00")
    assert note == {
        "reference": reference,
        "kind": "note",
        "by": _label(key),
        "text": "Une voiture",
    }
    for kind in sorted(acts.OUTSIDE):
        assert post("records", {"kind": kind.value}, 201)["kind"] == kind
    assert _kinds() == ["note", "confirmed_by_sight", "police_called"]
    trail = [row.detail for row in db.session.query(AuditEvent)]
    assert "voiture" not in str(trail)


def test_an_incident_is_assigned_by_address_to_those_who_may_work_on_it(post: Post) -> None:
    _user("karim@example.com")
    _user("chief@example.com", Role.ADMIN, "lyon")
    for email, role, site in [
        ("viewer@example.com", Role.VIEWER, None),
        ("elsewhere@example.com", Role.OPERATOR, "lyon"),
    ]:
        _user(email, role, site)
    for email in ("viewer@example.com", "elsewhere@example.com", "unknown@example.com", "", "x"):
        assert "e-mail address" in post("assignee", {"email": email}, 422)["error"]
    assert post("assignee", {"email": " Karim@Example.com"})["assignee"] == "karim@example.com"
    assert post("assignee", {"email": "karim@example.com"})["assignee"] == "karim@example.com"
    refused = post("assignee", {"email": "chief@example.com"}, 409)
    assert (refused["code"], refused["assignee"]) == ("assigned_meanwhile", "karim@example.com")
    body = {"email": "chief@example.com", "seen": "karim@example.com"}
    assert post("assignee", body)["assignee"] == "chief@example.com"
    assert post("assignee", {"email": None}, 409)["assignee"] == "chief@example.com"
    assert post("assignee", {"email": None, "seen": "chief@example.com"})["assignee"] is None
    assert _kinds() == ["assigned", "assigned", "unassigned"]


@pytest.mark.parametrize("what", VALID)
def test_what_a_key_does_not_see_does_not_exist(post: Post, reference: str, what: str) -> None:
    elsewhere = _key(site=sites.get_or_add_site("elsewhere"))
    answers = [
        post(what, VALID[what], 404, key=elsewhere),
        post(what, VALID[what], 404, to="INC-2026-999999"),
        post(what, VALID[what], 404, to="é" * 200),
        post(what, ["anything"], 404, to="INC-2026-999999"),
    ]
    assert all(answer == answers[0] for answer in answers)
    assert _kinds() == []


@pytest.mark.parametrize("what", VALID)
def test_another_scope_decides_nothing(
    client: FlaskClient, people: Callable[[Role], Person], reference: str, what: str
) -> None:
    path = f"/api/v1/incidents/{reference}/{what}"
    others = _key(*(set(Scope) - {Scope.REVIEW}))
    for headers, status, code in [
        ({"X-API-Key": others}, 403, "insufficient_scope"),
        ({"X-API-Key": "vgk_unknown"}, 403, "invalid_key"),
        ({}, 401, "unauthorized"),
    ]:
        answer = client.post(path, json=VALID[what], headers=headers)
        assert (answer.status_code, answer.get_json()["code"]) == (status, code)
    assert people(Role.ADMIN).browser.post(path, json=VALID[what]).status_code == 401
    assert _kinds() == []


def test_documents_are_what_their_schemas_say(
    post: Post, client: FlaskClient, key: str, reference: str
) -> None:
    document = client.get("/api/openapi.json").get_json()
    reasons_of = client.get("/api/v1/false-alarm-reasons", headers={"X-API-Key": key})
    _user("karim@example.com")
    answers = {
        "ReviewDocument": post("decision", {"decision": "confirmed"}),
        "ActDocument": post("notes", {"text": "x"}, 201),
        "DecisionRefusedDocument": post("decision", {"decision": "closed"}, 409),
        "AssignmentRefusedDocument": post(
            "assignee", {"email": "karim@example.com", "seen": "x"}, 409
        ),
        "ReasonsDocument": reasons_of.get_json(),
    }
    for name, answer in answers.items():
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        wrong = [error.message for error in Draft202012Validator(schema).iter_errors(answer)]
        assert wrong == [], f"{name}: {wrong}"
        undescribed = set(answer) - set(document["components"]["schemas"][name]["properties"])
        assert undescribed == set(), f"{name} has values that are not in its schema: {undescribed}"
