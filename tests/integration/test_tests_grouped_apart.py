"""Test alerts beside real ones: neither is the repeat of the other, nor delays its mail."""

from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.helpers import Clock, mails, post_incident, renew, text_of
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.models import Incident, Mail, Notification, NotificationKind
from vigint_web.services.operations.reconciler import reconcile

pytestmark = pytest.mark.both_databases(reason="upserts and row locks")

Work = Callable[[], None]


@pytest.fixture
def settings() -> dict[str, str]:
    return {"VIGINT_ALERT_COOLDOWN_SECONDS": "60"}


def _document(*, test: bool, **more: Any) -> dict[str, Any]:
    facts = {"incident_type": "Vol", "camera": "Quai 2", "risk_level": "MEDIUM"}
    marked = {"test": True} if test else {}
    return {"message": "Alarme", "incident_data": facts | marked | more}


def _post(client: FlaskClient, key: str, *, test: bool, **more: Any) -> dict[str, Any]:
    return post_incident(client, key, _document(test=test, **more))


def _sent(config: Config) -> list[EmailMessage]:
    """Return the mails in the order in which they were sent."""
    renew()
    order = [mail.message_id for mail in db.session.query(Mail).order_by(Mail.id)]
    return sorted(mails(config), key=lambda mail: order.index(mail["Message-ID"]))


@pytest.mark.parametrize("first", [True, False], ids=["test-first", "real-first"])
def test_neither_is_a_repeat_of_the_other(
    client: FlaskClient, api_key: str, work: Work, config: Config, first: bool
) -> None:
    posted = [_post(client, api_key, test=test) for test in (first, not first, first, not first)]
    references = [one["reference"] for one in posted]
    assert [one["grouped_under"] for one in posted] == [None, None, references[0], references[1]]
    work()
    subjects = {str(mail["Subject"]) for mail in mails(config)}
    assert subjects == {
        "🚨 Alerte Vigint - Vol - [MEDIUM]",
        "TEST – 🚨 Alerte Vigint - Vol - [MEDIUM]",
    }, "each is mailed at once"


def test_a_test_of_critical_risk_is_no_first_of_a_real_one(
    client: FlaskClient, api_key: str, work: Work, config: Config
) -> None:
    _post(client, api_key, test=True, risk_level="CRITICAL")
    real = _post(client, api_key, test=False)
    assert real["grouped_under"] is None
    work()
    assert len(mails(config)) == 2


def test_the_mail_about_several_is_of_one_kind_and_marked(
    client: FlaskClient, api_key: str, work: Work, config: Config, clock: Clock
) -> None:
    tests = [_post(client, api_key, test=True)["reference"] for _ in range(3)]
    real = [_post(client, api_key, test=False)["reference"] for _ in range(3)]
    work()
    clock.forward(seconds=61)
    reconcile()
    work()
    several = [mail for mail in _sent(config) if "répétitions" in mail["Subject"]]
    marked = [mail for mail in several if mail["Subject"].startswith("TEST – ")]
    assert (len(several), len(marked)) == (2, 1)
    for mail in several:
        own, others = (tests, real) if mail in marked else (real, tests)
        for kind in ("plain", "html"):
            text = text_of(mail, kind)
            assert all(reference in text for reference in own)
            assert not any(reference in text for reference in others)
            assert ("TEST" in text) is (mail in marked)


def test_a_test_that_was_kept_during_an_outage_is_mailed_singly(
    client: FlaskClient, api_key: str, work: Work, config: Config, clock: Clock
) -> None:
    seen = (clock.now() - timedelta(hours=2)).isoformat()
    for kind, test in (("Vol", False), ("Chute", True), ("Feu", False)):
        document = _document(test=test, incident_type=kind, detected_at=seen)
        post_incident(client, api_key, document | {"kept_since": seen})
    for _ in range(2):
        work()
        clock.forward(seconds=31)
        reconcile()
        work()
    assert sorted(str(mail["Subject"]) for mail in mails(config)) == [
        "TEST – 🚨 Alerte Vigint - Chute - [MEDIUM]",
        "🚨 Vigint - 2 alertes après une interruption - [MEDIUM]",
    ]


def test_a_late_test_makes_no_late_alert_wait(
    client: FlaskClient, api_key: str, work: Work, config: Config, clock: Clock
) -> None:
    seen = (clock.now() - timedelta(hours=2)).isoformat()
    _post(client, api_key, test=True, detected_at=seen)
    _post(client, api_key, test=False, incident_type="Feu", detected_at=seen)
    work()
    kinds = {row.kind for row in db.session.query(Notification)}
    assert kinds == {NotificationKind.TEXT_ONLY}
    assert len(mails(config)) == 2


def test_one_by_a_detector_is_stored_and_answered_as_such(
    client: FlaskClient, api_key: str
) -> None:
    headers = {"X-API-Key": api_key}
    for test in (True, False):
        reference = _post(client, api_key, test=test)["reference"]
        answer = client.get(f"/api/v1/incidents/{reference}", headers=headers)
        assert (answer.status_code, answer.get_json()["test"]) == (200, test)
        renew()
        assert db.session.query(Incident).filter_by(reference=reference).one().is_test is test
