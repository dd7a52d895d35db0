"""A crash between any two lines of a delivery: never lost, and twice only where that is
unavoidable.

A trace function simulates kill -9: it raises an uncatchable exception at the n-th line.
"""

import sys
from collections import Counter
from collections.abc import Callable
from email.utils import make_msgid
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

import vigint_web
from tests.helpers import Clock, post_incident
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.mail.messages import OutgoingMail
from vigint_web.models import Incident, Notification, NotificationKind, NotificationState
from vigint_web.services.alerting import webhooks
from vigint_web.services.notifications import delivery

pytestmark = pytest.mark.both_databases(reason="what a commit left half done")

SERVICES = Path(vigint_web.__file__).parent / "services"
TRACED = {
    str(SERVICES / f"{name}.py")
    for name in (
        "alerting/webhooks",
        "core/claimed_work",
        "core/leases",
        "core/transactions",
        "dispatch/digests",
        "notifications/delivery",
        "notifications/rendering",
        "notifications/sent_mails",
    )
}
HOOK = "http://127.0.0.1:9/hook"


class Killed(BaseException):
    """Simulates kill -9: nothing after it runs."""


class Death:
    """Raise at the n-th line of the traced code."""

    def __init__(self, at: int) -> None:
        self.at, self.lines = at, 0

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        """Trace the frames of a few files."""
        return self._step if frame.f_code.co_filename in TRACED else None

    def _step(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            self.lines += 1
            if self.lines == self.at:
                sys.settrace(None)
                raise Killed
        return self._step


@pytest.fixture
def settings() -> dict[str, str]:
    return {
        "VIGINT_WEBHOOK_URL": HOOK,
        "VIGINT_WEBHOOK_SECRET": "a secret of the tests",
        "VIGINT_WEBHOOK_ALLOW_PRIVATE": "yes",
    }


@pytest.fixture
def accepted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count the mails that a server would have accepted, by id."""
    found: Counter[str] = Counter()

    def send(message: OutgoingMail, _: Config) -> str:
        found[message.msgId] += 1
        return "smtp"

    def call(made: webhooks.Call) -> str:
        found[made.headers["Vigint-Delivery"]] += 1
        return webhooks.WEBHOOK

    monkeypatch.setattr(delivery, "send", send)
    monkeypatch.setattr(webhooks, "send", call)
    return found


def _notification(incident: Incident, **values: Any) -> Notification:
    row = Notification(
        **{
            "incident_id": incident.id,
            "recipient": "garde@example.com",
            "state": NotificationState.PENDING,
            "kind": NotificationKind.TEXT_ONLY,
            "message_id": make_msgid(domain="vigint.test"),
            "next_attempt_at": incident.created_at,
            **values,
        }
    )
    db.session.add(row)
    db.session.flush()
    return row


def _mail(first: Incident, _: Incident) -> list[Notification]:
    return [_notification(first)]


def _call(first: Incident, _: Incident) -> list[Notification]:
    return [_notification(first, channel="webhook", recipient=webhooks.name_of(HOOK))]


def _repeats(first: Incident, second: Incident) -> list[Notification]:
    summary = _notification(first, kind=NotificationKind.REPEATS)
    return [summary, _notification(second, state=NotificationState.GATHERED, told_by_id=summary.id)]


def _digest(first: Incident, second: Incident) -> list[Notification]:
    summary = _notification(first, kind=NotificationKind.REPEATS, digest_of_id=first.api_key_id)
    ours = {"state": NotificationState.GATHERED, "told_by_id": summary.id}
    return [summary, _notification(first, **ours), _notification(second, **ours)]


def _dies(alert_id: int, at: int) -> int | None:
    """Deliver up to a line; return the number of lines if it was completed."""
    death = Death(at)
    before = sys.gettrace()
    sys.settrace(death)
    try:
        delivery.deliver_alert(alert_id)
    except Killed:
        return None
    finally:
        sys.settrace(before)
    return death.lines


@pytest.mark.parametrize("owe", [_mail, _call, _repeats, _digest])
def test_death_at_any_line(
    app: Flask,
    client: FlaskClient,
    api_key: str,
    accepted: Counter[str],
    clock: Clock,
    request: pytest.FixtureRequest,
    owe: Callable[[Incident, Incident], list[Notification]],
) -> None:
    for _ in range(2):
        post_incident(client, api_key, {"message": "m", "recipients": []})
    step = 1 if request.config.getoption("--campaign") else 83
    at, twice, points = 1, 0, 0
    while True:
        first, second = db.session.query(Incident).order_by(Incident.id)
        rows = [(row.id, row.message_id) for row in owe(first, second)]
        db.session.commit()
        db.session.remove()
        alert_id, word = rows[0]
        lines = _dies(alert_id, at)
        db.session.remove()
        unavoidable = (
            accepted[word] == 1
            and db.session.get_one(Notification, alert_id).state == NotificationState.PENDING
        )
        for _ in range(3):
            db.session.remove()
            clock.forward(seconds=21)
            for due, _attempt in delivery.due_notifications():
                delivery.deliver_alert(due)
        assert accepted[word] == (2 if unavoidable else 1), f"line {at}"
        assert {db.session.get_one(Notification, row).state for row, _ in rows} == {
            NotificationState.SENT
        }, at
        if lines is not None:
            break
        twice += unavoidable
        points += 1
        at += step
    assert points * step > 60, "hardly a line was traced"
    assert twice <= points * 2 / 3
