"""Sessions are rows: a cookie is valid as long as its row is, on any machine."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import PASSWORD
from tests.helpers import Clock, Person, log_in, renew
from tests.library import ACTOR, Library
from vigint_web.extensions import db
from vigint_web.models import AuditEvent, Role, UserSession
from vigint_web.services.accounts import sessions, users

pytestmark = pytest.mark.both_databases(reason="row locks")
ONE_DATABASE = pytest.mark.only_sqlite(reason="others here ask of the database what it asks")


def _copy(app: Flask, person: Person) -> FlaskClient:
    """Return a browser with a copy of a cookie."""
    cookie = person.browser.get_cookie("vigint_session")
    assert cookie is not None
    thief = app.test_client()
    thief.set_cookie("vigint_session", cookie.value)
    return thief


def _is_in(browser: FlaskClient) -> bool:
    return browser.get("/account").status_code == 200


@pytest.fixture
def person(people: Callable[[Role], Person]) -> Person:
    return people(Role.OPERATOR)


def _user_id(person: Person) -> int:
    user = users.authenticate(person.email, PASSWORD)
    assert user is not None
    return user.id


def test_a_copied_cookie_is_dead_after_logout(app: Flask, person: Person) -> None:
    thief = _copy(app, person)
    assert _is_in(thief)
    person.post("/logout")
    assert not _is_in(thief)
    assert not _is_in(person.browser)


@ONE_DATABASE
def test_the_database_does_not_hold_what_the_cookie_holds(app: Flask, person: Person) -> None:
    [row] = db.session.query(UserSession).all()
    with person.browser.session_transaction() as carried:
        token = carried["_user_id"]
    assert len(token) >= 43, "256 bits"
    assert token not in (row.token_hash, row.address, row.user_agent)
    thief = app.test_client()
    with thief.session_transaction() as forged:
        forged["_user_id"] = row.token_hash
    assert not _is_in(thief)


def test_a_session_ends_when_it_is_idle(person: Person, clock: Clock) -> None:
    for _n in range(3):
        clock.forward(hours=11)
        assert _is_in(person.browser), "an active session does not end"
    clock.forward(hours=12, minutes=1)
    assert not _is_in(person.browser)


@ONE_DATABASE
def test_no_session_lasts_longer_than_a_month(person: Person, clock: Clock) -> None:
    for _n in range(71):
        clock.forward(hours=10)
        # A logged-in user is redirected from there.
        assert person.browser.get("/login").status_code == 302
    clock.forward(hours=11)
    assert not _is_in(person.browser)


def test_last_seen_is_written_once_a_minute(person: Person, clock: Clock) -> None:
    def seen() -> object:
        renew()
        return db.session.query(UserSession.last_seen_at).scalar()

    first = seen()
    person.browser.get("/account")
    assert seen() == first
    clock.forward(seconds=61)
    person.browser.get("/account")
    assert seen() != first


@ONE_DATABASE
def test_a_page_that_follows_by_itself_is_no_use(person: Person, clock: Clock) -> None:
    clock.forward(hours=11)
    assert person.browser.get("/incidents/live").status_code == 200
    clock.forward(hours=2)
    assert not _is_in(person.browser)


@ONE_DATABASE
def test_only_pages_renew_the_cookie(person: Person, library: Library) -> None:
    video = library.incident()

    def is_set(address: str) -> bool:
        response = person.browser.get(address)
        assert response.status_code == 200
        return "vigint_session=" in response.headers.get("Set-Cookie", "")

    # They may be answered late, and would put an earlier session in place of a changed one.
    for part in ("stream", "poster", "thumbnail"):
        assert not is_set(f"/videos/{video.public_id}/{part}"), part
    assert is_set("/incidents/")


def test_one_ends_a_session_of_ones_own(app: Flask, person: Person) -> None:
    there = app.test_client()
    log_in(there, person.email, PASSWORD)
    user_id = _user_id(person)
    newest = max(sessions.sessions_of(user_id), key=lambda row: row.id)
    shown = person.browser.get("/account/security").text
    assert shown.count("127.0.0.1") >= 2
    assert person.post(f"/account/security/sessions/{newest.id}/end").status_code == 302
    assert not _is_in(there)
    assert _is_in(person.browser)
    again = person.post(f"/account/security/sessions/{newest.id}/end")
    assert again.status_code == 404, "it is over already"
    renew()
    event = db.session.query(AuditEvent).filter_by(action="session:ended").one()
    assert (event.actor, event.subject) == (person.email, f"session:{newest.id}")


def test_one_ends_all_others(app: Flask, person: Person) -> None:
    others = [app.test_client() for _ in range(3)]
    for other in others:
        log_in(other, person.email, PASSWORD)
    assert person.post("/account/security/sessions/end").status_code == 302
    assert [_is_in(other) for other in others] == [False] * 3
    assert _is_in(person.browser)


def test_nobody_ends_the_sessions_of_another(
    app: Flask, people: Callable[[Role], Person], person: Person
) -> None:
    victim = people(Role.VIEWER)
    [row] = sessions.sessions_of(_user_id(victim))
    assert person.post(f"/account/security/sessions/{row.id}/end").status_code == 404
    assert person.post(f"/people/{row.user_id}/sessions/end").status_code == 403
    assert _is_in(victim.browser)


def test_an_administrator_ends_the_sessions_of_somebody(
    people: Callable[[Role], Person], person: Person
) -> None:
    admin = people(Role.ADMIN)
    user_id = _user_id(person)
    assert person.email in admin.browser.get(f"/people/{user_id}/").text
    assert admin.post(f"/people/{user_id}/sessions/end").status_code == 302
    assert not _is_in(person.browser)
    own = _user_id(admin)
    assert admin.post(f"/people/{own}/sessions/end").status_code == 302
    assert _is_in(admin.browser), "one does not throw oneself out"


def test_a_new_login_is_a_new_session(app: Flask, person: Person) -> None:
    """A cookie planted in a browser before its owner logs in is worthless afterwards."""
    planted = _copy(app, person)
    person.post("/logout")
    log_in(planted, person.email, PASSWORD)
    with planted.session_transaction() as carried:
        fresh = carried["_user_id"]
    assert db.session.query(UserSession).count() == 2
    assert fresh


def test_sessions_are_forgotten_with_the_logs(app: Flask, person: Person, clock: Clock) -> None:
    user = users.authenticate(person.email, PASSWORD)
    assert user is not None
    person.post("/logout")
    clock.forward(days=179)
    log_in(app.test_client(), person.email, PASSWORD)
    assert sessions.forget_sessions(180) == 0
    clock.forward(days=2)
    assert sessions.forget_sessions(180) == 1, "the one that ended long ago"
    assert db.session.query(UserSession).count() == 1


def test_the_command_line_ends_every_session(app: Flask, person: Person) -> None:
    users.set_password(ACTOR, person.email, "another long enough word")
    assert not _is_in(person.browser)
