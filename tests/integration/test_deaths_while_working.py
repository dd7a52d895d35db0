"""Death between any two lines of what is done with a lease, but for alerts, which have a test."""

import secrets
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

import vigint_web
from tests.deaths import lines_unless_killed
from tests.helpers import Clock, Footage, incident_document, post_incident
from tests.library import ACTOR
from vigint_client.video_links import VideoLinkService
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.mail.messages import OutgoingMail
from vigint_web.models import (
    AccountMail,
    AccountMailPurpose,
    AccountMailState,
    Hosting,
    HostingState,
    Incident,
    Link,
    Notification,
    NotificationState,
    Role,
    User,
)
from vigint_web.services.accounts import users
from vigint_web.services.hosting import remote
from vigint_web.services.notifications import account_delivery

pytestmark = pytest.mark.both_databases(reason="what a commit left half done")

SERVICES = Path(vigint_web.__file__).parent / "services"
_OF_EACH = ("core/claimed_work", "core/leases", "core/transactions")
LINK = "https://h.example/v?token=abc"


def _files(*names: str) -> set[str]:
    found = {SERVICES / f"{name}.py" for name in (*_OF_EACH, *names)}
    assert all(path.exists() for path in found)
    return {str(path) for path in found}


def _all_lines(request: pytest.FixtureRequest, step: int, dies_at: Callable[[int], bool]) -> None:
    """Die at one line after the other, at every one of them in a campaign."""
    step = 1 if request.config.getoption("--campaign") else step
    at = 1
    while dies_at(at):
        at += step
    assert at > 60, "hardly a line was traced"


def _member(app: Flask) -> User:
    return users.create_user(ACTOR, "guest@example.com", secrets.token_hex(16), Role.OPERATOR)


@pytest.mark.parametrize(
    "purpose", [AccountMailPurpose.INVITATION, AccountMailPurpose.PASSWORD_RESET]
)
def test_an_account_mail(
    app: Flask,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    purpose: AccountMailPurpose,
) -> None:
    accepted: Counter[str] = Counter()

    def send(message: OutgoingMail, _: Config) -> str:
        accepted[message.msgId] += 1
        return "smtp"

    monkeypatch.setattr(account_delivery, "send", send)
    member = _member(app)
    known = purpose == AccountMailPurpose.INVITATION
    files = _files("notifications/account_delivery", "notifications/sent_mails")

    def dies_at(line: int) -> bool:
        clock.forward(hours=2)  # a mailbox gets a few resets in an hour
        accepted.clear()
        row = AccountMail(
            user_id=member.id if known else None,
            recipient=member.email,
            purpose=purpose,
            locale="fr",
            handle=secrets.token_hex(16),
            created_at=clock.now(),
            next_attempt_at=clock.now(),
            expires_at=clock.now() + timedelta(hours=1),
        )
        db.session.add(row)
        db.session.commit()
        mail_id = row.id
        db.session.remove()
        lines = lines_unless_killed(files, line, lambda: account_delivery.deliver(mail_id))
        db.session.remove()
        state = db.session.get_one(AccountMail, mail_id).state
        unavoidable = accepted.total() == 1 and state == AccountMailState.PENDING
        for _ in range(3):
            db.session.remove()
            clock.forward(seconds=21)
            for due, _attempt in account_delivery.due_account_mails():
                account_delivery.deliver(due)
        assert accepted.total() == (2 if unavoidable else 1), f"line {line}"
        row = db.session.get_one(AccountMail, mail_id)
        assert (row.state, row.channel, row.lease_until) == ("sent", "smtp", None), f"line {line}"
        return lines is None

    _all_lines(request, 41, dies_at)


def test_a_mail_that_is_owed_to_nobody(
    app: Flask, clock: Clock, request: pytest.FixtureRequest
) -> None:
    files = _files("notifications/account_delivery")

    def dies_at(line: int) -> bool:
        row = AccountMail(
            recipient="nobody@example.com",
            purpose=AccountMailPurpose.PASSWORD_RESET,
            locale="fr",
            handle=secrets.token_hex(16),
            expires_at=clock.now() + timedelta(hours=1),
        )
        db.session.add(row)
        db.session.commit()
        mail_id = row.id
        db.session.remove()
        lines = lines_unless_killed(files, line, lambda: account_delivery.deliver(mail_id))
        db.session.remove()
        clock.forward(seconds=21)
        for due, _attempt in account_delivery.due_account_mails():
            account_delivery.deliver(due)
        assert db.session.query(AccountMail).count() == 0, f"line {line}"
        return lines is None

    _all_lines(request, 29, dies_at)


@pytest.fixture
def settings() -> dict[str, str]:
    return {
        "SPARSE_AI_BASE_URL": "http://127.0.0.1:9",
        "SPARSE_AI_API_KEY": "an-example-key-of-a-test",
    }


@pytest.fixture
def hosted(
    client: FlaskClient,
    api_key: str,
    footage: Footage,
    work: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> Counter[str]:
    """Have an incident with its clip; count what is uploaded to the other host and deleted."""
    asked: Counter[str] = Counter()

    def upload(_self: object, _clip: object, facts: dict[str, Any], _hours: int) -> dict[str, Any]:
        asked["uploaded"] += 1
        return {"success": True, "private_link": LINK, "video_id": facts["video_id"]}

    def delete(_self: object, _video_id: str) -> dict[str, Any]:
        asked["deleted"] += 1
        return {"success": True}

    monkeypatch.setattr(VideoLinkService, "upload_video", upload)
    monkeypatch.setattr(VideoLinkService, "delete_video", delete)
    post_incident(client, api_key, incident_document(footage.frames(3)))
    work()
    return asked


def _hosting(clock: Clock, **values: Any) -> int:
    """Begin anew: the incident's alert waits for its video, and its clip for the other host."""
    db.session.query(Hosting).delete()
    [notification] = db.session.query(Notification)
    notification.state, notification.link_id, notification.next_attempt_at = (
        NotificationState.WAITING,
        None,
        None,
    )
    row = Hosting(
        incident_id=db.session.query(Incident.id).scalar(),
        host="http://127.0.0.1:9",
        next_attempt_at=clock.now(),
        give_up_at=clock.now() + timedelta(minutes=9),
        remote_id="v",
        **values,
    )
    db.session.add(row)
    db.session.commit()
    found = row.id
    db.session.remove()
    return found


def _until_done(clock: Clock) -> None:
    for _ in range(3):
        db.session.remove()
        clock.forward(seconds=21)
        for due, _attempt in remote.due_hostings():
            remote.host_elsewhere(due)
    db.session.remove()


def test_an_upload_to_another_host(
    app: Flask, hosted: Counter[str], clock: Clock, request: pytest.FixtureRequest
) -> None:
    files = _files("hosting/remote", "incidents/alert_release")
    links = db.session.query(Link).count()

    def dies_at(line: int) -> bool:
        hosted.clear()
        row_id = _hosting(clock, state=HostingState.PENDING)
        lines = lines_unless_killed(files, line, lambda: remote.host_elsewhere(row_id))
        db.session.remove()
        state = db.session.get_one(Hosting, row_id).state
        unavoidable = hosted["uploaded"] == 1 and state == HostingState.PENDING
        _until_done(clock)
        assert hosted == {"uploaded": 2 if unavoidable else 1}, f"line {line}"
        row = db.session.get_one(Hosting, row_id)
        assert (row.state, row.lease_until) == (HostingState.HOSTED, None), f"line {line}"
        assert remote.hosted_link(row) == LINK
        assert db.session.query(Notification.state).scalar() == NotificationState.PENDING, (
            f"line {line}"
        )
        assert db.session.query(Link).count() == links, "no local link besides"
        return lines is None

    _all_lines(request, 37, dies_at)


def test_the_deletion_of_a_copy_that_came_too_late(
    app: Flask, hosted: Counter[str], clock: Clock, request: pytest.FixtureRequest
) -> None:
    files = _files("hosting/remote")

    def dies_at(line: int) -> bool:
        hosted.clear()
        row_id = _hosting(
            clock, state=HostingState.FAILED, settled_at=clock.now(), error="no answer"
        )
        lines = lines_unless_killed(files, line, lambda: remote.host_elsewhere(row_id))
        db.session.remove()
        pending = db.session.get_one(Hosting, row_id).next_attempt_at is not None
        unavoidable = hosted["deleted"] == 1 and pending
        _until_done(clock)
        assert hosted == {"deleted": 2 if unavoidable else 1}, f"line {line}"
        row = db.session.get_one(Hosting, row_id)
        assert (row.state, row.next_attempt_at, row.lease_until) == ("failed", None, None)
        assert row.error == "no answer", "why the local link went out stays known"
        return lines is None

    _all_lines(request, 29, dies_at)
