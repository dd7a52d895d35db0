"""Boxes as posted: stored beside the incident, answered as sent, and never read by lists."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, select
from sqlalchemy.engine import Engine

from tests.helpers import post_form, post_incident
from vigint_web.extensions import db
from vigint_web.models import Incident, IncidentBoxes, Scope
from vigint_web.services.accounts import api_keys, sites
from vigint_web.services.core.actors import SYSTEM, command_line
from vigint_web.services.incidents.listing import IncidentFilter, IncidentList

pytestmark = pytest.mark.both_databases(reason="JSON")

PERSON = {"frame": 1, "x": 0.5, "y": 0.25, "w": 0.2, "h": 0.5, "label": "personne", "score": 0.9}
BAG = {"frame": 0, "x": 0.1, "y": 0.1, "w": 0.1, "h": 0.1, "label": "sac", "score": 0.4}


def _post(client: FlaskClient, key: str, boxes: Any) -> Incident:
    document = {"message": "m", "incident_data": {"boxes": boxes}, "alert": False}
    accepted = post_incident(client, key, document)
    return db.session.scalars(
        select(Incident).where(Incident.reference == accepted["reference"])
    ).one()


def test_boxes_are_kept_by_frame_and_the_main_one_with_the_incident(
    client: FlaskClient, api_key: str
) -> None:
    incident = _post(client, api_key, [PERSON, BAG, PERSON | {"frame": 0, "score": 0.2}])
    kept = db.session.get_one(IncidentBoxes, incident.id)
    assert (kept.number, kept.frames, kept.labels) == (3, 2, ["personne", "sac"])
    assert [box[0] for box in kept.boxes] == [0, 0, 1]
    assert kept.boxes[-1] == [1, 0.5, 0.25, 0.2, 0.5, "personne", 0.9, None]
    assert kept.places is None, "there is no clip"
    focus = (incident.focus_x, incident.focus_y, incident.focus_w, incident.focus_h)
    assert focus == (0.5, 0.25, 0.2, 0.5)


@pytest.mark.parametrize("sent", [[[1, 2, 30, 40]], "none", [], {"a": [1]}, None])
def test_another_form_is_answered_as_sent_and_has_no_boxes(
    client: FlaskClient, api_key: str, sent: Any
) -> None:
    incident = _post(client, api_key, sent)
    assert incident.boxes == sent
    assert db.session.get(IncidentBoxes, incident.id) is None
    assert incident.focus_x is None


def test_programs_read_boxes_as_they_were_sent(client: FlaskClient, api_key: str) -> None:
    sent = [PERSON | {"x": "50 %"}, {"frame": -1, "note": "kept"}]
    _post(client, api_key, sent)
    site = sites.default_site()
    reader = api_keys.create_api_key(command_line("test"), "reader", site, {Scope.READ})
    answer = client.get("/api/v1/incidents", headers={"Authorization": f"Bearer {reader}"})
    assert [one["boxes"] for one in answer.get_json()["incidents"]] == [sent]


def test_what_is_wrong_with_boxes_is_answered_and_costs_nothing_else(
    client: FlaskClient, api_key: str
) -> None:
    pixels = {"frame": 0, "x": 320, "y": 200, "w": 64, "h": 128}
    facts = {"boxes": [PERSON | {"w": 0.9}, pixels], "camera": "Quai 2"}
    answer = post_form(client, api_key, {"message": "m", "incident_data": facts})
    assert answer.status_code == 202
    assert [(one["field"], one["code"]) for one in answer.get_json()["warnings"]] == [
        ("boxes[0]", "clamped"),
        ("boxes[1]", "outside_picture"),
    ]


def test_lists_read_no_boxes(client: FlaskClient, api_key: str) -> None:
    _post(client, api_key, [PERSON])
    db.session.remove()
    read: list[str] = []

    def remember(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        read.append(statement)

    event.listen(Engine, "before_cursor_execute", remember)
    try:
        [row] = IncidentList(SYSTEM, IncidentFilter()).page().rows
        assert row.focus_x == 0.5
    finally:
        event.remove(Engine, "before_cursor_execute", remember)
    assert not [statement for statement in read if "boxes" in statement]
    assert row.boxes == [PERSON], "read when asked for"


def test_boxes_go_with_their_incident(client: FlaskClient, api_key: str) -> None:
    incident = _post(client, api_key, [PERSON])
    db.session.delete(incident)
    db.session.commit()
    assert db.session.scalars(select(IncidentBoxes)).all() == []
