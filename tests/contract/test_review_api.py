"""The review API for programs with the scope `review`: it does what an incident's page does."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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
        "undecided_repeats": 0,
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


@pytest.mark.parametrize("value", ODD_VALUES, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize(("what", "member"), MEMBERS)
def test_no_odd_value_is_an_accident(post: Post, what: str, member: str, value: Any) -> None:
    if (what, member) == ("assignee", "seen") and isinstance(value, str) and len(value) < 255:
        assert post(what, {**VALID[what], member: value})["assignee"] is None
        return
    assert post(what, {**VALID[what], member: value}, 422)["code"] == "invalid_request"
    assert _kinds() == []


@pytest.mark.only_sqlite
@pytest.mark.parametrize("what", VALID)
@pytest.mark.parametrize(
    ("body", "mimetype", "status"),
    [
        (b"", "application/json", 422),
        (b"{", "application/json", 422),
        (b"[]", "application/json", 422),
        (b"null", "application/json", 422),
        (b'"decision"', "application/json", 422),
        (b"{}", "application/json", 422),
        (b"\xff\xfe\x00", "application/json", 422),
        (b"[" * 60_000, "application/json", 422),
        (b'{"a":' * 10_000, "application/json", 422),
        (b'{"decision": ' + b"9" * 60_000 + b"}", "application/json", 422),
        (b"decision=confirmed", "application/x-www-form-urlencoded", 422),
        (b"{}", "text/plain", 422),
        (b'{"note": "' + b"x" * 100_000 + b'"}', "application/json", 413),
    ],
    ids=lambda value: repr(value)[:20] if isinstance(value, bytes) else None,
)
def test_no_odd_body_is_an_accident(
    client: FlaskClient,
    key: str,
    reference: str,
    what: str,
    body: bytes,
    mimetype: str,
    status: int,
) -> None:
    path = f"/api/v1/incidents/{reference}/{what}"
    headers = {"X-API-Key": key}
    answer = client.post(path, data=body, content_type=mimetype, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.get_json()["error"]
    assert _kinds() == []


@pytest.mark.parametrize("what", VALID)
def test_a_misspelt_member_is_named(post: Post, what: str) -> None:
    odd = {"raison": "animal", "\ud800": 1, "n" * 5000: 1}
    refused = post(what, {**VALID[what], **odd}, 422)
    assert "“raison” is not known here" in refused["error"]
    assert len(refused["error"]) < 1000
    assert _kinds() == []


@pytest.mark.parametrize(("what", "member"), TEXTS)
@pytest.mark.parametrize("text", ["é\n\tok", "🚨" * 2000, "x" * 2000])
def test_a_text_is_kept_as_it_is(post: Post, what: str, member: str, text: str) -> None:
    post(what, {**VALID[what], member: text}, 201 if what == "notes" else 200)
    renew()
    assert [act.text for act in db.session.query(IncidentAct)] == [text]


@pytest.mark.parametrize("text", ["", "  \n", "x" * 2001, "a\x07b", "a\ud800", "a\x00", "\x9b1m"])
def test_a_note_that_is_none_is_refused_with_a_sentence(post: Post, text: str) -> None:
    assert post("notes", {"text": text}, 422)["error"].endswith(".")


def test_every_mistake_is_named_at_once(post: Post) -> None:
    refused = post("decision", {"decision": "x", "seen": 1, "reason": [], "other": 1}, 422)
    for name in ("decision must be one of", "seen must be one of", "reason must be", "“other”"):
        assert name in refused["error"]


def _at_once(
    app: Flask, path: str, bodies: list[dict[str, Any]], keys: list[str], **headers: str
) -> list[Any]:
    """Post all bodies at the same moment; return status and document of each."""
    start = threading.Barrier(len(bodies))

    def send(number: int) -> tuple[int, Any]:
        with app.app_context():
            start.wait()
            answer = app.test_client().post(
                path, json=bodies[number], headers={"X-API-Key": keys[number], **headers}
            )
            return answer.status_code, answer.get_json()

    with ThreadPoolExecutor(len(bodies)) as threads:
        found = list(threads.map(send, range(len(bodies))))
    renew()
    return found


def test_of_many_decisions_at_once_one_counts(app: Flask, reference: str) -> None:
    keys = [_key() for _number in range(6)]
    bodies = [{"decision": "confirmed"}, {"decision": "false_alarm", "reason": "test"}] * 3
    answers = _at_once(app, f"/api/v1/incidents/{reference}/decision", bodies, keys)
    assert sorted(status for status, _document in answers) == [200] + [409] * 5
    winner = next(document for status, document in answers if status == 200)
    assert {document["first"]["by"] for status, document in answers if status == 409} == {
        winner["decided_by"]
    }
    assert _kinds() == [winner["decision"]]


def test_of_many_assignments_at_once_one_counts(app: Flask, reference: str) -> None:
    emails = [f"person{number}@example.com" for number in range(4)]
    for email in emails:
        _user(email)
    keys = [_key() for _email in emails]
    bodies = [{"email": email} for email in emails]
    answers = _at_once(app, f"/api/v1/incidents/{reference}/assignee", bodies, keys)
    assert sorted(status for status, _document in answers) == [200] + [409] * 3
    assert len({document["assignee"] for _status, document in answers}) == 1
    assert _kinds() == ["assigned"]


@pytest.mark.parametrize("what", VALID)
def test_a_named_request_that_is_repeated_changes_nothing_again(
    post: Post, reference: str, what: str
) -> None:
    _user("karim@example.com")
    body = {"email": "karim@example.com"} if what == "assignee" else VALID[what]
    status = 201 if what in {"notes", "records"} else 200
    first = post(what, body, status, name="one")
    if what == "decision":
        decisions.decide(KARIM, reference, NEW, seen=CONFIRMED)
        first = {**first, "state": "new", "decision": None, "decided_at": None, "decided_by": None}
    before = _kinds()
    assert post(what, body, status, name="one") == first
    assert _kinds() == before
    other = {"text": "Autre"} if what != "notes" else {"kind": "police_called"}
    where = "notes" if what != "notes" else "records"
    assert post(where, other, 409, name="one")["code"] == "idempotency_conflict"
    post(where, other, 201, name="one", key=_key())  # a name belongs to its key
    assert post(what, body, 422, name="n" * 256)["code"] == "invalid_request"


def test_the_same_named_note_of_many_at_once_is_one(app: Flask, key: str, reference: str) -> None:
    path = f"/api/v1/incidents/{reference}/notes"
    bodies = [{"text": "Une voiture"}] * 6
    answers = _at_once(app, path, bodies, [key] * 6, **{"Idempotency-Key": "one"})
    assert [status for status, _document in answers] == [201] * 6
    assert len({json.dumps(document) for _status, document in answers}) == 1
    assert _kinds() == ["note"]


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
