"""Repeated requests to the review API: a name stands for one request, whatever came after it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import PASSWORD
from tests.contract.reviewing import Program, kinds, new_incident, program
from tests.helpers import renew
from tests.library import ACTOR, Library
from vigint_web.extensions import db
from vigint_web.models import IncidentState, NamedRequest, Role
from vigint_web.services.accounts import users
from vigint_web.services.review import acts, decisions, reasons
from vigint_web.services.review.named_requests import forget_old_names

pytestmark = pytest.mark.both_databases(reason="one row for one name, also at the same moment")

FALSE_ALARM = {"decision": "false_alarm", "reason": "animal"}
KARIM = "karim@example.com"


@pytest.fixture
def centre(client: FlaskClient, library: Library) -> Program:
    """Provide a program that reviews a new incident."""
    return program(client, library)


def _names() -> int:
    renew()
    return db.session.query(NamedRequest).count()


def test_a_repetition_is_answered_although_the_reason_was_removed(centre: Program) -> None:
    first = centre.post("decision", FALSE_ALARM, name="one")
    reasons.retire_reason(ACTOR, "animal")
    assert centre.post("decision", FALSE_ALARM, name="one") == first
    centre.post("decision", FALSE_ALARM, 422, name="two")
    assert kinds() == ["false_alarm"]


def test_a_repetition_is_answered_although_the_user_was_deactivated(centre: Program) -> None:
    user = users.create_user(ACTOR, KARIM, PASSWORD, Role.OPERATOR)
    body = {"email": KARIM}
    first = centre.post("assignee", body, name="one")
    user.active = False
    db.session.commit()
    assert centre.post("assignee", body, name="one") == first
    centre.post("assignee", body, 422, name="two")
    assert kinds() == ["assigned"]


def test_a_repetition_is_answered_although_the_incident_takes_no_more_notes(
    centre: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = centre.post("notes", {"text": "x"}, 201, name="one")
    monkeypatch.setattr(acts, "MOST_NOTES", 1)
    assert centre.post("notes", {"text": "x"}, 201, name="one") == first
    centre.post("notes", {"text": "x"}, 409, name="two")


def test_a_decision_that_changed_nothing_has_a_name_too(centre: Program, library: Library) -> None:
    body = {"decision": "confirmed"}
    centre.post("decision", body, name="one")
    centre.post("decision", body, name="two")
    decisions.decide(ACTOR, centre.reference, IncidentState.NEW, seen=IncidentState.CONFIRMED)
    for name in ("one", "two"):
        assert centre.post("decision", body, name=name)["state"] == "new"
    assert kinds() == ["confirmed", "reopened"]
    other = centre.about(new_incident(library))
    for name in ("one", "two"):
        assert other.post("decision", body, 409, name=name)["code"] == "idempotency_conflict"


def test_an_assignment_that_changed_nothing_has_a_name_too(centre: Program) -> None:
    users.create_user(ACTOR, KARIM, PASSWORD, Role.OPERATOR)
    centre.post("assignee", {"email": None}, name="one")
    centre.post("assignee", {"email": KARIM})
    assert centre.post("assignee", {"email": None}, name="one")["assignee"] == KARIM
    assert kinds() == ["assigned"]


@pytest.mark.parametrize(
    ("what", "first", "others"),
    [
        (
            "decision",
            {"decision": "confirmed"},
            [
                {"decision": "confirmed", "seen": "closed"},
                {"decision": "confirmed", "note": "x"},
                {"decision": "closed", "seen": "confirmed"},
            ],
        ),
        ("assignee", {"email": None}, [{"email": None, "seen": KARIM}, {"email": KARIM}]),
        ("notes", {"text": "a"}, [{"text": "b"}]),
        ("records", {"kind": "police_called"}, [{"kind": "confirmed_by_sight"}]),
    ],
)
def test_every_member_belongs_to_the_request_that_a_name_stands_for(
    centre: Program, what: str, first: Any, others: list[Any]
) -> None:
    status = 201 if what in {"notes", "records"} else 200
    centre.post(what, first, status, name="one")
    before = kinds()
    for other in others:
        assert centre.post(what, other, 409, name="one")["code"] == "idempotency_conflict"
    assert kinds() == before


def test_the_order_of_members_and_a_default_make_no_other_request(centre: Program) -> None:
    centre.post("decision", {"decision": "confirmed", "note": "x"}, name="one")
    again = {"note": "x", "seen": "new", "reason": None, "decision": "confirmed"}
    centre.post("decision", again, name="one")
    assert kinds() == ["confirmed"]


def test_a_refused_request_keeps_no_name(centre: Program) -> None:
    centre.post("decision", {"decision": "reopened", "seen": "closed"}, 409, name="one")
    decisions.decide(ACTOR, centre.reference, IncidentState.CLOSED, seen=IncidentState.NEW)
    centre.post("decision", {"decision": "confirmed"}, 409, name="one")
    centre.post("assignee", {"email": "nobody@example.com"}, 422, name="one")
    assert _names() == 0
    centre.post("decision", {"decision": "reopened", "seen": "closed"}, name="one")
    assert kinds() == ["closed", "reopened"]


def test_names_are_kept_for_30_days(centre: Program, clock: Any) -> None:
    body = {"text": "Une voiture"}
    first = centre.post("notes", body, 201, name="one")
    clock.forward(days=29)
    assert forget_old_names() == 0
    assert centre.post("notes", body, 201, name="one") == first
    clock.forward(days=2)
    assert centre.post("notes", body, 201, name="one") != first
    centre.post("notes", body, 201, name="two")
    assert kinds() == ["note"] * 3
    clock.forward(days=31)
    assert forget_old_names() == 2
    assert _names() == 0


@pytest.mark.parametrize(
    ("what", "body", "status", "kind"),
    [
        ("decision", FALSE_ALARM, 200, "false_alarm"),
        ("assignee", {"email": KARIM}, 200, "assigned"),
        ("records", {"kind": "police_called"}, 201, "police_called"),
    ],
)
def test_the_same_named_request_of_many_at_once_is_one(
    app: Flask, centre: Program, what: str, body: Any, status: int, kind: str
) -> None:
    users.create_user(ACTOR, KARIM, PASSWORD, Role.OPERATOR)
    start = threading.Barrier(6)

    def send(_number: int) -> str:
        with app.app_context():
            start.wait(10)
            one = Program(app.test_client(), centre.key, centre.reference)
            return str(one.post(what, body, status, name="one"))

    with ThreadPoolExecutor(6) as threads:
        assert len(set(threads.map(send, range(6)))) == 1
    assert kinds() == [kind]
    assert _names() == 1


def test_different_requests_of_one_name_at_once_are_one_and_conflicts(
    app: Flask, centre: Program
) -> None:
    start = threading.Barrier(4)

    def send(number: int) -> int:
        with app.app_context():
            start.wait(10)
            answer = app.test_client().post(
                f"/api/v1/incidents/{centre.reference}/notes",
                json={"text": str(number)},
                headers={"X-API-Key": centre.key, "Idempotency-Key": "one"},
            )
            return answer.status_code

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(send, range(4))) == [201, 409, 409, 409]
    assert kinds() == ["note"]
