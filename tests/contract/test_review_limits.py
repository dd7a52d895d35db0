"""What the review API refuses for the state of an incident, and how much it accepts."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.contract.reviewing import Program, kinds, program
from tests.library import Library

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
