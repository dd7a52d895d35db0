"""Notifications pending in a backup are on hold after its restore."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.helpers import Footage, Person, close_pool, incident_document, post_incident
from tests.shell import Shell, here
from vigint_web import create_app
from vigint_web.config.config import load_config
from vigint_web.extensions import db
from vigint_web.models import (
    AccountMail,
    AccountMailPurpose,
    AuditEvent,
    Hosting,
    HostingState,
    Incident,
    Notification,
    NotificationState,
    Role,
    Video,
    VideoStatus,
)
from vigint_web.services.accounts import account_mails
from vigint_web.services.core.actors import Actor, command_line
from vigint_web.services.core.transactions import transaction
from vigint_web.services.dispatch import on_hold
from vigint_web.services.hosting import remote
from vigint_web.services.notifications import account_delivery, delivery
from vigint_web.services.processing import pipeline

pytestmark = pytest.mark.both_databases(reason="dumps")
ONE_DATABASE = pytest.mark.only_sqlite(reason="others here ask of the database what it asks")

ADMIN = command_line("admin@example.com")


@pytest.fixture
def waiting(client: FlaskClient, api_key: str, footage: Footage, app: Flask) -> None:
    """Create pending notifications: a mail, one for its video, one to a person, a hosting."""
    text = post_incident(client, api_key, {"message": "Alarme", "recipients": ["a@example.com"]})
    post_incident(
        client, api_key, incident_document(footage.frames(3), recipients=["b@example.com"])
    )
    with transaction() as session:
        account_mails.queue_mail("c@example.com", AccountMailPurpose.PASSWORD_RESET, "fr")
        incident = session.query(Incident).filter_by(reference=text["reference"]).one()
        session.add(
            Hosting(
                incident_id=incident.id, host="https://h.example", state=HostingState.PENDING,
                next_attempt_at=incident.created_at, give_up_at=incident.created_at,
            )
        )  # fmt: skip
    db.session.remove()


@contextmanager
def _restored(elsewhere: Shell) -> Iterator[Flask]:
    app = create_app(load_config(elsewhere.environ))
    with app.app_context():
        yield app
        db.session.remove()
        close_pool(db.engine)


def _deliver_what_is_due() -> None:
    for alert_id, _ in delivery.due_notifications():
        delivery.deliver_alert(alert_id)
    for mail_id, _ in account_delivery.due_account_mails():
        account_delivery.deliver(mail_id)


def _mails(place: Shell) -> int:
    return len(list((here(place) / "outbox").glob("*.eml")))


@pytest.fixture
def restored(shell: Shell, elsewhere: Shell, waiting: None, tmp_path: Path) -> Shell:
    shell.does("backup", tmp_path / "backup.tar")
    output = elsewhere.does("restore", tmp_path / "backup.tar")
    assert "On hold" in output
    assert "3 mails and 1 call" in output
    return elsewhere


def test_nothing_is_sent_and_everything_else_goes_on(restored: Shell) -> None:
    with _restored(restored):
        assert delivery.due_notifications() == []
        assert account_delivery.due_account_mails() == []
        assert remote.due_hostings() == []
        # Jobs that were queued nevertheless find nothing to do.
        for row in db.session.query(Notification).all():
            delivery.deliver_alert(row.id)
        for mail in db.session.query(AccountMail).all():
            account_delivery.deliver(mail.id)
        [video] = db.session.query(Video).all()
        pipeline.process_video(video.id)
        db.session.expire_all()
        assert video.status == VideoStatus.READY, "processing goes on"
        states = {notification.state for notification in db.session.query(Notification)}
        assert states == {NotificationState.PENDING}, "the mail about the video is ready to be sent"
        _deliver_what_is_due()
        assert _mails(restored) == 0
        found = on_hold.find_on_hold(ADMIN)
        assert (found.mails, found.calls) == (3, 1)
        assert found.made_at is not None


def test_what_comes_in_after_the_restore_is_sent(restored: Shell, api_key: str) -> None:
    with _restored(restored) as app:
        fresh = {"message": "Alarme", "recipients": ["a@example.com"]}
        post_incident(app.test_client(), api_key, fresh)
        _deliver_what_is_due()
        assert _mails(restored) == 1


def test_it_is_sent_when_that_is_decided(restored: Shell) -> None:
    with _restored(restored):
        on_hold.send(ADMIN)
        assert not on_hold.find_on_hold(ADMIN)
        assert len(remote.due_hostings()) == 1
        [video] = db.session.query(Video).all()
        pipeline.process_video(video.id)
        _deliver_what_is_due()
        assert {notification.state for notification in db.session.query(Notification)} == {
            NotificationState.SENT
        }
        assert _mails(restored) == 2, "the third has no address"
        event = db.session.query(AuditEvent).filter_by(action="deliveries:released").one()
        assert event.actor == ADMIN.label
        assert event.detail == {"mails": 3, "calls": 1}


def test_it_is_never_sent_when_that_is_decided(restored: Shell) -> None:
    with _restored(restored):
        on_hold.drop(ADMIN)
        assert not on_hold.find_on_hold(ADMIN)
        [video] = db.session.query(Video).all()
        pipeline.process_video(video.id)
        _deliver_what_is_due()
        assert _mails(restored) == 0
        assert {notification.state for notification in db.session.query(Notification)} == {
            NotificationState.FAILED
        }
        assert db.session.query(AuditEvent).filter_by(action="deliveries:dropped").count() == 1


def test_of_other_sites_nothing_is_decided(restored: Shell) -> None:
    with _restored(restored):
        stranger = Actor(label="elsewhere", role=Role.ADMIN, site_ids=frozenset({999}))
        assert not on_hold.find_on_hold(stranger)
        on_hold.send(stranger)
        on_hold.drop(stranger)
        found = on_hold.find_on_hold(ADMIN)
        assert (found.mails, found.calls) == (3, 1)


@ONE_DATABASE
def test_administrators_decide_on_the_home_page(
    waiting: None, people: Callable[[Role], Person]
) -> None:
    on_hold.hold_everything()
    db.session.commit()
    admin, operator = people(Role.ADMIN), people(Role.OPERATOR)
    for page in ("/", "/outbox/"):
        assert "3 e\u2011mails et 1 appel à un programme" in admin.browser.get(page).text, page
    assert "on-hold" not in operator.browser.get("/").text
    for path in ("/outbox/on-hold/send", "/outbox/on-hold/drop"):
        assert operator.post(path).status_code == 403
        assert admin.browser.get(path).status_code == 405
        assert admin.browser.post(path).status_code == 400, "a form's token is needed"
    assert on_hold.find_on_hold(ADMIN).mails == 3
    assert admin.post("/outbox/on-hold/drop").status_code == 302
    assert "on-hold" not in admin.browser.get("/").text
