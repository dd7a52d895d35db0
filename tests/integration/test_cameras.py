"""Cameras: their pages, and the name by which a detector finds a renamed one."""

from collections.abc import Callable
from datetime import date, timedelta
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.helpers import Person, post_incident, renew
from tests.library import ACTOR, Library
from vigint_web.clock import utcnow
from vigint_web.errors import Conflict, Invalid, MistakeCode
from vigint_web.extensions import db
from vigint_web.models import AuditEvent, Camera, Incident, IncidentState, LegalRegime, Role
from vigint_web.services.accounts import cameras, sites
from vigint_web.services.accounts.cameras import CameraFacts, camera_of
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.transactions import transaction
from vigint_web.services.reports import site_overview

pytestmark = pytest.mark.both_databases(reason="upserts, correlated queries with a limit")

People = Callable[[Role], Person]


def _named(camera_id: int, name: str, **values: Any) -> Camera:
    return cameras.edit_camera(ACTOR, camera_id, CameraFacts(name, **values))


def _post(client: FlaskClient, key: str, camera: str) -> Incident:
    data = {"incident_type": "Vol", "camera": camera}
    posted = post_incident(client, key, {"message": "m", "incident_data": data})
    renew()
    query = select(Incident).where(Incident.reference == posted["reference"])
    return db.session.scalars(query).one()


def test_a_renamed_camera_keeps_its_incidents_and_its_detector(
    client: FlaskClient, api_key: str, people: People
) -> None:
    first = _post(client, api_key, "cam-17")
    assert first.camera is not None
    number = first.camera.id
    admin = people(Role.ADMIN).speaking("en")
    answer = admin.post(f"/cameras/{number}/edit", name="Entrée nord", legal_regime="open")
    assert answer.status_code == 302
    for name in ("cam-17", "Entrée nord"):
        again = _post(client, api_key, name)
        assert again.camera is not None
        assert (again.camera_id, again.camera.name) == (number, "Entrée nord")
    assert db.session.query(Camera).count() == 1
    page = admin.browser.get(f"/cameras/{number}/").text
    assert "cam-17" in page, "what detectors call it"
    assert "open to the public" in page
    listed = admin.browser.get("/incidents/?q=entr%C3%A9e+nord").text
    assert first.reference in listed, "it is searched by the name that people see"
    event = db.session.query(AuditEvent).filter_by(action="camera:edited").one()
    assert event.detail == {"name": ["cam-17", "Entrée nord"], "legal_regime": [None, "open"]}
    _named(number, "cam-17")
    assert db.session.get_one(Camera, number).shown_name is None


def test_no_two_cameras_of_a_site_have_a_name_in_common(app: Flask) -> None:
    site = sites.default_site().id
    first, second = camera_of(site, "a"), camera_of(site, "b")
    _named(first.id, "Quai")
    for taken in ("Quai", "a"):
        with pytest.raises(Conflict):
            _named(second.id, taken)
        with pytest.raises(Conflict):
            cameras.add_camera(ACTOR, site, CameraFacts(taken))
    elsewhere = sites.add_site(ACTOR, "Lyon")
    assert cameras.add_camera(ACTOR, elsewhere.id, CameraFacts("Quai")).name == "Quai"
    assert _named(second.id, "Parking").name == "Parking"


def test_a_camera_is_added_before_its_detector_names_it(
    client: FlaskClient, api_key: str, people: People
) -> None:
    admin, site = people(Role.ADMIN).speaking("en"), sites.default_site()
    assert admin.browser.get(f"/cameras/add?site={site.id}").status_code == 200
    form = {
        "site": str(site.id),
        "name": " Quai 3 ",
        "legal_regime": "closed",
        "authorisation_number": "2026-0412",
        "authorisation_ends": (utcnow().date() + timedelta(days=30)).isoformat(),
        "least_days": "7",
        "most_days": "30",
    }
    wrong = admin.post("/cameras/add", **form | {"least_days": "31"})
    assert (wrong.status_code, "must not be less" in wrong.text) == (422, True)
    wrong = admin.post("/cameras/add", **form | {"authorisation_ends": "tomorrow"})
    assert wrong.status_code == 422
    assert admin.post("/cameras/add", **form).status_code == 302
    again = admin.post("/cameras/add", **form)
    assert (again.status_code, "has this name" in again.text) == (422, True)
    incident = _post(client, api_key, "Quai 3")
    page = unescape(admin.browser.get(f"/cameras/{incident.camera_id}/").text)
    for words in ("not open to the public", "2026-0412", "Ends soon", "7 to 30 days"):
        assert words in page
    assert incident.reference in page
    _named(incident.camera_id or 0, "Quai 3", authorisation_ends=date(2020, 1, 1))
    assert "Ended" in admin.browser.get(f"/cameras/{incident.camera_id}/").text
    assert "Authorisation ended" in admin.browser.get(f"/sites/{site.id}/").text


def test_every_mistake_is_named_at_once(app: Flask) -> None:
    camera = camera_of(sites.default_site().id, "a")
    with pytest.raises(Invalid) as refused:
        _named(camera.id, "", authorisation_number="x" * 101, least_days=0, most_days=36_501)
    assert [(one.code, one.field) for one in refused.value.mistakes] == [
        (MistakeCode.NAME_LENGTH, "name"),
        (MistakeCode.TOO_LONG, "authorisation_number"),
        (MistakeCode.NOT_A_WHOLE_NUMBER, "least_days"),
        (MistakeCode.NOT_A_WHOLE_NUMBER, "most_days"),
    ]


def test_the_list_counts_what_is_to_decide_and_names_the_last(app: Flask, library: Library) -> None:
    kept = [library.incident_of(library.incident(b"x")) for _ in range(3)]
    camera_of(sites.default_site().id, "Silent")
    with transaction():
        kept[0].state = IncidentState.CLOSED
        kept[1].detected_at = utcnow() + timedelta(hours=1)
    rows, more = site_overview.camera_rows(ACTOR)
    assert [(row.camera.name, row.undecided, row.last and row.last.id) for row in rows] == [
        ("Quai 2", 2, kept[1].id),
        ("Silent", 0, None),
    ]
    assert not more
    [site], _ = site_overview.site_rows(ACTOR)
    assert (site.cameras, site.undecided, site.last and site.last.id) == (2, 2, kept[1].id)
    stranger = Actor("x", Role.OPERATOR, site_ids=frozenset())
    assert site_overview.camera_rows(stranger) == ([], False)


def test_operators_see_cameras_of_their_sites_only(people: People, library: Library) -> None:
    video = library.incident(b"x", site=sites.get_or_add_site("lyon"))
    number = library.incident_of(video).camera_id
    operator = people(Role.OPERATOR)
    assert operator.browser.get(f"/cameras/{number}/").status_code == 404
    assert "Quai 2" not in operator.browser.get("/cameras/").text
    own = camera_of(sites.default_site().id, "Ours")
    db.session.commit()
    page = operator.browser.get(f"/cameras/{own.id}/")
    assert (page.status_code, "/edit" in page.text) == (200, False)
    assert operator.post(f"/cameras/{own.id}/edit", name="x").status_code == 403


def test_the_regime_is_one_of_three(app: Flask) -> None:
    camera = camera_of(sites.default_site().id, "a")
    assert cameras.facts_of(camera).legal_regime is None
    _named(camera.id, "a", legal_regime=LegalRegime.CLOSED)
    renew()
    assert cameras.facts_of(db.session.get_one(Camera, camera.id)).legal_regime == "closed"
