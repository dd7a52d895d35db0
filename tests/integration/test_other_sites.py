"""What belongs to another site does not exist: not in lists, not in counts, not by its URL."""

from dataclasses import dataclass

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import PASSWORD
from tests.helpers import Person, log_in
from tests.library import ACTOR, Library
from vigint_web.models import Alert, AlertKind, AlertState, Incident, Role, Source, Video
from vigint_web.services import sites, users
from vigint_web.services.actors import as_key, as_user
from vigint_web.services.transactions import transaction


@dataclass
class Other:
    """Things of the other site."""

    source: Source
    video: Video
    incident: Incident
    alert_id: int


@pytest.fixture
def other(app: Flask, library: Library) -> Other:
    site = sites.get_or_add_site("lyon")
    key = library.key(site)
    source = library.source(name="Their source", actor=as_key(key))
    video = library.incident(b"theirs", site=site)
    incident = library.incident_of(video)
    assert {source.site_id, video.site_id, incident.site_id} == {site.id}
    with transaction() as session:
        alert = Alert(
            incident_id=incident.id,
            recipient="x@example.com",
            state=AlertState.FAILED,
            kind=AlertKind.VIDEO,
            message_id="<x@vigint.invalid>",
        )
        session.add(alert)
        session.flush()
    return Other(source, video, incident, alert.id)


def _person(app: Flask, role: Role, slug: str | None = None) -> Person:
    site = sites.get_or_add_site(slug) if slug else sites.default_site()
    email = f"{role.value}-{site.slug}@example.com"
    users.create_user(ACTOR, email, PASSWORD, role, site)
    browser = app.test_client()
    log_in(browser, email, PASSWORD)
    return Person(browser, email)


def _pages(other: Other) -> list[str]:
    source, reference = f"/source-management/{other.source.source_id}", other.incident.reference
    return [
        f"{source}/",
        f"{source}/live",
        f"/incidents/{reference}/",
        f"/incidents/{reference}/live",
        *(
            f"/videos/{public_id}/{what}"
            for public_id in (other.video.public_id, other.source.video.public_id)
            for what in ("stream", "poster", "thumbnail")
        ),
    ]


def _actions(other: Other) -> list[str]:
    source, reference = f"/source-management/{other.source.source_id}", other.incident.reference
    return [
        *(f"{source}/{verb}" for verb in ("retry", "rotate", "delete")),
        f"/incidents/{reference}/retry",
        f"/incidents/{reference}/alerts/{other.alert_id}/retry",
    ]


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
def test_every_url_is_404(app: Flask, other: Other, role: Role) -> None:
    stranger = _person(app, role)
    for page in _pages(other):
        assert stranger.browser.get(page).status_code == 404, page
    for action in _actions(other):
        status = stranger.post(action).status_code
        assert status == (404 if role == Role.OPERATOR else 403), action


def test_lists_and_counts_know_nothing(app: Flask, other: Other, library: Library) -> None:
    own = library.source(name="Our source")
    stranger = _person(app, Role.OPERATOR)
    for page in ("/", "/source-management/", "/incidents/"):
        shown = stranger.browser.get(page).text
        assert "Their source" not in shown, page
        assert other.incident.reference not in shown, page
    assert own.name in stranger.browser.get("/source-management/").text


def test_whoever_was_granted_the_site_sees_it_and_nothing_else(
    app: Flask, other: Other, library: Library
) -> None:
    own = library.source(name="Our source")
    colleague = _person(app, Role.OPERATOR, "lyon")
    for page in _pages(other):
        assert colleague.browser.get(page).status_code == 200, page
    assert colleague.browser.get(f"/source-management/{own.source_id}/").status_code == 404
    assert "Our source" not in colleague.browser.get("/source-management/").text
    colleague.upload(("new.mp4", b"x"))
    shown = colleague.browser.get("/source-management/").text
    assert ">new<" in shown, "an upload goes to the person's own site"


def test_administrators_see_every_site(app: Flask, other: Other) -> None:
    admin = _person(app, Role.ADMIN)
    for page in _pages(other):
        assert admin.browser.get(page).status_code == 200, page


def test_somebody_without_any_site_sees_nothing_and_adds_nothing(
    app: Flask, other: Other, client: FlaskClient
) -> None:
    nobody = _person(app, Role.OPERATOR)
    user = users.authenticate(nobody.email, PASSWORD)
    assert user is not None
    with transaction():
        user.sites = []
    assert as_user(user).site_ids == frozenset()
    assert nobody.browser.get("/source-management/").status_code == 200
    assert nobody.upload(("new.mp4", b"x")).status_code == 404
    for page in _pages(other):
        assert nobody.browser.get(page).status_code == 404
