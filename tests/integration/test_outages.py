"""An unavailable mail server: nothing is lost, no mail waits for ever, oldest first."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from email.parser import BytesParser
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.helpers import Clock, post_incident, renew
from tests.post_office import Postbox, PostOffice
from vigint_client.smtp import Patience, PatientSMTP
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.mail import smtp
from vigint_web.mail.messages import MailUndelivered, make_mail, send
from vigint_web.models import Notification, NotificationState
from vigint_web.services.core.leases import claim
from vigint_web.services.dispatch import outage
from vigint_web.services.notifications import delivery
from vigint_web.services.operations.reconciler import reconcile

pytestmark = pytest.mark.both_databases(reason="row locks")

Work = Callable[[], None]


@pytest.fixture
def postbox() -> Postbox:
    return Postbox()


@pytest.fixture
def server(postbox: Postbox) -> Iterator[PostOffice]:
    office = PostOffice(postbox)
    yield office
    office.close()


@pytest.fixture
def settings(server: PostOffice) -> dict[str, str]:
    return {
        "VIGINT_SMTP_SERVER": "127.0.0.1",
        "VIGINT_SMTP_PORT": str(server.port),
        "VIGINT_SMTP_USE_TLS": "no",
        "VIGINT_SMTP_FROM": "vigint@example.com",
    }


def _post(client: FlaskClient, key: str, number: int) -> None:
    everyone = [f"r{number}@example.com"]
    post_incident(client, key, {"message": "Alarme", "recipients": everyone})


def _alerts() -> list[Notification]:
    renew()
    return db.session.query(Notification).order_by(Notification.id).all()


def _took(postbox: Postbox) -> list[str]:
    return [envelope.rcpt_tos[0][:2] for envelope in postbox.taken]


@pytest.mark.only_sqlite(reason="the next one asks both databases")
def test_after_an_outage_everything_goes_out_oldest_first(
    client: FlaskClient,
    api_key: str,
    work: Work,
    server: PostOffice,
    postbox: Postbox,
    clock: Clock,
) -> None:
    for number in range(1, 5):
        _post(client, api_key, number)
        work()
        clock.forward(seconds=7)
        reconcile()
        work()
    alerts = _alerts()
    assert {(one.state, one.held_up) for one in alerts} == {(NotificationState.PENDING, True)}
    assert len({one.next_attempt_at for one in alerts}) == 1, "they wait together"
    assert alerts[0].attempt > max(one.attempt for one in alerts[1:]), "the oldest asks for all"
    clock.forward(hours=3)
    reconcile()
    work()
    waits = max((one.next_attempt_at or clock.now()) - clock.now() for one in _alerts())
    assert waits.total_seconds() <= 120, "a server that is back is noticed soon"
    postbox.rcpt["r1@example.com"] = ["550 gone for ever"]
    postbox.data = ["451 not this one yet"]
    server.open()
    clock.forward(seconds=30)
    _post(client, api_key, 5)
    work()
    reconcile()
    work()
    assert _took(postbox) == ["r3", "r4", "r5"]
    states = [one.state for one in _alerts() if one.kind != "undeliverable"]
    assert states == [
        NotificationState.FAILED,
        NotificationState.PENDING,
        *[NotificationState.SENT] * 3,
    ]
    clock.forward(hours=1)
    reconcile()
    work()
    assert _took(postbox) == ["r3", "r4", "r5", "r2"]


def test_the_first_sign_of_life_wakes_all_that_wait(
    client: FlaskClient,
    api_key: str,
    work: Work,
    server: PostOffice,
    postbox: Postbox,
    clock: Clock,
) -> None:
    for number in range(1, 4):
        _post(client, api_key, number)
    work()
    server.open()
    first = _alerts()[0]
    first.next_attempt_at = clock.now()
    db.session.commit()
    delivery.deliver_alert(first.id)
    assert _took(postbox) == ["r1"]
    work()
    assert _took(postbox) == ["r1", "r2", "r3"], "without waiting for their own next attempt"
    assert [one.attempt for one in _alerts()] == [2, 1, 1], "one probed for all"


@pytest.mark.only_sqlite(reason="the database has no part in it")
def test_what_nobody_accepts_for_a_day_is_given_up_outage_or_not(
    client: FlaskClient, api_key: str, work: Work, clock: Clock
) -> None:
    for number in range(1, 4):
        _post(client, api_key, number)
    work()
    clock.forward(hours=25)
    for _ in range(4):
        reconcile()
        work()
    assert {one.state for one in _alerts()} == {NotificationState.FAILED}


@pytest.mark.only_sqlite(reason="the database has no part in it")
def test_a_mail_that_kills_whoever_sends_it_is_given_up_after_a_day_too(
    client: FlaskClient, api_key: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: Any) -> str:
        raise Killed

    _post(client, api_key, 1)
    monkeypatch.setattr(delivery, "send", die)
    [alert] = _alerts()
    for _ in range(3):
        with pytest.raises(Killed):
            delivery.deliver_alert(alert.id)
        db.session.rollback()
        clock.forward(seconds=21)
    assert _alerts()[0].state == NotificationState.PENDING
    clock.forward(hours=25)
    delivery.deliver_alert(alert.id)
    assert _alerts()[0].state == NotificationState.FAILED


_STEPS = ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "end", "QUIT"]


class _Hanging:
    """Implement SMTP up to a step, then stay silent."""

    def __init__(self, port: int) -> None:
        self.step = ""
        self.accepted = 0
        self._listener = socket.create_server(("127.0.0.1", port))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while not self._ended.is_set():
                found, _ = self._listener.accept()
                with found, contextlib.suppress(OSError), found.makefile("rb") as lines:
                    self._talk(found, lines)

    def _talk(self, found: socket.socket, lines: Any) -> None:
        if self.step == "greeting":
            lines.readline()  # until the other side disconnects
            return
        found.sendall(b"220 here\r\n")
        for line in lines:
            word = line[:4].decode().upper()
            if word == self.step:
                lines.read()
                return
            if word == "DATA":
                found.sendall(b"354 go on\r\n")
                for text in lines:
                    if text == b".\r\n":
                        break
                if self.step == "end":
                    lines.read()
                    return
                self.accepted += 1
            found.sendall(b"250 OK\r\n" if word != "QUIT" else b"221 bye\r\n")


@pytest.mark.only_sqlite(reason="no database is asked")
def test_every_step_has_a_time_out(
    app: Flask, config: Config, server: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "patience", Patience(0.1, 0.1, 0.1, 0.1, 0.1))
    monkeypatch.setattr(smtp, "_GOODBYE", Patience(command=0.1))
    hanging = _Hanging(server.port)
    try:
        for step in _STEPS:
            hanging.step = step
            letter = make_mail(
                config, recipient="a@example.com", message_id="<1@x>", subject="s", text="t",
                html="<p>t</p>", headers={},
            )  # fmt: skip
            if step == "QUIT":
                assert send(letter, config) == "smtp", "it was accepted; the rest is courtesy"
                continue
            with pytest.raises(MailUndelivered, match=r"(?i)timed out|TimeoutError") as caught:
                send(letter, config)
            assert caught.value.unreachable == (step in {"greeting", "EHLO"}), step
        assert hanging.accepted == 1
    finally:
        hanging.close()


@pytest.mark.only_sqlite(reason="the database has no part in it")
def test_a_mail_is_one_text_and_one_html_in_nothing_else(app: Flask, config: Config) -> None:
    letter = make_mail(
        config, recipient="a@example.com", message_id="<1@x>", subject="é", text="x" * 5000,
        html="<p>é</p>", headers={},
    )  # fmt: skip
    whole = BytesParser().parsebytes(letter.as_bytes())
    assert whole.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in whole.get_payload()] == ["text/plain", "text/html"]  # type: ignore[union-attr]  # it has parts
    assert max(len(line) for line in letter.as_bytes().splitlines()) <= 998


def test_a_server_that_answers_again_but_is_slow_holds_up_one_mail_alone(
    client: FlaskClient,
    api_key: str,
    work: Work,
    server: PostOffice,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(1, 4):
        _post(client, api_key, number)
    work()
    first, *others = [one.id for one in _alerts()]
    assert all(one.held_up for one in _alerts())
    due: list[set[int]] = []
    real = PatientSMTP.data

    def data(self: PatientSMTP, message: Any) -> Any:
        due.append({found for found, _ in delivery.due_notifications()})
        return real(self, message)

    monkeypatch.setattr(PatientSMTP, "data", data)
    server.open()
    clock.forward(minutes=3)
    outage.make_due(first)
    delivery.deliver_alert(first)
    assert due[0] == set(others), "they do not wait for the answer to the first one's mail"


def test_while_one_mail_asks_a_server_that_was_away_the_others_wait(
    client: FlaskClient, api_key: str, work: Work, clock: Clock, server: PostOffice
) -> None:
    _post(client, api_key, 1)
    work()
    [first] = _alerts()
    assert first.held_up
    clock.forward(minutes=3)
    asking = claim(Notification, first.id, Notification.state == NotificationState.PENDING)
    assert asking is not None
    _post(client, api_key, 2)
    work()
    second = _alerts()[1]
    assert (second.attempt, second.held_up) == (0, True), "it asks as well"
    outage.reached(asking, True)
    assert second.id in {found for found, _ in delivery.due_notifications()}
