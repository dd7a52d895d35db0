"""Alerts spooled during an outage: one mail lists them, HIGH and CRITICAL are mailed singly."""

import re
from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.helpers import (
    Clock,
    Footage,
    incident_document,
    mails,
    path_of,
    post_incident,
    renew,
)
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.mail import messages
from vigint_web.models import Notification, NotificationState
from vigint_web.services.notifications import delivery
from vigint_web.services.operations.reconciler import reconcile

pytestmark = pytest.mark.both_databases(reason="row locks")

Work = Callable[[], None]


@pytest.fixture
def settings() -> dict[str, str]:
    return {
        "VIGINT_ALERT_COOLDOWN_SECONDS": "60",
        "VIGINT_MAIL_LOCALES": "chief@example.com=en",
    }


def _kept(
    clock: Clock, hours: float, *, kept: bool = True, footage: Footage | None = None, **data: Any
) -> dict[str, Any]:
    seen = clock.now() - timedelta(hours=hours)
    facts = {
        "incident_type": "Vol", "camera": "Quai 2", "risk_level": "MEDIUM",
        "detected_at": seen.isoformat(),
    }  # fmt: skip
    whole = incident_document(footage.frames(2)) if footage is not None else {"message": "Alarme"}
    document = {**whole, "incident_data": facts | data}
    return document | ({"kept_since": seen.isoformat()} if kept else {})


def _turns(clock: Clock, work: Work, seconds: float) -> None:
    """Advance the time, and run what is due."""
    work()
    clock.forward(seconds=seconds)
    for _ in range(2):
        reconcile()
        work()


def _text(mail: EmailMessage, kind: str = "plain") -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def test_one_digest_lists_each_with_its_time_and_its_own_link(
    client: FlaskClient, api_key: str, work: Work, config: Config, clock: Clock, footage: Footage
) -> None:
    hours = (5.0, 9.0, 2.0)
    posted = [post_incident(client, api_key, _kept(clock, h, footage=footage)) for h in hours]
    work()
    assert mails(config) == [], "it waits until the spool is drained"
    _turns(clock, work, 31)
    [mail] = mails(config)
    text, html = _text(mail), _text(mail, "html")
    assert mail["Subject"] == "🚨 Vigint - 3 alertes après une interruption - [MEDIUM]"
    assert "3 alertes ont été reçues en retard" in text
    assert "de nouveau" not in text
    in_order = [posted[n]["reference"] for n in (1, 0, 2)]
    assert re.findall(r"INC-\d+-\d+", text) == in_order, "by time of detection"
    times = re.findall(r"^\d{1,2}(?:er)? \w+ \d{4}, (\d\d:\d\d:\d\d) – ", text, re.MULTILINE)
    assert len(set(times)) == 3, "each with its time"
    links = re.findall(r"http://vigint\.test/video/\S+", text)
    assert len(set(links)) == 3
    for link in links:
        assert client.get(path_of(link)).status_code == 200
        assert link in html.replace("&amp;", "&")
    for one in posted:
        assert one["reference"] in text
        assert one["reference"] in html
    renew()
    assert {notification.state for notification in db.session.query(Notification)} == {
        NotificationState.SENT
    }
    _turns(clock, work, 600)
    assert len(mails(config)) == 1


def test_high_and_critical_go_out_singly_and_at_once(
    client: FlaskClient, api_key: str, work: Work, config: Config, clock: Clock
) -> None:
    for hours, risk in enumerate(("HIGH", "LOW", "CRITICAL", "UNKNOWN", "MEDIUM"), start=1):
        post_incident(client, api_key, _kept(clock, hours, risk_level=risk))
    work()
    assert len(mails(config)) == 2
    assert {mail["Subject"].rpartition(" ")[2] for mail in mails(config)} == {
        "[HIGH]",
        "[CRITICAL]",
    }
    _turns(clock, work, 31)
    *_, digest = sorted(mails(config), key=lambda mail: "interruption" in mail["Subject"])
    assert len(mails(config)) == 3
    assert digest["Subject"].startswith("🚨 Vigint - 3 alertes après une interruption")
    assert "non précisé" in digest["Subject"], "the worst of them"


def test_it_waits_for_the_spool_but_not_for_ever(
    client: FlaskClient, api_key: str, work: Work, config: Config, clock: Clock
) -> None:
    for hours in range(1, 16):
        post_incident(client, api_key, _kept(clock, hours))
        _turns(clock, work, 25)
        if mails(config):
            break
    [mail] = mails(config)
    assert 12 <= hours <= 14, "after five minutes, whatever else comes"
    assert f"{hours} alertes" in mail["Subject"] or f"{hours - 1} alertes" in mail["Subject"]


def test_a_digest_of_one_is_the_usual_mail(
    client: FlaskClient, api_key: str, work: Work, config: Config, clock: Clock
) -> None:
    accepted = post_incident(client, api_key, _kept(clock, 3))
    _turns(clock, work, 31)
    [mail] = mails(config)
    assert mail["Subject"] == "🚨 Alerte Vigint - Vol - [MEDIUM]"
    assert mail["X-Vigint-Incident"] == accepted["reference"]


def test_one_late_alert_alone_is_told_of_at_once_and_a_row_of_them_is_gathered(
    client: FlaskClient, api_key: str, work: Work, config: Config, clock: Clock
) -> None:
    """Without a detector's mark a late alert may come from a clock in another zone."""
    post_incident(client, api_key, _kept(clock, 2, kept=False))
    work()
    assert len(mails(config)) == 1
    for hours in (5, 8):
        post_incident(client, api_key, _kept(clock, hours, kept=False))
    work()
    assert len(mails(config)) == 1
    _turns(clock, work, 31)
    assert sorted("interruption" in mail["Subject"] for mail in mails(config)) == [False, True]


def test_each_reads_it_in_their_own_language(
    client: FlaskClient, api_key: str, work: Work, config: Config, clock: Clock
) -> None:
    for hours in (1, 2):
        both = {"recipients": ["chief@example.com", "garde@example.com"]}
        post_incident(client, api_key, _kept(clock, hours) | both)
    _turns(clock, work, 31)
    found = {mail["To"]: mail for mail in mails(config)}
    assert len(found) == len(mails(config)) == 2
    assert "2 alerts were received late" in _text(found["chief@example.com"])
    assert "2 alertes ont été reçues en retard" in _text(found["garde@example.com"])


def test_death_before_the_commit_loses_none_and_what_comes_meanwhile_is_told_by_the_next(
    client: FlaskClient, api_key: str, work: Work, config: Config, clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for hours in (1, 2):
        post_incident(client, api_key, _kept(clock, hours))
    real, meanwhile = messages.send, [True]

    def send(*arguments: Any) -> str:
        if meanwhile.pop() if meanwhile else False:
            post_incident(client, api_key, _kept(clock, 7))
        return real(*arguments)

    monkeypatch.setattr(delivery, "send", send)
    _turns(clock, work, 31)
    _turns(clock, work, 31)
    _turns(clock, work, 31)
    references = [re.findall(r"INC-\d{4}-\d{6}", _text(mail)) for mail in mails(config)]
    mailed = [reference for mail in references for reference in set(mail)]
    assert len(mailed) == len(set(mailed)) == 3, "each is mailed once"
