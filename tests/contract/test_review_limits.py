"""What the review API refuses for the state of an incident, and how much it accepts."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.contract.reviewing import Program, kinds, new_incident, program
from tests.helpers import Person
from tests.library import ACTOR, Library
from vigint_web.models import ActKind, IncidentAct, Role, Scope
from vigint_web.services.accounts import api_keys, sites
from vigint_web.services.core.transactions import transaction
from vigint_web.services.incidents.incidents import get_incident
from vigint_web.services.review import acts

pytestmark = pytest.mark.both_databases(reason="one conditional update decides")


@pytest.fixture
def centre(client: FlaskClient, library: Library) -> Program:
    """Provide a program that reviews a new incident."""
    return program(client, library)


@pytest.mark.parametrize(
    "body",
    [{"decision": "closed", "seen": "confirmed"}, {"decision": "reopened", "seen": "closed"}],
)
def test_an_incident_without_a_decision_has_no_first_one(centre: Program, body: Any) -> None:
    refused = centre.post("decision", body, 409)
    assert refused["code"] == "decision_out_of_order"
    assert "first" not in refused
    assert kinds() == []


def test_an_incident_takes_so_many_notes_and_every_decision(
    centre: Program, library: Library, people: Callable[[Role], Person]
) -> None:
    incident = get_incident(ACTOR, centre.reference)
    with transaction() as session:
        for number in range(acts.MOST_NOTES - 1):
            kind = (ActKind.NOTE, *sorted(acts.OUTSIDE))[number % 3]
            session.add(IncidentAct(incident_id=incident.id, kind=kind, actor="someone"))
    centre.post("decision", {"decision": "confirmed"})
    centre.post("notes", {"text": "The last one"}, 201, name="last")
    for what, body in [("notes", {"text": "x"}), ("records", {"kind": "police_called"})]:
        refused = centre.post(what, body, 409)
        assert refused["code"] == "too_many_notes"
        assert str(acts.MOST_NOTES) in refused["error"]
    centre.post("notes", {"text": "The last one"}, 201, name="last")
    operator = people(Role.OPERATOR).speaking("en")
    path = f"/incidents/{centre.reference}/"
    answer = operator.post(f"{path}note", page=path, text="Another note")
    assert answer.status_code == 409
    assert "Another note" in answer.text
    assert "500 notes" in answer.text
    operator.post(f"{path}record", page=path, kind="police_called")
    assert kinds().count("police_called") == (acts.MOST_NOTES - 1) // 3
    centre.post("decision", {"decision": "closed", "seen": "confirmed"})
    centre.about(new_incident(library)).post("notes", {"text": "x"}, 201)


@pytest.mark.only_sqlite
def test_a_busy_review_leaves_room_for_alerts(client: FlaskClient, centre: Program) -> None:
    both = api_keys.create_api_key(
        ACTOR, "both", sites.default_site(), {Scope.REVIEW, Scope.INGEST, Scope.READ}
    )
    headers = {"X-API-Key": both}
    reviews = [
        client.post(
            f"/api/v1/incidents/{centre.reference}/{what}", json={}, headers=headers
        ).headers["X-RateLimit-Remaining"]
        for what in ("decision", "notes", "records", "assignee")
    ]
    assert [int(reviews[0]) - int(left) for left in reviews] == [0, 1, 2, 3]
    for answer in (
        client.post("/api/v1/incidents", json={"message": "m"}, headers=headers),
        client.get("/api/v1/incidents", headers=headers),
    ):
        left, most = (answer.headers[f"X-RateLimit-{name}"] for name in ("Remaining", "Limit"))
        assert int(left) == int(most) - 1
