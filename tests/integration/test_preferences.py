"""Language, zone, shortcuts and sound are each user's own; a link's page is the same for all."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.conftest import PASSWORD
from tests.helpers import Person, csrf_token, log_in, renew
from tests.library import ACTOR, Library
from vigint_web.errors import Invalid, NotFound
from vigint_web.extensions import db
from vigint_web.models import AuditEvent, Role, User
from vigint_web.services.accounts import users
from vigint_web.services.core.actors import as_user
from vigint_web.services.core.transactions import transaction

SEEN = datetime(2026, 7, 1, 10, 0, tzinfo=UTC)


@pytest.fixture
def operator(people: Callable[[Role], Person]) -> Person:
    return people(Role.OPERATOR)


def _user(person: Person) -> User:
    renew()
    return db.session.scalars(select(User).where(User.email == person.email)).one()


def _save(person: Person, **form: str) -> str:
    token = csrf_token(person.browser.get("/account").text)
    answer = person.browser.post("/account/preferences", data={"csrf_token": token, **form})
    if answer.status_code == 302:
        answer = person.browser.get(answer.headers["Location"])
    return answer.text


def _kept(person: Person) -> users.Preferences:
    return users.preferences_of(_user(person))


def test_nobody_chose_anything_at_first(operator: Person) -> None:
    assert _kept(operator) == users.Preferences(None, None, shortcuts=True)


def test_preferences_are_kept_told_and_shown(operator: Person) -> None:
    shown = _save(operator, locale="en", timezone="Asia/Tokyo", alert_sound="y")
    assert _kept(operator) == users.Preferences(
        "en", "Asia/Tokyo", shortcuts=False, autoplay=False, alert_sound=True
    )
    assert '<html lang="en" data-locale="en" data-zone="Asia/Tokyo" data-shortcuts="off">' in shown
    assert "Preferences saved." in shown, "the answer is in the new language"
    assert 'value="Asia/Tokyo"' in shown
    shown = _save(operator, locale="fr", timezone="", shortcuts="y", autoplay="y")
    assert _kept(operator) == users.Preferences("fr", None, shortcuts=True)
    assert '<html lang="fr" data-locale="fr" data-zone="Europe/Paris">' in shown
    events = db.session.scalars(
        select(AuditEvent)
        .where(AuditEvent.action == "user:preferences_set")
        .order_by(AuditEvent.id)
    ).all()
    assert [event.detail for event in events] == [
        {
            "locale": "en",
            "timezone": "Asia/Tokyo",
            "shortcuts": False,
            "autoplay": False,
            "alert_sound": True,
        },
        {
            "locale": "fr",
            "timezone": None,
            "shortcuts": True,
            "autoplay": True,
            "alert_sound": False,
        },
    ]
    assert {event.actor for event in events} == {operator.email}


def test_what_stays_as_it_was_is_not_told(operator: Person) -> None:
    _save(operator, locale="", timezone="", shortcuts="y", autoplay="y")
    found = select(AuditEvent.id).where(AuditEvent.action == "user:preferences_set")
    assert db.session.scalars(found).all() == []


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Europe/Paris", "Europe/Paris"),
        ("  europe/paris ", "Europe/Paris"),
        ("tokyo", "Asia/Tokyo"),
        ("New York", "America/New_York"),
        ("Bruxelles", "Europe/Brussels"),
        ("UTC", "UTC"),
    ],
)
def test_a_zone_is_understood_however_it_is_typed(operator: Person, typed: str, kept: str) -> None:
    _save(operator, locale="fr", timezone=typed)
    assert _kept(operator).timezone == kept


@pytest.mark.parametrize(
    "typed",
    ["Atlantis", "Europe/Paris; DROP TABLE users", "../../etc/passwd", "/UTC", "x" * 65, "é"],
)
def test_an_unknown_zone_is_refused_with_a_sentence(operator: Person, typed: str) -> None:
    shown = _save(operator, locale="fr", timezone=typed)
    assert 'aria-invalid="true"' in shown
    assert _kept(operator).timezone is None


def test_an_unknown_language_is_refused(operator: Person) -> None:
    assert 'aria-invalid="true"' in _save(operator, locale="tlh", timezone="")
    assert _kept(operator).locale is None


def test_the_service_refuses_what_no_form_sends(app: Flask, operator: Person) -> None:
    actor = as_user(_user(operator))
    with pytest.raises(Invalid):
        users.set_preferences(actor, users.Preferences("tlh", None, shortcuts=True))
    with pytest.raises(Invalid):
        users.set_preferences(actor, users.Preferences(None, "Mars/Base", shortcuts=True))
    with pytest.raises(NotFound):
        users.set_preferences(ACTOR, users.Preferences(None, None, shortcuts=True))


def _switch(browser: FlaskClient, page: str, locale: str) -> None:
    token = csrf_token(browser.get(page).text)
    answer = browser.post("/language", data={"csrf_token": token, "locale": locale, "next": "/"})
    assert answer.status_code == 302


def _language(browser: FlaskClient, path: str = "/account", **headers: str) -> str:
    return browser.get(path, headers=headers).text.partition('<html lang="')[2][:2]


def test_the_switch_of_the_menu_is_the_persons_choice_everywhere(
    app: Flask, operator: Person
) -> None:
    assert _language(operator.browser, Accept_Language="fr") == "fr"
    _switch(operator.browser, "/account", "en")
    assert _kept(operator).locale == "en"
    elsewhere = app.test_client()
    log_in(elsewhere, operator.email, PASSWORD)
    assert _language(elsewhere, Accept_Language="fr") == "en"


def test_a_person_beats_a_browser_that_beats_what_it_says_itself(
    app: Flask, operator: Person
) -> None:
    visitor = app.test_client()
    assert _language(visitor, "/login", Accept_Language="en-US,en;q=0.9") == "en"
    assert _language(visitor, "/login", Accept_Language="de") == "fr", "the installation's"
    _switch(visitor, "/login", "en")
    assert _language(visitor, "/login", Accept_Language="fr") == "en"
    log_in(visitor, operator.email, PASSWORD)
    assert _language(visitor, Accept_Language="fr") == "en", "chosen in this browser"
    user = _user(operator)
    with transaction():
        user.locale = "fr"
    assert _language(visitor) == "fr", "the person's own choice counts more"
    # Same as the browser: the choice before the login ends, too.
    token = csrf_token(visitor.get("/account").text)
    visitor.post("/account/preferences", data={"csrf_token": token, "locale": "", "timezone": ""})
    assert _language(visitor, Accept_Language="fr") == "fr"
    assert _language(visitor, Accept_Language="en") == "en"


def test_times_are_the_readers_and_on_a_links_page_the_places(
    app: Flask, library: Library, operator: Person
) -> None:
    video = library.incident()
    incident = library.incident_of(video)
    reference, user = incident.reference, _user(operator)
    with transaction():
        library.incident_of(video).detected_at = SEEN
        user.timezone = "America/New_York"
    page = operator.browser.get(f"/incidents/{reference}/").text
    assert "06:00:00" in page
    assert "UTC-04:00, America/New_York" in page
    token = library.person_token(video)
    public = operator.browser.get(f"/video/{video.public_id}?token={token}").text
    assert "12:00:00" in public, "a link's page is the same for all"
    assert "UTC+02:00, Europe/Paris" in public


def test_a_zone_that_left_the_tables_is_no_accident(app: Flask, operator: Person) -> None:
    user = _user(operator)
    with transaction():
        user.timezone = "Europe/Atlantis"
    page = operator.browser.get("/account")
    assert page.status_code == 200
    assert 'data-zone="Europe/Paris"' in page.text
