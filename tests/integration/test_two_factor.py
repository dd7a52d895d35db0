"""Second factors: set up, required, used once, lost."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from html import unescape

import pyotp
import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import PASSWORD
from tests.helpers import Clock, Person, csrf_token, mails, renew
from tests.library import ACTOR
from vigint_web.cli.people import reset_two_factor
from vigint_web.config.config import Config
from vigint_web.errors import Conflict
from vigint_web.extensions import db
from vigint_web.models import AuditEvent, RecoveryCode, Role, User
from vigint_web.services.accounts import two_factor, users
from vigint_web.services.accounts.login_throttling import take_attempt
from vigint_web.services.core.runtime import runtime

SETUP = "/account/security/two-factor"


def _secret(page: str) -> str:
    found = re.search(r'id="totp-key">([A-Z2-7]{32})<', page)
    assert found, "the page shows no key"
    return found.group(1)


def _codes(page: str) -> list[str]:
    return re.findall(r"\b[0-9A-HJKMNP-TV-Z]{4}(?:-[0-9A-HJKMNP-TV-Z]{4}){3}\b", unescape(page))


class Phone:
    """An authenticator application."""

    def __init__(self, secret: str, clock: Clock) -> None:
        self._totp, self._clock = pyotp.TOTP(secret), clock

    def code(self, steps: int = 0) -> str:
        """Return its current code, or that of later steps of 30 seconds."""
        return self._totp.generate_otp(int(self._clock.now().timestamp()) // 30 + steps)


def _set_up(person: Person, clock: Clock) -> tuple[Phone, list[str]]:
    assert person.post(f"{SETUP}/begin", page=SETUP, password=PASSWORD).status_code == 302
    phone = Phone(_secret(person.browser.get(SETUP).text), clock)
    answer = person.post(SETUP, page=SETUP, code=phone.code())
    assert answer.status_code == 200, answer.text
    clock.forward(seconds=60)  # past the code that was just used
    return phone, _codes(answer.text)


def _password(browser: FlaskClient, email: str) -> int:
    form = {"csrf_token": csrf_token(browser.get("/login").text), "email": email}
    answer = browser.post("/login?next=/incidents/", data={**form, "password": PASSWORD})
    return answer.status_code


def _code(browser: FlaskClient, code: str) -> int:
    token = csrf_token(browser.get("/login/code").text)
    return browser.post("/login/code", data={"csrf_token": token, "code": code}).status_code


def _is_in(browser: FlaskClient) -> bool:
    return browser.get("/account/security").status_code == 200


def _actions() -> list[str]:
    renew()
    return [event.action for event in db.session.query(AuditEvent).order_by(AuditEvent.id)]


@pytest.fixture
def person(people: Callable[[Role], Person]) -> Person:
    return people(Role.OPERATOR)


def test_it_is_on_once_a_code_proves_that_the_phone_has_it(person: Person, clock: Clock) -> None:
    person.post(f"{SETUP}/begin", page=SETUP, password=PASSWORD)
    shown = person.browser.get(SETUP).text
    assert "<svg" in shown
    phone = Phone(_secret(shown), clock)
    assert person.post(SETUP, page=SETUP, code="000000").status_code == 422
    assert person.post(SETUP, page=SETUP, code=phone.code(-3)).status_code == 422
    renew()
    assert db.session.query(User.totp_confirmed_at).scalar() is None
    done = person.post(SETUP, page=SETUP, code=phone.code())
    assert len(_codes(done.text)) == 10
    assert "no-store" in done.headers["Cache-Control"]
    assert _is_in(person.browser)
    assert person.browser.get(SETUP).status_code == 302, "the key is never shown again"
    assert person.post(f"{SETUP}/begin", password=PASSWORD).status_code == 409
    assert "two_factor:enabled" in _actions()


def test_setting_it_up_asks_for_the_password_again(
    app: Flask, person: Person, clock: Clock
) -> None:
    for given in ({}, {"password": ""}, {"password": "not the password"}):
        answer = person.post(f"{SETUP}/begin", page=SETUP, **given)
        assert answer.status_code == 422, given
        assert "totp-key" not in answer.text
    renew()
    assert db.session.query(User.totp_secret).filter_by(email=person.email).scalar() is None
    assert "two_factor:begun" not in _actions()
    person.post(f"{SETUP}/begin", page=SETUP, password=PASSWORD)
    key = _secret(person.browser.get(SETUP).text)
    elsewhere = app.test_client()
    assert _password(elsewhere, person.email) == 302
    assert "totp-key" not in elsewhere.get(SETUP).text, (
        "a session sees the key without the password"
    )
    thief = Person(elsewhere, person.email)
    thief.post(SETUP, page=SETUP, code=Phone(key, clock).code())
    renew()
    assert db.session.query(User.totp_confirmed_at).filter_by(email=person.email).scalar() is None


def test_wrong_passwords_at_the_setup_are_slowed_down(person: Person) -> None:
    statuses = [
        person.post(f"{SETUP}/begin", page=SETUP, password=f"guess {n}").status_code
        for n in range(7)
    ]
    assert statuses == [422] * 5 + [429] * 2, statuses


def test_turning_it_on_ends_the_other_sessions(app: Flask, person: Person, clock: Clock) -> None:
    there = app.test_client()
    assert _password(there, person.email) == 302
    assert _is_in(there)
    _set_up(person, clock)
    assert not _is_in(there)
    assert _is_in(person.browser)


def test_neither_password_nor_code_alone_opens(app: Flask, person: Person, clock: Clock) -> None:
    phone, _spare = _set_up(person, clock)
    browser = app.test_client()
    assert browser.get("/login/code").status_code == 302, "first the password"
    answer = browser.post(
        "/login/code",
        data={"csrf_token": csrf_token(browser.get("/login").text), "code": phone.code()},
    )
    assert answer.headers["Location"] == "/login"
    assert _password(browser, person.email) == 302
    assert not _is_in(browser)
    assert browser.get("/incidents/").status_code == 302
    assert _code(browser, "123") == 401
    assert _code(browser, phone.code()) == 302
    assert _is_in(browser)
    entered = db.session.query(AuditEvent).filter_by(action="user:logged_in")
    last = entered.order_by(AuditEvent.id.desc()).first()
    assert last is not None
    assert last.detail["factors"] == "password totp"


def test_one_arrives_where_one_wanted_to_go(app: Flask, person: Person, clock: Clock) -> None:
    phone, _spare = _set_up(person, clock)
    browser = app.test_client()
    _password(browser, person.email)
    token = csrf_token(browser.get("/login/code").text)
    answer = browser.post("/login/code", data={"csrf_token": token, "code": phone.code()})
    assert answer.headers["Location"] == "/incidents/"


@pytest.mark.parametrize(("steps", "status"), [(-2, 401), (-1, 302), (0, 302), (1, 302), (2, 401)])
def test_a_clock_may_be_half_a_minute_off(
    app: Flask, person: Person, clock: Clock, steps: int, status: int
) -> None:
    phone, _spare = _set_up(person, clock)
    clock.forward(seconds=120)
    browser = app.test_client()
    _password(browser, person.email)
    assert _code(browser, phone.code(steps)) == status


def test_a_code_opens_once(app: Flask, person: Person, clock: Clock) -> None:
    phone, _spare = _set_up(person, clock)
    code = phone.code()
    first, second = app.test_client(), app.test_client()
    for browser in (first, second):
        _password(browser, person.email)
    assert _code(first, f" {code[:3]} {code[3:]} ") == 302
    assert _code(second, code) == 401, "an observed code cannot be reused"
    assert _code(second, phone.code(-1)) == 401, "an earlier code as well"
    assert _code(second, phone.code(1)) == 302


def test_the_code_of_the_set_up_opens_nothing(app: Flask, person: Person, clock: Clock) -> None:
    person.post(f"{SETUP}/begin", page=SETUP, password=PASSWORD)
    phone = Phone(_secret(person.browser.get(SETUP).text), clock)
    code = phone.code()
    person.post(SETUP, page=SETUP, code=code)
    browser = app.test_client()
    _password(browser, person.email)
    assert _code(browser, code) == 401


def test_of_two_who_type_one_code_at_once_one_is_let_in(
    app: Flask, person: Person, clock: Clock
) -> None:
    phone, spare = _set_up(person, clock)
    user = users.authenticate(person.email, PASSWORD)
    assert user is not None
    user_id = user.id
    db.session.remove()
    for code in (phone.code(), spare[0]):

        def accept(_n: int, code: str = code) -> str | None:
            with app.app_context():
                try:
                    return two_factor.accept_code(user_id, code)
                finally:
                    db.session.remove()

        with ThreadPoolExecutor(4) as pool:
            accepted = [factor for factor in pool.map(accept, range(8)) if factor]
        assert len(accepted) == 1


def test_a_recovery_code_opens_once(app: Flask, person: Person, clock: Clock) -> None:
    _phone, spare = _set_up(person, clock)
    browser = app.test_client()
    _password(browser, person.email)
    assert _code(browser, spare[3].lower().replace("-", " ").replace("1", "l")) == 302
    assert _is_in(browser)
    assert "9" in browser.get("/account/security").text
    again = app.test_client()
    _password(again, person.email)
    assert _code(again, spare[3]) == 401
    assert _code(again, spare[3][:5] + spare[4][5:]) == 401
    assert _code(again, spare[4]) == 302
    used = [event for event in _actions() if event == "recovery_code:used"]
    assert len(used) == 2


def test_recovery_codes_are_kept_like_passwords(person: Person, clock: Clock) -> None:
    _phone, spare = _set_up(person, clock)
    rows = db.session.query(RecoveryCode).all()
    assert len(rows) == 10
    assert all(row.code_hash.startswith("$argon2id$") for row in rows)
    assert {row.prefix for row in rows} == {code[:4] for code in spare}
    text = " ".join(f"{row.prefix} {row.code_hash}" for row in rows)
    assert not [code for code in spare if code.replace("-", "") in text]


def test_new_recovery_codes_replace_the_old_ones(app: Flask, person: Person, clock: Clock) -> None:
    phone, old = _set_up(person, clock)
    page = "/account/security/recovery-codes"
    wrong = person.post(page, page=page, password="not mine", code=phone.code())
    assert wrong.status_code == 422
    done = person.post(page, page=page, password=PASSWORD, code=phone.code())
    fresh = _codes(done.text)
    assert len(set(fresh) - set(old)) == 10
    browser = app.test_client()
    _password(browser, person.email)
    assert _code(browser, old[0]) == 401
    assert _code(browser, fresh[0]) == 302


def test_the_secret_is_not_in_the_database(person: Person, clock: Clock) -> None:
    person.post(f"{SETUP}/begin", page=SETUP, password=PASSWORD)
    secret = _secret(person.browser.get(SETUP).text)
    [sealed] = db.session.query(User.totp_secret).filter(User.totp_secret.is_not(None)).one()
    assert sealed is not None
    assert secret not in sealed
    assert sealed.startswith("gAAAA"), "a Fernet token"


def test_turning_it_off_asks_for_both(app: Flask, person: Person, clock: Clock) -> None:
    phone, _spare = _set_up(person, clock)
    page = f"{SETUP}/off"
    there = app.test_client()
    _password(there, person.email)
    _code(there, phone.code())
    clock.forward(seconds=60)
    for password, code in (("x", phone.code()), (PASSWORD, "000000"), ("", "")):
        assert person.post(page, page=page, password=password, code=code).status_code in (200, 422)
        assert db.session.query(RecoveryCode).count() == 10
    assert person.post(page, page=page, password=PASSWORD, code=phone.code()).status_code == 302
    assert not _is_in(there)
    assert _is_in(person.browser)
    renew()
    assert db.session.query(RecoveryCode).count() == 0
    assert db.session.query(User.totp_secret).filter_by(email=person.email).scalar() is None
    browser = app.test_client()
    _password(browser, person.email)
    assert _is_in(browser), "the password alone"
    assert "two_factor:disabled" in _actions()


def test_guessing_codes_is_slowed_down(app: Flask, person: Person, clock: Clock) -> None:
    phone, _spare = _set_up(person, clock)
    browser = app.test_client()
    _password(browser, person.email)
    for _n in range(5):
        take_attempt("code", person.email, "127.0.0.1", None)
    assert _code(browser, phone.code()) == 429
    clock.forward(seconds=30)
    assert _code(browser, phone.code()) == 302


def test_the_second_step_does_not_wait_for_ever(app: Flask, person: Person, clock: Clock) -> None:
    phone, _spare = _set_up(person, clock)
    browser = app.test_client()
    _password(browser, person.email)
    users.set_password(ACTOR, person.email, "another long enough word")
    assert browser.get("/login/code").headers["Location"] == "/login", "with the password of then"
    with pytest.raises(AssertionError, match="no form"):
        _code(browser, phone.code())


def test_an_administrator_removes_it_and_the_person_is_told(
    app: Flask,
    people: Callable[[Role], Person],
    person: Person,
    clock: Clock,
    work: Callable[[], None],
    config: Config,
) -> None:
    _set_up(person, clock)
    user = users.authenticate(person.email, PASSWORD)
    assert user is not None
    assert people(Role.ADMIN).post(f"/people/{user.id}/two-factor/reset").status_code == 302
    assert not _is_in(person.browser)
    browser = app.test_client()
    assert _password(browser, person.email) == 302
    assert _is_in(browser)
    work()
    [mail] = mails(config)
    assert mail["To"] == person.email
    assert "authentification" in str(mail["Subject"])
    assert "two_factor:reset" in _actions()


def test_the_command_line_helps_whoever_lost_everything(
    app: Flask, person: Person, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    _set_up(person, clock)
    monkeypatch.setattr("vigint_web.cli.people.create_app", lambda: app)
    monkeypatch.setattr("vigint_web.cli.people.migrate_database", lambda _app: None)
    assert CliRunner().invoke(reset_two_factor, [person.email.upper()]).exit_code == 0
    browser = app.test_client()
    _password(browser, person.email)
    assert _is_in(browser)
    with pytest.raises(Conflict):
        CliRunner().invoke(reset_two_factor, [person.email], catch_exceptions=False)


class TestRequired:
    """With the requirement in the configuration."""

    @pytest.fixture
    def settings(self) -> dict[str, str]:
        return {"VIGINT_REQUIRE_TWO_FACTOR": "admin, operator"}

    def test_one_is_led_to_it_before_anything_else(self, person: Person, clock: Clock) -> None:
        for page in ("/", "/incidents/", "/account", "/account/security"):
            answer = person.browser.get(page)
            assert (answer.status_code, answer.headers["Location"]) == (302, SETUP), page
        assert person.post("/account/preferences", page=SETUP).status_code == 403
        assert person.post(f"{SETUP}/begin", page=SETUP, password=PASSWORD).status_code == 302
        phone = Phone(_secret(person.browser.get(SETUP).text), clock)
        assert person.post(SETUP, page=SETUP, code=phone.code()).status_code == 200
        assert person.browser.get("/").status_code == 200

    def test_it_cannot_be_turned_off(self, person: Person, clock: Clock) -> None:
        person.post(f"{SETUP}/begin", page=SETUP, password=PASSWORD)
        phone = Phone(_secret(person.browser.get(SETUP).text), clock)
        person.post(SETUP, page=SETUP, code=phone.code())
        assert person.browser.get(f"{SETUP}/off").status_code == 302
        user = users.authenticate(person.email, PASSWORD)
        assert user is not None
        with pytest.raises(Conflict):
            two_factor.disable(ACTOR, user.id)

    def test_one_may_still_leave(self, person: Person) -> None:
        assert person.post("/logout", page=SETUP).status_code == 302
        assert not _is_in(person.browser)

    def test_other_roles_go_on(self, people: Callable[[Role], Person]) -> None:
        assert people(Role.VIEWER).browser.get("/").status_code == 200


def test_secrets_outlive_the_key_that_sealed_them(
    app: Flask, person: Person, clock: Clock, config: Config
) -> None:
    phone, _spare = _set_up(person, clock)
    fresh = "a fresh key of the installation"
    runtime().config = replace(config, secret_key=fresh, old_secret_keys=(config.secret_key,))
    browser = app.test_client()
    _password(browser, person.email)
    assert _code(browser, phone.code()) == 302
    assert two_factor.reseal_secrets() == 1
    runtime().config = replace(config, secret_key=fresh, old_secret_keys=())
    user = users.authenticate(person.email, PASSWORD)
    assert user is not None
    assert two_factor.accept_code(user.id, phone.code(1)) == two_factor.TOTP
