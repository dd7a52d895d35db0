"""Guessing is delayed; no user is locked out by it, least of all by another person."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis

from tests.conftest import PASSWORD
from tests.helpers import START, csrf_token, renew
from tests.library import ACTOR
from vigint_web.extensions import db
from vigint_web.models import AuditEvent, Role
from vigint_web.services.accounts import login_throttling, users
from vigint_web.services.accounts.login_throttling import LONGEST_WAIT, TooSoon, take_attempt
from vigint_web.services.core.runtime import runtime

pytestmark = pytest.mark.both_databases(reason="counting by upsert")

OWNER = "owner@example.com"
HOME = "192.0.2.1"


class Stopped:
    """A clock controlled by the test: checking a password takes real time."""

    def __init__(self) -> None:
        self._now = START

    def now(self) -> datetime:
        return self._now

    def forward(self, **delta: float) -> None:
        self._now += timedelta(**delta)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Stopped:
    stopped = Stopped()
    monkeypatch.setattr(login_throttling, "utcnow", stopped.now)
    return stopped


@pytest.fixture
def owner(app: Flask) -> str:
    users.create_user(ACTOR, OWNER, PASSWORD, Role.OPERATOR)
    return OWNER


@dataclass
class Answer:
    status: int
    text: str
    wait: int | None


def _try(client: FlaskClient, email: str, password: str, address: str = HOME) -> Answer:
    here = {"REMOTE_ADDR": address}
    token = csrf_token(client.get("/login", environ_base=here).text)
    form = {"csrf_token": token, "email": email, "password": password}
    answer = client.post("/login", data=form, environ_base=here)
    wait = answer.headers.get("Retry-After")
    return Answer(answer.status_code, unescape(answer.text), int(wait) if wait else None)


def _fail(email: str, address: str = HOME, device: str | None = None) -> int:
    """Fail once; return the delay in seconds, if the attempt is refused."""
    try:
        take_attempt("password", email, address, device)
    except TooSoon as error:
        return error.seconds
    return 0


def _fail_until_wait(email: str, address: str = HOME) -> int:
    """Fail until there is a delay; return the number of attempts."""
    return next(made for made in range(50) if _fail(email, address))


def test_waits_grow_up_to_a_limit(app: Flask, clock: Stopped) -> None:
    waits = []
    assert _fail_until_wait(OWNER) == 5, "a mistyped password costs nothing"
    for _n in range(12):
        waits.append(_fail(OWNER))
        clock.forward(seconds=waits[-1])
        assert _fail(OWNER) == 0
    assert waits == [min(2**n, LONGEST_WAIT) for n in range(12)]


def test_the_page_says_how_long_to_wait(app: Flask, owner: str, clock: Stopped) -> None:
    browser = app.test_client()
    answers = [_try(browser, owner, f"guess number {n}") for n in range(6)]
    assert [answer.status for answer in answers] == [401] * 5 + [429]
    assert answers[-1].wait == 1
    assert "Patientez 1 seconde" in answers[-1].text
    for _n in range(7):
        clock.forward(seconds=_fail(owner))
        assert _fail(owner) == 0
    answer = _try(browser, owner, "guess")
    assert answer.wait == 128
    assert "Patientez 3 minutes" in answer.text


def test_the_right_password_waits_as_well_and_opens_after_that(
    app: Flask, owner: str, clock: Stopped
) -> None:
    _fail_until_wait(owner)
    browser = app.test_client()
    refused = _try(browser, owner, PASSWORD)
    assert refused.status == 429, "or the wait would tell which password is right"
    clock.forward(seconds=refused.wait or 0)
    assert _try(browser, owner, PASSWORD).status == 302


def test_success_forgets_the_failures_before_it(app: Flask) -> None:
    for _round in range(12):
        assert [_fail(OWNER) for _n in range(4)] == [0] * 4
        take_attempt("password", OWNER, HOME, None).succeeded()


def test_success_does_not_forgive_what_others_did(app: Flask) -> None:
    for n in range(25):
        _fail(OWNER, f"198.51.100.{n}")
    assert _fail(OWNER, "203.0.113.1") > 0
    take_attempt("password", OWNER, HOME, "my own browser").succeeded()
    assert _fail(OWNER, "203.0.113.1") > 0


def test_an_unknown_account_is_answered_alike(app: Flask, owner: str) -> None:
    outcomes = []
    for number, email in enumerate((owner, "nobody@example.com")):
        browser, address = app.test_client(), f"198.51.100.{number}"
        answers = [_try(browser, email, f"guess number {n}", address) for n in range(6)]
        outcomes.append([(a.status, "incorrect" in a.text, "Patientez" in a.text) for a in answers])
    assert outcomes[0] == outcomes[1]


def test_a_strangers_failures_are_not_the_owners(app: Flask, owner: str, clock: Stopped) -> None:
    """Deliberate failures from everywhere delay no known browser."""
    mine = app.test_client()
    assert _try(mine, owner, PASSWORD).status == 302
    mine.post("/logout", data={"csrf_token": csrf_token(mine.get("/account").text)})
    for n in range(60):
        _fail(owner, f"198.51.100.{n}")
        _fail(owner)  # also from the owner's own address
    assert _try(app.test_client(), owner, PASSWORD, "203.0.113.77").status == 429
    assert _try(mine, owner, PASSWORD).status == 302
    clock.forward(seconds=LONGEST_WAIT)
    assert _try(app.test_client(), owner, PASSWORD, "203.0.113.77").status == 302


def test_many_addresses_together_are_slowed_down_too(app: Flask) -> None:
    made = sum(_fail(OWNER, f"198.51.100.{n}") == 0 for n in range(60))
    assert made == 20


def test_one_network_is_one_address(app: Flask) -> None:
    made = sum(_fail(OWNER, f"2001:db8:1:2:{n:x}::1") == 0 for n in range(20))
    assert made == 5
    assert _fail(OWNER, "2001:db8:1:3::1") == 0


def test_one_address_tries_each_account_but_twice_at_full_speed(app: Flask) -> None:
    """A password spray: the first two attempts per account are free, all further ones take
    turns.
    """
    accounts = [f"person{n}@example.com" for n in range(60)]
    made = [sum(_fail(email) == 0 for email in accounts) for _round in range(4)]
    assert made == [60, 60, 0, 0]
    assert _fail("person1@example.com", "198.51.100.1") == 0, "from elsewhere it is another pair"


def test_nobody_in_an_office_waits_for_what_another_did(
    app: Flask, owner: str, clock: Stopped
) -> None:
    for n in range(300):
        _fail(f"person{n % 40}@example.com")
    assert _try(app.test_client(), owner, "mistyped once").status == 401
    assert _try(app.test_client(), owner, PASSWORD).status == 302, "a colleague made them wait"


def test_what_was_not_looked_at_is_no_failure(app: Flask) -> None:
    for _n in range(20):
        take_attempt("password", OWNER, HOME, None).withdrawn()
    assert _fail_until_wait(OWNER) == 5


def test_a_device_cookie_is_for_one_account_and_cannot_be_made(app: Flask, owner: str) -> None:
    other = "other@example.com"
    users.create_user(ACTOR, other, PASSWORD, Role.OPERATOR)
    mine = app.test_client()
    assert _try(mine, other, PASSWORD).status == 302
    cookie = mine.get_cookie("vigint_device", path="/login")
    assert cookie is not None
    assert cookie.http_only
    assert other not in cookie.value
    _fail_until_wait(owner)
    for value in (cookie.value, cookie.value[:-3] + "xxx", "x"):
        browser = app.test_client()
        browser.set_cookie("vigint_device", value, path="/login")
        assert _try(browser, owner, PASSWORD).status == 429


def test_a_known_browser_is_slowed_down_by_its_own_failures(app: Flask, owner: str) -> None:
    mine = app.test_client()
    assert _try(mine, owner, PASSWORD).status == 302
    mine.delete_cookie("vigint_session")
    statuses = [_try(mine, owner, f"guess number {n}").status for n in range(6)]
    assert statuses == [401] * 5 + [429]


@pytest.fixture(params=["queue server", "queue server away"])
def counted(app: Flask, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "queue server away":
        away = Redis(unix_socket_path="/nowhere", socket_timeout=0.1)
        monkeypatch.setitem(runtime().__dict__, "redis", away)


@pytest.mark.usefixtures("counted")
def test_parallel_guesses_are_no_loophole(app: Flask) -> None:
    def guess(_n: int) -> bool:
        with app.app_context():
            return _fail(OWNER) == 0

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(guess, range(40))) == 5


@pytest.mark.usefixtures("counted")
def test_both_places_count_alike(app: Flask, clock: Stopped) -> None:
    assert _fail_until_wait(OWNER) == 5
    assert _fail(OWNER) == 1
    clock.forward(seconds=1)
    assert _fail(OWNER) == 0
    assert _fail(OWNER) == 2
    clock.forward(seconds=2)
    take_attempt("password", OWNER, HOME, None).succeeded()
    assert _fail_until_wait(OWNER) == 5
    made = sum(_fail(OWNER, f"198.51.100.{n}") == 0 for n in range(60))
    assert made == 20 - 5


def test_failures_are_audited_without_what_was_typed(app: Flask, owner: str) -> None:
    _try(app.test_client(), owner, "a secret that is wrong")
    _try(app.test_client(), "a secret that is no address", "x")
    assert _try(app.test_client(), owner, PASSWORD).status == 302
    renew()
    events = db.session.query(AuditEvent).order_by(AuditEvent.id).all()
    failed = [event for event in events if event.action == "login:failed"]
    user = users.authenticate(owner, PASSWORD)
    assert user is not None
    assert [event.subject for event in failed] == [f"user:{user.id}", "user:unknown"]
    assert not [event for event in events if "secret" in f"{event.actor} {event.detail}"]
    [entered] = [event for event in events if event.action == "user:logged_in"]
    assert entered.actor == owner
    assert entered.detail["factors"] == "password"
