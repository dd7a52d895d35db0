"""Mail by a real SMTP server: accepted, refused temporarily, refused permanently, silent,
untrusted.
"""

import email
import email.policy
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.header import decode_header, make_header
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import Envelope
from flask.testing import FlaskClient
from sqlalchemy import update

from tests.helpers import Clock, post_incident, renew
from tests.post_office import Postbox, PostOffice
from vigint_client.smtp import Patience
from vigint_web.errors import Conflict, NotFound
from vigint_web.extensions import db
from vigint_web.mail import messages, smtp
from vigint_web.models import Notification, NotificationState
from vigint_web.services.core.actors import SYSTEM
from vigint_web.services.core.transactions import transaction
from vigint_web.services.notifications import delivery
from vigint_web.services.operations.reconciler import reconcile

Work = Callable[[], None]


@pytest.fixture
def postbox() -> Postbox:
    return Postbox()


def _certificate(folder: Path) -> ssl.SSLContext:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here to make a certificate that nobody trusts")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-subj", "/CN=localhost", "-keyout", str(folder / "key.pem")),
            *("-out", str(folder / "cert.pem")),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


@pytest.fixture
def server(
    postbox: Postbox, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[PostOffice]:
    options: dict[str, Any] = {}
    if getattr(request, "param", "") == "starttls":
        options = {"tls_context": _certificate(tmp_path), "require_starttls": True}
    if getattr(request, "param", "") == "plain":
        options = {"enable_SMTPUTF8": False}
    office = PostOffice(postbox, **options)
    office.open()
    yield office
    office.close()


@pytest.fixture
def settings(server: PostOffice, request: pytest.FixtureRequest) -> dict[str, str]:
    tls = "yes" if "starttls" in request.node.name else "no"
    return {
        "VIGINT_SMTP_SERVER": "127.0.0.1",
        "VIGINT_SMTP_PORT": str(server.port),
        "VIGINT_SMTP_USE_TLS": tls,
        "VIGINT_SMTP_FROM": "vigint@example.com",
        "VIGINT_SMTP_TO": "chef@example.com",
    }


def _post(client: FlaskClient, key: str, *recipients: str) -> None:
    everyone = list(recipients) or ["garde@example.com"]
    post_incident(client, key, {"message": "Alarme", "recipients": everyone})


def _alerts() -> dict[str, Notification]:
    renew()
    return {notification.recipient: notification for notification in db.session.query(Notification)}


def _alert() -> Notification:
    [notification] = _alerts().values()
    return notification


def _message_id(envelope: Envelope) -> str:
    assert isinstance(envelope.content, bytes)
    return str(email.message_from_bytes(envelope.content)["Message-ID"])


def test_an_accepted_mail_is_sent_once(
    client: FlaskClient, api_key: str, work: Work, postbox: Postbox
) -> None:
    _post(client, api_key)
    work()
    [envelope] = postbox.taken
    assert (envelope.mail_from, envelope.rcpt_tos) == ("vigint@example.com", ["garde@example.com"])
    notification = _alert()
    assert (notification.state, notification.channel, notification.error) == (
        NotificationState.SENT,
        "smtp",
        None,
    )
    assert _message_id(envelope) == notification.message_id
    reconcile()
    work()
    assert len(postbox.taken) == 1


def test_a_temporary_refusal_is_tried_again_after_growing_pauses_under_one_message_id(
    client: FlaskClient, api_key: str, work: Work, postbox: Postbox, clock: Clock
) -> None:
    postbox.rcpt["garde@example.com"] = ["451 greylisted"]
    postbox.data = ["452 disk full", "421 busy"]
    _post(client, api_key)
    pauses = []
    for _ in range(3):
        work()
        notification = _alert()
        assert (notification.state, notification.lease_until) == (NotificationState.PENDING, None)
        assert notification.error
        assert notification.next_attempt_at is not None
        pauses.append(notification.next_attempt_at - clock.now())
        assert reconcile() == 0, "it is not due yet"
        clock.forward(seconds=pauses[-1].total_seconds() + 1)
        assert reconcile() == 1
    work()
    assert [round(pause / timedelta(seconds=10)) for pause in pauses] == [1, 2, 4]
    notification = _alert()
    assert (notification.state, notification.attempt, notification.error) == (
        NotificationState.SENT,
        4,
        None,
    )
    [envelope] = postbox.taken
    assert _message_id(envelope) == notification.message_id


def test_a_permanent_refusal_fails_one_and_the_others_go_on(
    client: FlaskClient, api_key: str, work: Work, postbox: Postbox
) -> None:
    postbox.rcpt["gone@example.com"] = ["550 no such user"]
    _post(client, api_key, "gone@example.com", "here@example.com")
    work()
    found = _alerts()
    assert found["here@example.com"].state == NotificationState.SENT
    gone = found["gone@example.com"]
    assert (gone.state, gone.error) == (NotificationState.FAILED, "550 no such user")
    assert reconcile() == 0, "a permanent refusal is not tried again by itself"
    with pytest.raises(NotFound):
        delivery.retry_notification(SYSTEM, "INC-2000-000001", gone.id)
    assert gone.incident is not None
    delivery.retry_notification(SYSTEM, gone.incident.reference, gone.id)
    work()
    assert _alerts()["gone@example.com"].state == NotificationState.SENT
    assert len(postbox.taken) == 2


def test_a_mail_is_given_up_after_a_day(
    client: FlaskClient, api_key: str, work: Work, postbox: Postbox, clock: Clock
) -> None:
    postbox.data = ["451 later"] * 2
    _post(client, api_key)
    work()
    clock.forward(hours=25)
    reconcile()
    work()
    notification = _alert()
    assert (notification.state, notification.next_attempt_at) == (NotificationState.FAILED, None)
    assert notification.error == "451 later"


def test_a_server_that_is_not_there_is_tried_again(
    client: FlaskClient, api_key: str, work: Work, server: PostOffice, clock: Clock
) -> None:
    server.close()
    _post(client, api_key)
    work()
    notification = _alert()
    assert notification.state == NotificationState.PENDING
    assert notification.error is not None
    assert "refused" in notification.error
    server.open()
    clock.forward(seconds=11)
    reconcile()
    work()
    assert _alert().state == NotificationState.SENT


def test_a_silent_server_is_left_after_the_time_out(
    client: FlaskClient,
    api_key: str,
    work: Work,
    server: PostOffice,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(smtp, "patience", Patience(connect=0.2))
    server.close()
    with socket.create_server(("127.0.0.1", server.port)):
        _post(client, api_key)
        work()
    notification = _alert()
    assert notification.state == NotificationState.PENDING
    assert "timed out" in (notification.error or "").lower()


def test_where_there_is_no_tls_no_authorities_are_read(
    client: FlaskClient,
    api_key: str,
    work: Work,
    postbox: Postbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    smtp.trust.cache_clear()
    monkeypatch.setattr("ssl.create_default_context", None)  # calling it fails
    _post(client, api_key)
    work()
    assert len(postbox.taken) == 1


@pytest.mark.parametrize("server", ["starttls"], indirect=True)
def test_an_untrusted_certificate_is_refused_starttls(
    client: FlaskClient, api_key: str, work: Work, postbox: Postbox
) -> None:
    _post(client, api_key)
    work()
    notification = _alert()
    assert notification.state == NotificationState.PENDING, "the certificate may be mended"
    assert "certificate" in (notification.error or "").lower()
    assert postbox.seen == 0, "the mail went over a line that anybody may read"


def test_a_server_without_tls_gets_no_mail_when_starttls_is_wanted(
    client: FlaskClient, api_key: str, work: Work, postbox: Postbox
) -> None:
    _post(client, api_key)
    work()
    assert _alert().state == NotificationState.PENDING
    assert postbox.seen == 0


class Killed(BaseException):
    """Simulates kill -9: nothing after it runs."""


def test_death_between_acceptance_and_commit_means_one_more_mail_at_most(
    client: FlaskClient,
    api_key: str,
    work: Work,
    postbox: Postbox,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _post(client, api_key)
    real = messages.send

    def die_after(*arguments: Any) -> str:
        real(*arguments)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(delivery, "send", die_after)
        with pytest.raises(Killed):
            delivery.deliver_alert(_alert().id)
    db.session.rollback()
    work()
    assert len(postbox.taken) == 1, "the row is leased: its sender may still run"
    clock.forward(seconds=21)
    for _ in range(3):
        reconcile()
        work()
    assert _alert().state == NotificationState.SENT
    assert len(postbox.taken) == 2
    assert len({_message_id(envelope) for envelope in postbox.taken}) == 1


def test_an_accident_while_sending_is_tried_again_later_and_given_up_in_the_end(
    client: FlaskClient,
    api_key: str,
    work: Work,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stumble(*_: Any) -> str:
        raise UnicodeEncodeError("ascii", "é", 0, 1, "an address no server takes")

    monkeypatch.setattr(delivery, "send", stumble)
    _post(client, api_key)
    work()
    notification = _alert()
    assert (notification.state, notification.lease_until) == (NotificationState.PENDING, None)
    assert "UnicodeEncodeError" in (notification.error or "")
    clock.forward(hours=25)
    reconcile()
    work()
    assert _alert().state == NotificationState.FAILED


def test_whoever_lost_the_lease_while_sending_leaves_the_row_alone(
    client: FlaskClient, api_key: str, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = messages.send

    def slow(*arguments: Any) -> str:
        with transaction() as session:
            session.execute(update(Notification).values(attempt=Notification.attempt + 1))
        return real(*arguments)

    monkeypatch.setattr(delivery, "send", slow)
    _post(client, api_key)
    work()  # fails if the job ends with a stack trace
    assert _alert().state == NotificationState.PENDING


@pytest.mark.parametrize("server", ["", "plain"], indirect=True)
def test_addresses_beyond_ascii_where_the_server_takes_them(
    client: FlaskClient, api_key: str, work: Work, postbox: Postbox, request: pytest.FixtureRequest
) -> None:
    _post(client, api_key, "é@exemple.fr", "Jean <jean@exämple.fr>", "garde@", "a@example.com")
    work()
    reached = {str(one.rcpt_tos[0]) for one in postbox.taken}
    states = {notification.recipient: notification for notification in _alerts().values()}
    assert reached >= {"jean@xn--exmple-cua.fr", "a@example.com"}
    assert states["garde@"].state == NotificationState.FAILED
    if request.node.name.endswith("-plain]"):
        assert states["é@exemple.fr"].error == "no_smtputf8"
        assert states["é@exemple.fr"].state == NotificationState.FAILED
        return
    [envelope] = [one for one in postbox.taken if one.rcpt_tos == ["é@exemple.fr"]]
    assert isinstance(envelope.content, bytes)
    written = email.message_from_bytes(envelope.content, policy=email.policy.SMTPUTF8)
    assert written["To"] == "é@exemple.fr"
    assert written["Subject"].startswith("🚨 Alerte Vigint")
    text = written.get_body(("plain",))
    assert text is not None
    assert "Alarme" in text.get_content()


def test_a_recipient_that_is_no_address_is_a_failed_delivery_and_nothing_to_retry(
    client: FlaskClient, api_key: str, work: Work, postbox: Postbox
) -> None:
    _post(client, api_key, "garde", "a@example.com")
    work()
    assert [one.rcpt_tos for one in postbox.taken] == [["a@example.com"]]
    bad = _alerts()["garde"]
    assert (bad.state, bad.refused, bad.attempt) == (NotificationState.FAILED, "not_an_address", 0)
    with pytest.raises(Conflict):
        delivery.retry_delivery(SYSTEM, bad.id)


def test_with_no_usable_recipient_the_configured_ones_are_told(
    client: FlaskClient, api_key: str, work: Work, postbox: Postbox
) -> None:
    accepted = post_incident(client, api_key, {"message": "m", "recipients": ["garde", "x@"]})
    assert accepted["warnings"][-1]["code"] == "no_usable_recipient"
    work()
    assert [one.rcpt_tos for one in postbox.taken] == [["chef@example.com"]]


def test_the_subject_arrives_in_whole_words(
    client: FlaskClient, api_key: str, work: Work, postbox: Postbox, server: PostOffice
) -> None:
    """A parser that inserts a space between encoded words must not find any inside a word."""
    kind = "Intrusion dans l’entrepôt frigorifique de Saint-Étienne-du-Rouvray, côté rivière"
    document = {"incident_data": {"incident_type": kind}, "recipients": ["garde@example.com"]}
    post_incident(client, api_key, document)
    work()
    [taken] = postbox.taken
    raw = taken.content
    assert isinstance(raw, bytes)
    subject = f"🚨 Alerte Vigint - {kind} - [non précisé]"
    assert email.message_from_bytes(raw, policy=email.policy.default)["Subject"] == subject
    [lines] = re.findall(rb"^Subject: ([^\r\n]+(?:\r\n [^\r\n]+)*)", raw, re.MULTILINE)
    words = [str(make_header(decode_header(word.decode()))) for word in lines.split()]
    assert " ".join(" ".join(words).split()) == subject
