"""A false alarm begins with the reason of its camera's last one."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from tests.helpers import Person
from tests.integration.review.nights import add_incident, plan_of_query
from tests.library import ACTOR
from vigint_web.extensions import db
from vigint_web.models import Camera, Incident, IncidentState, Role, Site, User
from vigint_web.services.accounts import sites
from vigint_web.services.accounts.cameras import camera_of
from vigint_web.services.core.actors import as_user
from vigint_web.services.core.transactions import transaction
from vigint_web.services.review import confidentiality, decisions, reasons

pytestmark = pytest.mark.both_databases(reason="a partial index, and the order of times")

NEW, FALSE_ALARM = IncidentState.NEW, IncidentState.FALSE_ALARM


def _camera(name: str, site: Site | None = None) -> Camera:
    with transaction():
        return camera_of((site or sites.default_site()).id, name)


def _dismiss(incident: Incident, reason: str) -> None:
    decisions.decide(ACTOR, incident.reference, FALSE_ALARM, seen=NEW, reason=reason)


def test_the_last_one_decided_counts_not_the_last_detected(app: Flask) -> None:
    gate, dock = _camera("Portail"), _camera("Quai")
    first, second, third = (
        add_incident(name, 100 - place, 100 - place, camera_id=gate.id)
        for place, name in enumerate("abc")
    )
    assert reasons.last_reason_of(gate.id) is None
    assert reasons.last_reason_of(None) is None
    _dismiss(third, "light_or_weather")
    _dismiss(first, "animal")
    assert reasons.last_reason_of(gate.id) == "animal"
    assert reasons.last_reason_of(dock.id) is None
    # A decision that is undone is none.
    decisions.decide(ACTOR, first.reference, NEW, seen=FALSE_ALARM)
    assert reasons.last_reason_of(gate.id) == "light_or_weather"
    decisions.decide(ACTOR, second.reference, IncidentState.CONFIRMED, seen=NEW)
    assert reasons.last_reason_of(gate.id) == "light_or_weather"


@pytest.mark.only_sqlite(reason="PostgreSQL chooses by its statistics")
def test_it_is_read_from_the_end_of_an_index(app: Flask) -> None:
    plan = plan_of_query(reasons._false_alarms_of(1).limit(1))
    assert "ix_incidents_camera_false_alarms (camera_id=?)" in plan
    assert "TEMP B-TREE" not in plan


def test_the_page_marks_it_unless_it_was_removed(
    app: Flask, people: Callable[[Role], Person]
) -> None:
    gate = _camera("Portail")
    decided, shown = (add_incident(name, 9, 9, camera_id=gate.id) for name in "ab")
    browser = people(Role.OPERATOR).browser
    address = f"/incidents/{shown.reference}/"
    assert _marked(browser.get(address).text) == []
    _dismiss(decided, "animal")
    assert _marked(browser.get(address).text) == ["animal"]
    reasons.retire_reason(ACTOR, "animal")
    assert _marked(browser.get(address).text) == []


def _marked(text: str) -> list[str]:
    return re.findall(r'name="reason" value="([^"]+)" data-last', text)


def test_what_a_person_may_not_see_suggests_nothing(
    app: Flask, people: Callable[[Role], Person]
) -> None:
    gate = _camera("Portail")
    decided, shown = (add_incident(name, 9, 9, camera_id=gate.id) for name in "ab")
    _dismiss(decided, "animal")
    reader, other = people(Role.OPERATOR), people(Role.ADMIN)
    user = db.session.scalars(select(User).where(User.email == reader.email)).one()
    confidentiality.restrict(as_user(user), decided.reference, [user.id], seen=0)
    address = f"/incidents/{shown.reference}/"
    assert _marked(reader.browser.get(address).text) == ["animal"]
    assert _marked(other.browser.get(address).text) == []
