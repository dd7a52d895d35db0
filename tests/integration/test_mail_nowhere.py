"""An alert to an impossible address is not a delivery, and everyone who can correct it is
notified.
"""

from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient

from tests.helpers import Person, post_incident, renew
from tests.library import ACTOR
from tests.post_office import Postbox, PostOffice
from vigint_web.cli import doctor
from vigint_web.extensions import db
from vigint_web.models import Notification, NotificationState, Role
from vigint_web.services.accounts import users

Work = Callable[[], None]
NOBODY = "alerts have no valid recipient"


@pytest.fixture
def postbox() -> Iterator[tuple[Postbox, int]]:
    box = Postbox()
    office = PostOffice(box)
    office.open()
    yield box, office.port
    office.close()


@pytest.fixture
def settings(postbox: tuple[Postbox, int]) -> dict[str, str]:
    return {
        "VIGINT_SMTP_SERVER": "127.0.0.1",
        "VIGINT_SMTP_PORT": str(postbox[1]),
        "VIGINT_SMTP_USE_TLS": "no",
        "VIGINT_SMTP_FROM": "vigint@example.com",
        "VIGINT_SMTP_TO": "",
    }


def _alerts() -> dict[str, NotificationState]:
    renew()
    return {
        notification.recipient: notification.state
        for notification in db.session.query(Notification)
    }


def _mail_line(app: Flask, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(doctor, "create_app", lambda: app)
    output = CliRunner().invoke(doctor.doctor).output
    [line] = [line for line in output.splitlines() if line[6:].startswith("mail:")]
    return line


def test_the_first_administrator_alone_is_nobody(
    app: Flask,
    client: FlaskClient,
    api_key: str,
    work: Work,
    postbox: tuple[Postbox, int],
    people: Callable[[Role], Person],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    viewer = people(Role.VIEWER)
    users.create_user(ACTOR, users.FIRST_ADMIN, "correct horse battery", Role.ADMIN)
    line = _mail_line(app, monkeypatch)
    assert line.startswith("FAIL")
    assert NOBODY in line
    post_incident(client, api_key, {"message": "Alarme"})
    work()
    assert _alerts() == {users.FIRST_ADMIN: NotificationState.FAILED}
    [notification] = db.session.query(Notification)
    assert notification.error == "impossible_address"
    assert not postbox[0].taken, "the server would accept it, without a reader"
    page = viewer.browser.get("/", headers={"Accept-Language": "en"}).text
    assert "Everything works" not in page
    assert "Alerts do not reach everyone" in page


def test_those_who_can_be_reached_are_alerted_and_the_others_do_not_count(
    app: Flask,
    client: FlaskClient,
    api_key: str,
    work: Work,
    postbox: tuple[Postbox, int],
    people: Callable[[Role], Person],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    users.create_user(ACTOR, users.FIRST_ADMIN, "correct horse battery", Role.ADMIN)
    admin = people(Role.ADMIN)
    assert NOBODY not in _mail_line(app, monkeypatch)
    post_incident(client, api_key, {"message": "Alarme"})
    named = {"message": "Alarme", "recipients": ["guard@example.com", "x@shop.invalid"]}
    post_incident(client, api_key, named)
    work()
    states = _alerts()
    [administrator] = [who for who in states if who not in named["recipients"]]
    assert administrator != users.FIRST_ADMIN
    assert states == {
        administrator: NotificationState.SENT,
        "guard@example.com": NotificationState.SENT,
        "x@shop.invalid": NotificationState.FAILED,
    }
    page = admin.browser.get("/", headers={"Accept-Language": "en"}).text
    assert "Alerts without a recipient go to the administrators" in page
