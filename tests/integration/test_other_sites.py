"""Things of another site do not exist: not in lists, not in counts, not by their URL."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import PASSWORD
from tests.helpers import log_in
from tests.library import ACTOR, Library
from tests.strangers import UNSAFE, log_in_as, pages_of, routes
from vigint_web.http.security.rules import RULES, Key
from vigint_web.http.security.rules import Person as People
from vigint_web.models import (
    Incident,
    Link,
    Mail,
    Notification,
    NotificationKind,
    NotificationState,
    Role,
    Scope,
    Source,
    Video,
)
from vigint_web.permissions import may
from vigint_web.services.accounts import api_keys, sessions, sites, users
from vigint_web.services.core.actors import as_key, as_user
from vigint_web.services.core.transactions import transaction

THEIR_MAIL = "their-guard@example.com"


@dataclass
class Other:
    """The things of the other site."""

    source: Source
    video: Video
    incident: Incident
    alert_id: int
    link: Link
    mail_id: int
    key_id: int
    user_id: int
    session_id: int

    def arguments(self) -> dict[str, object]:
        """Return their arguments, by the names in routes."""
        return {
            "code": "animal",  # a reason: of the installation
            "name": "days",  # a retention: of the installation, so of no site
            "part": "clip",
            "kind": "sites",
            "source_id": self.source.source_id,
            "reference": self.incident.reference,
            "public_id": self.video.public_id,
            "video_id": self.video.public_id,
            "alert_id": self.alert_id,
            "link_id": self.link.id,
            "mail_id": self.mail_id,
            "key_id": self.key_id,
            "site_id": self.source.site_id,
            "camera_id": self.incident.camera_id,
            "user_id": self.user_id,
            "session_id": self.session_id,
        }

    def marks(self) -> list[str]:
        """Return words that must not be on a page for other sites."""
        return [
            "Their source",
            "Their incident",
            THEIR_MAIL,
            self.source.source_id,
            self.incident.reference,
            self.video.public_id,
            self.source.video.public_id,
        ]


def _make(app: Flask, library: Library) -> Other:
    site = sites.get_or_add_site("lyon")
    key = library.key(site)
    source = library.source(name="Their source", actor=as_key(key))
    video = library.incident(b"theirs", site=site)
    incident = library.incident_of(video)
    assert {source.site_id, video.site_id, incident.site_id} == {site.id}
    link = library.person_link(video, recipient=THEIR_MAIL)
    chief = users.create_user(ACTOR, "chief@example.com", PASSWORD, Role.OPERATOR, site)
    log_in(app.test_client(), "chief@example.com", PASSWORD)
    with transaction() as session:
        incident.incident_type = "Their incident"
        notification = Notification(
            incident_id=incident.id,
            recipient=THEIR_MAIL,
            state=NotificationState.FAILED,
            kind=NotificationKind.VIDEO,
            message_id="<x@vigint.invalid>",
        )
        session.add(notification)
        session.flush()
        mail = Mail(
            site_id=site.id,
            alert_id=notification.id,
            link_id=link.id,
            recipient=THEIR_MAIL,
            subject="Their alert",
            message_id="<x@vigint.invalid>",
            channel="outbox",
            content=b"Subject: Their alert\r\n\r\nx",
        )
        session.add(mail)
        session.flush()
    [row] = sessions.sessions_of(chief.id)
    return Other(source, video, incident, notification.id, link, mail.id, key.id, chief.id, row.id)


@pytest.fixture
def other(app: Flask, library: Library) -> Other:
    return _make(app, library)


def _address(app: Flask, endpoint: str, method: str, names: list[str], other: Other) -> str:
    arguments = other.arguments()
    urls = app.url_map.bind("vigint.test")
    return urls.build(endpoint, {name: arguments[name] for name in names}, method=method)


def _pages(other: Other) -> list[str]:
    source, reference = f"/source-management/{other.source.source_id}", other.incident.reference
    return [
        f"{source}/",
        f"{source}/live",
        f"/incidents/{reference}/",
        f"/incidents/{reference}/live",
        f"/sites/{other.source.site_id}/",
        f"/cameras/{other.incident.camera_id}/",
        *(
            f"/videos/{public_id}/{what}"
            for public_id in (other.video.public_id, other.source.video.public_id)
            for what in ("stream", "poster", "thumbnail")
        ),
    ]


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
def test_no_route_leads_there(app: Flask, other: Other, role: Role) -> None:
    """The whole table: a new route is in this test, or its argument is unknown here."""
    stranger = log_in_as(app, role)
    tried = 0
    for endpoint, method, names in routes(app, with_arguments=True):
        rule = RULES[endpoint]
        if not isinstance(rule, People):
            continue
        address = _address(app, endpoint, method, names, other)
        answer = stranger.post(address) if method in UNSAFE else stranger.browser.get(address)
        allowed = rule.permission is None or may(role, rule.permission)
        assert answer.status_code == (404 if allowed else 403), f"{method} {endpoint}"
        assert not [mark for mark in other.marks() if mark in answer.text], endpoint
        tried += 1
    assert tried >= 30


def test_no_address_leads_there_by_a_mixture(app: Flask, other: Other, library: Library) -> None:
    """One of their alerts under one of our incidents."""
    own = library.incident_of(library.incident(b"ours"))
    stranger = log_in_as(app, Role.OPERATOR)
    address = f"/incidents/{own.reference}/alerts/{other.alert_id}/retry"
    assert stranger.post(address).status_code == 404


def test_the_keys_of_another_site_find_nothing(app: Flask, other: Other) -> None:
    scopes = set(Scope)
    key = api_keys.create_api_key(ACTOR, "everything", sites.default_site(), scopes)
    browser, tried = app.test_client(), 0
    headers = {"Authorization": f"Bearer {key}"}
    for endpoint, method, names in routes(app, with_arguments=True):
        if isinstance(RULES[endpoint], Key):
            address = _address(app, endpoint, method, names, other)
            answer = browser.open(address, method=method, headers=headers)
            assert answer.status_code == 404, endpoint
            tried += 1
    for endpoint, method, names in routes(app, with_arguments=False):
        if isinstance(RULES[endpoint], Key) and method == "GET":
            address = _address(app, endpoint, method, names, other)
            shown = browser.get(address, headers=headers).text
            assert not [mark for mark in other.marks() if mark in shown], endpoint
            tried += 1
    assert tried >= 4


@pytest.mark.usefixtures("clock")  # pages print the minute they are made in
@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
def test_no_page_changes_by_what_they_do(app: Flask, library: Library, role: Role) -> None:
    """Not a line, not a count, not a chart."""
    library.source(name="Our source")
    stranger = log_in_as(app, role)
    before = pages_of(app, stranger, role)
    other = _make(app, library)
    after = pages_of(app, stranger, role)
    assert len(after) >= 10
    for endpoint, text in after.items():
        assert not [mark for mark in other.marks() if mark in text], endpoint
        assert text == before[endpoint], endpoint


@pytest.mark.parametrize(
    "find",
    [
        lambda other: f"/incidents/?q={other.incident.reference}",
        lambda other: f"/incidents/live?q={other.incident.reference}",
        lambda _other: "/source-management/?q=Their",
        lambda _other: "/source-management/live?q=Their",
        lambda _other: f"/links/?q={THEIR_MAIL}",
        lambda _other: f"/links/live?q={THEIR_MAIL}",
    ],
)
def test_no_search_finds_it(app: Flask, other: Other, find: Callable[[Other], str]) -> None:
    stranger, admin = log_in_as(app, Role.OPERATOR), log_in_as(app, Role.ADMIN)
    address = find(other)
    typed = address.partition("q=")[2]
    found = [mark for mark in other.marks() if mark != typed]
    shown = stranger.browser.get(address).text
    assert not [mark for mark in found if mark in shown]
    everything = admin.browser.get(address).text
    assert [mark for mark in found if mark in everything], "an administrator finds it so"


def test_whoever_was_granted_the_site_sees_it_and_nothing_else(
    app: Flask, other: Other, library: Library
) -> None:
    own = library.source(name="Our source")
    colleague = log_in_as(app, Role.OPERATOR, "lyon")
    for page in _pages(other):
        assert colleague.browser.get(page).status_code == 200, page
    assert colleague.browser.get(f"/source-management/{own.source_id}/").status_code == 404
    assert "Our source" not in colleague.browser.get("/source-management/").text
    colleague.upload(("new.mp4", b"x"))
    shown = colleague.browser.get("/source-management/").text
    assert ">new<" in shown, "an upload goes to the person's own site"


def test_administrators_see_every_site(app: Flask, other: Other) -> None:
    admin = log_in_as(app, Role.ADMIN)
    for page in _pages(other):
        assert admin.browser.get(page).status_code == 200, page


def test_somebody_without_any_site_sees_nothing_and_adds_nothing(
    app: Flask, other: Other, client: FlaskClient
) -> None:
    outsider = log_in_as(app, Role.OPERATOR)
    user = users.authenticate(outsider.email, PASSWORD)
    assert user is not None
    with transaction():
        user.sites = []
    assert as_user(user).site_ids == frozenset()
    assert outsider.browser.get("/source-management/").status_code == 200
    assert outsider.upload(("new.mp4", b"x")).status_code == 404
    for page in _pages(other):
        assert outsider.browser.get(page).status_code == 404
