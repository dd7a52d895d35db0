"""Logging in and out, and what ends a session."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import PASSWORD
from tests.helpers import Person, csrf_token, log_in, renew
from tests.library import ACTOR
from vigint_web.errors import Conflict, Invalid
from vigint_web.extensions import db
from vigint_web.models import Role, User
from vigint_web.services.accounts import users
from vigint_web.services.core.transactions import transaction


def _try(client: FlaskClient, email: str, password: str) -> int:
    form = {"csrf_token": csrf_token(client.get("/login").text), "email": email}
    return client.post("/login", data={**form, "password": password}).status_code


def test_only_the_right_password_opens(client: FlaskClient, people: object, app: Flask) -> None:
    users.create_user(ACTOR, "Guard@Example.com ", PASSWORD, Role.VIEWER)
    assert _try(client, "guard@example.com", PASSWORD + "x") == 401
    assert _try(client, "nobody@example.com", PASSWORD) == 401
    assert client.get("/").status_code == 302
    assert _try(client, " GUARD@example.com", PASSWORD) == 302
    assert client.get("/").status_code == 200


def test_passwords_are_kept_as_argon2(app: Flask) -> None:
    user = users.create_user(ACTOR, "a@example.com", PASSWORD, Role.VIEWER)
    assert user.password_hash is not None
    assert user.password_hash.startswith("$argon2id$")
    for email, password in (("a", PASSWORD), ("b@example.com", "short"), ("", PASSWORD)):
        with pytest.raises(Invalid):
            users.create_user(ACTOR, email, password, Role.VIEWER)
    with pytest.raises(Conflict):
        users.create_user(ACTOR, "A@example.com", PASSWORD, Role.VIEWER)


def test_a_deactivated_person_is_out_at_once(people: Callable[[Role], Person]) -> None:
    person = people(Role.OPERATOR)
    assert person.browser.get("/").status_code == 200
    with transaction() as session:
        session.query(User).filter_by(email=person.email).update({"active": False})
    assert person.browser.get("/").status_code == 302
    assert _try(person.browser, person.email, PASSWORD) == 401


def test_a_new_password_ends_every_other_session(
    app: Flask, people: Callable[[Role], Person]
) -> None:
    here = people(Role.OPERATOR)
    there = app.test_client()
    log_in(there, here.email, PASSWORD)
    fresh = "another long enough word"
    wrong = here.post("/account", current="not mine at all", new=fresh, repeated=fresh)
    assert wrong.status_code == 200
    assert there.get("/").status_code == 200
    assert here.post("/account", current=PASSWORD, new=fresh, repeated=fresh).status_code == 302
    assert there.get("/").status_code == 302
    assert here.browser.get("/").status_code == 200
    assert _try(there, here.email, PASSWORD) == 401
    assert _try(there, here.email, fresh) == 302


def test_logging_out_ends_the_session(people: Callable[[Role], Person]) -> None:
    person = people(Role.VIEWER)
    assert person.post("/logout").status_code == 302
    assert person.browser.get("/").status_code == 302


def test_a_stolen_cookie_of_another_secret_is_nobody(
    app: Flask, people: Callable[[Role], Person]
) -> None:
    person = people(Role.ADMIN)
    cookie = person.browser.get_cookie("vigint_session")
    assert cookie is not None
    for value in (cookie.value[:-2] + "xx", "x", cookie.value.swapcase()):
        browser = app.test_client()
        browser.set_cookie("vigint_session", value)
        assert browser.get("/").status_code == 302


def test_the_language_is_a_choice_of_the_browser(client: FlaskClient) -> None:
    assert 'lang="fr"' in client.get("/login").text
    assert 'lang="en"' in client.get("/login", headers={"Accept-Language": "en-GB"}).text
    token = csrf_token(client.get("/login").text)
    client.post("/language", data={"csrf_token": token, "locale": "en", "next": "/login"})
    assert 'lang="en"' in client.get("/login").text


def test_there_is_one_first_administrator(app: Flask) -> None:
    password = users.ensure_first_admin(ACTOR)
    assert password is not None
    assert users.authenticate("admin@vigint.local", password) is not None
    assert users.ensure_first_admin(ACTOR) is None
    renew()
    assert db.session.query(User).count() == 1
