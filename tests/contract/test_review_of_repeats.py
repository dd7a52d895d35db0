"""The review API and repeats: one request reviews an incident with the repeats grouped under it."""

import pytest
from flask.testing import FlaskClient

from tests.conftest import PASSWORD
from tests.contract.reviewing import Program, kinds, new_incident, program
from tests.helpers import renew
from tests.library import ACTOR, Library
from vigint_web.extensions import db
from vigint_web.models import AuditEvent, Incident, IncidentState, Role
from vigint_web.services.accounts import users
from vigint_web.services.core.transactions import transaction
from vigint_web.services.review import decisions

pytestmark = pytest.mark.both_databases(reason="several rows in one transaction")

KARIM, LEA = "karim@example.com", "lea@example.com"
CAT = {"decision": "false_alarm", "reason": "animal", "note": "A cat"}


@pytest.fixture
def centre(client: FlaskClient, library: Library) -> Program:
    """Provide a program with a new incident."""
    return program(client, library)


def _repeats(library: Library, centre: Program, count: int) -> list[str]:
    """Add repeats of the program's incident."""
    references = [new_incident(library) for _ in range(count)]
    with transaction():
        first = _row(centre.reference)
        for reference in references:
            _row(reference).grouped_under_id = first.id
    return references


def _row(reference: str) -> Incident:
    return db.session.query(Incident).filter_by(reference=reference).one()


def _states(references: list[str]) -> list[str]:
    renew()
    return [_row(reference).state for reference in references]


def test_a_decision_is_also_that_of_the_repeats_if_asked(centre: Program, library: Library) -> None:
    repeats = _repeats(library, centre, 3)
    stranger = new_incident(library)
    decisions.decide(ACTOR, repeats[0], IncidentState.CONFIRMED, seen=IncidentState.NEW)
    answer = centre.post("decision", {"decision": "confirmed"})
    assert answer["undecided_repeats"] == 2, "nothing else was asked for"
    answer = centre.post("decision", {"decision": "confirmed", "repeats": True})
    assert (answer["state"], answer["undecided_repeats"]) == ("confirmed", 0)
    assert _states([*repeats, stranger]) == ["confirmed"] * 3 + ["new"]
    assert kinds() == ["confirmed"] * 4
    # Closed with its repeats, which another person confirmed.
    centre.post("decision", {"decision": "closed", "seen": "confirmed", "repeats": True})
    assert _states(repeats) == ["closed"] * 3


def test_a_false_alarm_is_recorded_for_each_with_its_reason(
    centre: Program, library: Library
) -> None:
    repeats = _repeats(library, centre, 2)
    centre.post("decision", {**CAT, "repeats": True})
    renew()
    for reference in (centre.reference, *repeats):
        row = _row(reference)
        assert (row.state, row.reason) == ("false_alarm", "animal")
        events = db.session.query(AuditEvent).filter_by(subject=f"incident:{reference}")
        assert [event.action for event in events if "false" in event.action]


def test_a_name_stands_for_the_repeats_too(centre: Program, library: Library) -> None:
    [repeat] = _repeats(library, centre, 1)
    body = {**CAT, "repeats": True}
    first = centre.post("decision", body, name="one")
    decisions.decide(ACTOR, repeat, IncidentState.NEW, seen=IncidentState.FALSE_ALARM)
    again = centre.post("decision", body, name="one")
    assert first["undecided_repeats"] == 0
    assert again["undecided_repeats"] == 1, "a repetition changes nothing again"
    assert _states([repeat]) == ["new"]
    refused = centre.post("decision", CAT, 409, name="one")
    assert refused["code"] == "idempotency_conflict"
    assert centre.post("decision", body, name="two")["undecided_repeats"] == 0


def test_who_comes_second_changes_no_repeat(centre: Program, library: Library) -> None:
    repeats = _repeats(library, centre, 2)
    decisions.decide(ACTOR, centre.reference, IncidentState.CONFIRMED, seen=IncidentState.NEW)
    refused = centre.post("decision", {**CAT, "repeats": True}, 409)
    assert refused["code"] == "already_decided"
    assert _states(repeats) == ["new", "new"]


def test_more_repeats_than_one_request_takes(
    centre: Program, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "MOST_AT_ONCE", 2)
    repeats = _repeats(library, centre, 3)
    body = {"decision": "confirmed", "repeats": True}
    assert centre.post("decision", body)["undecided_repeats"] == 1
    assert centre.post("decision", body)["undecided_repeats"] == 0
    assert _states(repeats) == ["confirmed"] * 3


def test_an_assignment_is_also_that_of_the_repeats_if_asked(
    centre: Program, library: Library
) -> None:
    karim, lea = (users.create_user(ACTOR, one, PASSWORD, Role.ADMIN) for one in (KARIM, LEA))
    known = {karim.id: KARIM, lea.id: LEA, None: None}
    repeats = _repeats(library, centre, 3)
    with transaction():
        _row(repeats[1]).assignee_id = lea.id
        _row(repeats[2]).state = IncidentState.CLOSED

    def assigned() -> list[str | None]:
        renew()
        return [known[_row(one).assignee_id] for one in (centre.reference, *repeats)]

    centre.post("assignee", {"email": KARIM})
    assert assigned() == [KARIM, None, LEA, None]
    centre.post("assignee", {"email": KARIM, "repeats": True})
    assert assigned() == [KARIM, KARIM, LEA, None], "a colleague's and a closed one stay"
    centre.post("assignee", {"email": None, "seen": KARIM, "repeats": True})
    assert assigned() == [None, None, LEA, None]


def test_only_a_boolean_asks_for_repeats(centre: Program) -> None:
    values: tuple[object, ...] = ("true", 1, None, [])
    for value in values:
        refused = centre.post("decision", {"decision": "confirmed", "repeats": value}, 422)
        assert "repeats" in refused["error"]
    assert kinds() == []
