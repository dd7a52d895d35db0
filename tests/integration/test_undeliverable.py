"""An undeliverable mail alerts administrators: once, never about itself, never in a loop."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.helpers import Person, mails, post_incident, renew
from tests.library import ACTOR, Library
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.mail import messages
from vigint_web.mail.messages import MailRefused
from vigint_web.models import Notification, NotificationKind, NotificationState, Role, User
from vigint_web.services.accounts import users
from vigint_web.services.links import sharing
from vigint_web.services.links.sharing import Terms
from vigint_web.services.notifications import delivery

pytestmark = pytest.mark.both_databases(reason="upserts")

Work = Callable[[], None]
GONE = {"gone@example.com", "too@example.com"}


@pytest.fixture(autouse=True)
def refused_addresses(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Refuse some addresses permanently."""
    refused = set(GONE)
    real = messages.send

    def send(message: Any, config: Config) -> str:
        if set(message.recipients) & refused:
            raise MailRefused("550 no such user")
        return real(message, config)

    monkeypatch.setattr(delivery, "send", send)
    return refused


@pytest.fixture
def admins(app: Flask) -> list[str]:
    addresses = ["one@example.com", "two@example.com"]
    for address in addresses:
        users.create_user(ACTOR, address, "correct horse battery", Role.ADMIN)
    return addresses


def _notices(config: Config) -> dict[str, EmailMessage]:
    found = [mail for mail in mails(config) if "🚨" not in mail["Subject"]]
    assert len(found) == len({mail["To"] for mail in found}), "an administrator was mailed twice"
    return {mail["To"]: mail for mail in found}


def _text(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def test_administrators_are_told_once_for_an_incident_whoever_it_failed_for(
    client: FlaskClient, api_key: str, work: Work, config: Config, admins: list[str]
) -> None:
    everyone = ["gone@example.com", "here@example.com", "too@example.com"]
    document = {"message": "m", "recipients": everyone, "incident_data": {"camera": "Quai 2"}}
    reference = post_incident(client, api_key, document)["reference"]
    work()
    notices = _notices(config)
    assert sorted(notices) == admins
    text = _text(notices[admins[0]])
    assert reference in notices[admins[0]]["Subject"]
    assert all(f"{address}\N{NO-BREAK SPACE}: 550 no such user" in text for address in GONE)
    assert f"http://vigint.test/incidents/{reference}/" in text
    assert "Quai 2" in text
    assert "here@example.com" not in text
    [failed, *_] = db.session.query(Notification).filter_by(state=NotificationState.FAILED)
    delivery.retry_notification(ACTOR, reference, failed.id)
    work()
    assert len(_notices(config)) == 2, "the result of a manual retry is visible to its user"


def test_an_administrator_whose_own_address_fails_is_not_told_by_it_and_there_is_no_loop(
    client: FlaskClient,
    api_key: str,
    work: Work,
    config: Config,
    admins: list[str],
    refused_addresses: set[str],
) -> None:
    refused_addresses |= set(admins)
    post_incident(client, api_key, {"message": "m", "recipients": [admins[0]]})
    work()
    renew()
    found = {(one.recipient, one.kind, one.state) for one in db.session.query(Notification)}
    assert found == {
        (admins[0], NotificationKind.TEXT_ONLY, NotificationState.FAILED),
        (admins[1], NotificationKind.UNDELIVERABLE, NotificationState.FAILED),
    }
    assert _notices(config) == {}


def test_two_failures_at_the_same_moment_are_one_mail(
    app: Flask, client: FlaskClient, api_key: str, admins: list[str], work: Work
) -> None:
    post_incident(client, api_key, {"message": "m", "recipients": sorted(GONE)})
    ids = [one.id for one in db.session.query(Notification)]
    db.session.rollback()
    together = threading.Barrier(2)

    def fail(alert_id: int) -> None:
        with app.app_context():
            together.wait(10)
            delivery.deliver_alert(alert_id)

    with ThreadPoolExecutor(2) as pool:
        for one in [pool.submit(fail, alert_id) for alert_id in ids]:
            one.result(30)
    renew()
    assert db.session.query(Notification).filter_by(
        kind=NotificationKind.UNDELIVERABLE
    ).count() == len(admins)


@pytest.mark.only_sqlite(reason="the other tests ask both databases the same")
def test_the_account_of_the_first_start_is_written_to_only_if_there_is_no_other(
    client: FlaskClient, api_key: str, work: Work, config: Config
) -> None:
    users.create_user(ACTOR, users.FIRST_ADMIN, "correct horse battery", Role.ADMIN)
    document = {"message": "m", "recipients": ["gone@example.com"]}
    post_incident(client, api_key, document)
    work()
    assert list(_notices(config)) == [users.FIRST_ADMIN]
    users.create_user(ACTOR, "real@example.com", "correct horse battery", Role.ADMIN)
    post_incident(client, api_key, document)
    work()
    assert sorted(mail["To"] for mail in mails(config)) == [users.FIRST_ADMIN, "real@example.com"]


@pytest.mark.only_sqlite(reason="the other tests ask both databases the same")
def test_a_shared_link_that_did_not_arrive_is_told_in_the_administrators_language(
    library: Library, work: Work, config: Config, admins: list[str]
) -> None:
    video = library.incident()
    db.session.query(User).filter_by(email=admins[0]).update({"locale": "en"})
    db.session.commit()
    assert video.purge_at is not None
    sharing.share_video(
        ACTOR, video.public_id, ["gone@example.com"], Terms(expires_at=video.purge_at)
    )
    work()
    notices = _notices(config)
    assert sorted(notices) == admins
    assert "could not deliver" in notices[admins[0]]["Subject"]
    assert "n’a pas pu remettre" in notices[admins[1]]["Subject"]
    assert "/links/" in _text(notices[admins[0]])


@pytest.mark.only_sqlite(reason="the other tests ask both databases the same")
def test_the_dashboard_says_so_and_the_outbox_lists_and_retries_it(
    client: FlaskClient,
    api_key: str,
    work: Work,
    people: Callable[[Role], Person],
    refused_addresses: set[str],
) -> None:
    admin = people(Role.ADMIN)
    post_incident(client, api_key, {"message": "m", "recipients": ["gone@example.com"]})
    work()
    assert "1 message n’a pas pu être remis" in admin.browser.get("/").text
    [failed] = db.session.query(Notification).filter_by(recipient="gone@example.com")
    page = admin.browser.get("/outbox/").text
    assert "550 no such user" in page
    refused_addresses.clear()
    assert admin.post(f"/outbox/undelivered/{failed.id}/retry").status_code == 302
    work()
    renew()
    assert db.session.get_one(Notification, failed.id).state == NotificationState.SENT
    assert "gone@example.com" in admin.browser.get("/outbox/").text, "as a mail that was sent"
    assert "1 message n’a pas pu être remis" not in admin.browser.get("/").text
    viewer = people(Role.VIEWER)
    assert viewer.post(f"/outbox/undelivered/{failed.id}/retry").status_code == 403
