"""What is loaded before it is shown is neither read nor played, and is recorded as what it is."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from tests.helpers import Person, renew
from tests.integration.review.nights import add_incident
from tests.library import Library
from vigint_web.blueprints.pages.videos import views
from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import AuditEvent, IncidentRead, IncidentState, Role

PART = {"X-Vigint-Part": "detail"}
AHEAD = {**PART, "X-Vigint-Ahead": "1"}


@pytest.fixture
def operator(people: Callable[[Role], Person]) -> Person:
    return people(Role.OPERATOR)


def test_an_incident_that_is_loaded_ahead_is_not_read(app: Flask, operator: Person) -> None:
    # Received after the person was there, however long ago this module was imported.
    incident = add_incident("a", 0, 0, created_at=utcnow() + timedelta(minutes=1))
    address = f"/incidents/{incident.reference}/?list=1"
    assert operator.browser.get(address, headers=AHEAD).status_code == 200
    assert db.session.scalars(select(IncidentRead)).all() == []
    renew()
    assert operator.browser.get(address, headers=PART).status_code == 200
    assert len(db.session.scalars(select(IncidentRead)).all()) == 1


def test_messages_and_the_button_that_undoes_wait_for_the_page_that_is_shown(
    app: Flask, operator: Person
) -> None:
    first, second = (add_incident(name, 9, 9) for name in "ba")
    walk = "?state=new&list=1"
    fields = {"decision": "confirmed", "seen": "new"}
    operator.post(f"/incidents/{second.reference}/decide{walk}", **fields)
    address = f"/incidents/{first.reference}/{walk}"
    assert 'id="undo"' not in operator.browser.get(address, headers=AHEAD).text
    assert 'id="undo"' in operator.browser.get(address, headers=PART).text


@pytest.mark.parametrize("state", ["", "&state=new", "&state=confirmed"])
def test_the_page_names_the_one_to_which_a_decision_leads(
    app: Flask, operator: Person, state: str
) -> None:
    for name, decided in (("a", False), ("b", True), ("c", False), ("d", True)):
        given = IncidentState.CONFIRMED if decided else IncidentState.NEW
        add_incident(name, 100 - ord(name) % 50, 100, state=given)
    here, there = ("d", "b") if "confirmed" in state else ("c", "a")
    text = operator.browser.get(f"/incidents/INC-2026-{here}/?list=1{state}", headers=PART).text
    assert f'data-following="/incidents/INC-2026-{there}/?' in text
    # Where it was not opened from a list, a decision leads nowhere.
    assert "data-following" not in operator.browser.get(f"/incidents/INC-2026-{here}/").text


def test_the_beginning_of_footage_is_no_playback_and_the_rest_is(
    operator: Person, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "_AHEAD_BYTES", 10)
    public_id = library.incident().public_id
    address = f"/videos/{public_id}/stream"

    def load(path: str, asked: str) -> list[str]:
        answer = operator.browser.get(path, headers={"Range": asked})
        assert answer.status_code == 206
        renew()
        events = select(AuditEvent.action).where(AuditEvent.subject == f"video:{public_id}")
        return [one for one in db.session.scalars(events.order_by(AuditEvent.id)) if "ed" in one]

    before = load(f"{address}?ahead=1", "bytes=0-9")
    assert before[-1] == "video:prefetched"
    assert "video:played" not in before
    assert load(f"{address}?ahead=1", "bytes=4-8") == before, "once for a person and a video"
    assert load(f"{address}?ahead=1", "bytes=9-10") == [*before, "video:played"]
    assert load(address, "bytes=0-0") == [*before, "video:played"]
