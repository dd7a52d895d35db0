"""Every mail as it was sent: stored without its token, read by administrators, deleted."""

import email
import importlib
from collections.abc import Callable, Iterator
from email import policy
from email.message import EmailMessage

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Flask
from flask.testing import FlaskClient

from tests.helpers import (
    Clock,
    Footage,
    Person,
    incident_document,
    mails,
    post_incident,
    renew,
    text_of,
)
from tests.library import ACTOR, Library
from tests.ports import free_port
from vigint_web.config.config import Config
from vigint_web.extensions import Base, db
from vigint_web.mail import messages
from vigint_web.models import AuditEvent, Link, Mail, Notification, NotificationState, Role
from vigint_web.services.links import links
from vigint_web.services.notifications import delivery, sent_mails
from vigint_web.services.operations.reconciler import reconcile
from vigint_web.services.retention import purge

pytestmark = pytest.mark.both_databases(reason="cursors and the order of nulls")
ONE_DATABASE = pytest.mark.only_sqlite(reason="others here ask of the database what it asks")

Work = Callable[[], None]
People = Callable[[Role], Person]


class _Server:
    """Store mails as they arrive."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Accept everything."""
        assert isinstance(envelope.content, bytes)
        self.taken.append(envelope.content)
        return "250 OK"


def _opened(mail_id: int) -> sent_mails.OpenedMail:
    renew()
    return sent_mails.open_mail(ACTOR, mail_id)


def _only_mail() -> Mail:
    renew()
    return db.session.query(Mail).one()


def _events(action: str) -> list[AuditEvent]:
    renew()
    return db.session.query(AuditEvent).filter_by(action=action).all()


def _everything_stored() -> str:
    """Return every value of every table, and mails with their parts decoded."""
    rows = [
        str(value)
        for table in Base.metadata.sorted_tables
        for row in db.session.execute(table.select())
        for value in row
    ]
    parts = [
        part.get_content()
        for mail in db.session.query(Mail)
        for part in email.message_from_bytes(mail.content, policy=policy.default).walk()
        if part.get_content_maintype() == "text"
    ]
    return "\n".join(rows + parts)


class TestBySmtp:
    """With a mail server the outbox has the mails that the server received."""

    @pytest.fixture
    def server(self) -> Iterator[tuple[_Server, Controller]]:
        taking = _Server()
        controller = Controller(taking, hostname="127.0.0.1", port=free_port(), ready_timeout=60)
        controller.start()
        yield taking, controller
        controller.stop()

    @pytest.fixture
    def settings(self, server: tuple[_Server, Controller]) -> dict[str, str]:
        return {
            "VIGINT_SMTP_SERVER": "127.0.0.1",
            "VIGINT_SMTP_PORT": str(server[1].port),
            "VIGINT_SMTP_USE_TLS": "no",
            "VIGINT_SMTP_FROM": "vigint@example.com",
        }

    def test_what_is_shown_is_byte_for_byte_what_the_server_was_given(
        self,
        client: FlaskClient,
        api_key: str,
        work: Work,
        footage: Footage,
        server: tuple[_Server, Controller],
        people: People,
    ) -> None:
        post_incident(client, api_key, incident_document(footage.frames(3), message="Lé «test»"))
        work()
        [given] = server[0].taken
        row = _only_mail()
        assert (row.channel, row.recipient) == ("smtp", "garde@example.com")
        assert row.link is not None
        token = links.token_of(row.link)
        assert _opened(row.id).content.rstrip() == given.rstrip()
        file = people(Role.ADMIN).browser.get(f"/outbox/{row.id}/eml")
        assert file.data.rstrip() == given.rstrip()
        assert file.mimetype == "message/rfc822"
        sent = email.message_from_bytes(given, policy=policy.default)
        assert isinstance(sent, EmailMessage)
        for kind, shown in (("plain", _opened(row.id).text), ("html", _opened(row.id).html)):
            body = sent.get_body((kind,))
            assert body is not None
            assert token in body.get_content()
            assert shown == body.get_content()

    def test_a_mail_that_goes_again_after_a_death_is_kept_once(
        self,
        client: FlaskClient,
        api_key: str,
        work: Work,
        clock: Clock,
        server: tuple[_Server, Controller],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        class Killed(BaseException):
            pass

        def die(*_: object) -> None:
            raise Killed

        post_incident(client, api_key, {"message": "Alarme"})
        alert_id = db.session.query(Notification.id).scalar()
        with monkeypatch.context() as patch:
            patch.setattr(delivery, "_settle_sent", die)
            with pytest.raises(Killed):
                delivery.deliver_alert(alert_id)
        db.session.rollback()
        assert db.session.query(Mail).count() == 0, "a mail is kept with what settles it"
        clock.forward(seconds=21)
        reconcile()
        work()
        assert len(server[0].taken) == 2
        assert _only_mail().alert_id == alert_id
        again = {
            column.name: getattr(_only_mail(), column.name)
            for column in Mail.__table__.columns
            if column.name != "id"
        }
        sent_mails.keep_mail(again)
        assert _only_mail().alert_id == alert_id


def test_the_database_holds_nothing_that_opens_a_video(
    client: FlaskClient, api_key: str, work: Work, footage: Footage, config: Config
) -> None:
    post_incident(client, api_key, incident_document(footage.frames(3)))
    work()
    [written] = mails(config)
    row = _only_mail()
    assert row.link is not None
    token = links.token_of(row.link)
    assert token in written.as_bytes().decode() or token in text_of(written), (
        "the file of the outbox is the mail as it would have been sent"
    )
    stored = _everything_stored()
    for link in db.session.query(Link):
        assert links.token_of(link) not in stored
    assert token in _opened(row.id).text
    assert (row.channel, row.subject) == ("outbox", str(written["Subject"]))
    assert _opened(row.id).headers == {
        name: str(written[name]) for name in ("From", "To", "Date", "Subject", "Message-ID")
    }


def test_reading_is_for_administrators_and_is_told(
    client: FlaskClient, api_key: str, work: Work, footage: Footage, people: People
) -> None:
    post_incident(client, api_key, incident_document(footage.frames(3), message="<b>Alarme</b>"))
    work()
    row = _only_mail()
    admin = people(Role.ADMIN)
    assert "garde@example.com" in admin.browser.get("/outbox/").text
    assert _events("outbox:opened") == [], "a list is no opening"
    page = admin.browser.get(f"/outbox/{row.id}/").text
    assert "&lt;b&gt;Alarme" in page
    assert f"/links/{row.link_id}/" in page
    [event] = _events("outbox:opened")
    assert (event.actor, event.subject) == (admin.email, f"mail:{row.id}")
    assert event.detail == {"recipient": "garde@example.com"}
    frame = page.partition("<iframe")[2].partition('src="')[2].partition('"')[0]
    shown = admin.browser.get(frame.replace("&amp;", "&"))
    assert "sandbox" in shown.headers["Content-Security-Policy"]
    assert "script-src" not in shown.headers["Content-Security-Policy"]
    assert "<b>Alarme" not in shown.text
    assert len(_events("outbox:opened")) == 1, "the frame is a part of the opening"
    admin.browser.get(f"/outbox/{row.id}/html")
    assert len(_events("outbox:opened")) == 2, "the frame alone is an opening"
    admin.browser.get(frame.replace("&amp;", "&").replace(f"/{row.id}/", "/999/"))
    admin.browser.get(f"/outbox/{row.id}/html?opening=forged")
    assert len(_events("outbox:opened")) == 3
    file = admin.browser.get(f"/outbox/{row.id}/eml")
    assert f"vigint-{row.id}.eml" in file.headers["Content-Disposition"]
    [event] = _events("outbox:downloaded")
    assert event.actor == admin.email
    for name in ("0", "999", "99999999999", "-1", "..", "nothing"):
        assert admin.browser.get(f"/outbox/{name}/").status_code == 404, name
    for role in (Role.OPERATOR, Role.VIEWER):
        for part in ("", f"{row.id}/", f"{row.id}/html", f"{row.id}/eml", "live"):
            assert people(role).browser.get(f"/outbox/{part}").status_code == 403, (role, part)


def test_the_frame_of_an_opening_is_soon_an_opening_of_its_own(
    client: FlaskClient,
    api_key: str,
    work: Work,
    people: People,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    post_incident(client, api_key, {"message": "Alarme"})
    work()
    admin = people(Role.ADMIN)
    page = admin.browser.get(f"/outbox/{_only_mail().id}/").text
    frame = page.partition("<iframe")[2].partition('src="')[2].partition('"')[0]
    monkeypatch.setattr(sent_mails, "_OPENING_SECONDS", -1)
    admin.browser.get(frame)
    assert len(_events("outbox:opened")) == 2


@pytest.mark.parametrize("death", ["revoked", "expired", "used up", "alive"])
@ONE_DATABASE
def test_the_page_says_whether_the_address_in_the_mail_opens_something(
    client: FlaskClient,
    api_key: str,
    work: Work,
    footage: Footage,
    people: People,
    clock: Clock,
    death: str,
) -> None:
    post_incident(client, api_key, incident_document(footage.frames(3)))
    work()
    row = _only_mail()
    assert row.link is not None
    token, video_id = links.token_of(row.link), row.link.video.public_id
    if death == "revoked":
        links.revoke_link(ACTOR, row.link.id)
    elif death == "expired":
        clock.forward(hours=49)
    elif death == "used up":
        row.link.max_views = row.link.views
        db.session.commit()
    browser = people(Role.ADMIN).browser
    browser.post("/language", data={"locale": "en"})
    page = browser.get(f"/outbox/{row.id}/", headers={"Accept-Language": "en"}).text
    opens = client.get(f"/video/{video_id}?token={token}").status_code == 200
    assert opens == (death == "alive")
    assert page.count("ne fonctionne plus") + page.count("no longer works") == (not opens)


@ONE_DATABASE
def test_a_mail_without_a_video_carries_no_link(
    client: FlaskClient, api_key: str, work: Work, people: People
) -> None:
    post_incident(client, api_key, {"message": "Alarme"})
    work()
    row = _only_mail()
    assert row.link_id is None
    assert people(Role.ADMIN).browser.get(f"/outbox/{row.id}/").status_code == 200


def test_mails_are_found_by_their_recipient_and_listed_a_page_at_a_time(
    client: FlaskClient, api_key: str, work: Work, people: People
) -> None:
    everyone = [f"garde{number:02d}@example.com" for number in range(60)]
    for first in (0, 20, 40):
        recipients = everyone[first : first + 20]
        post_incident(client, api_key, {"message": "m", "recipients": recipients})
    work()
    browser = people(Role.ADMIN).browser
    page = browser.get("/outbox/").text
    assert page.count("garde") == 50
    older = page.partition('rel="next"')[2].partition('href="')[2].partition('"')[0]
    rest = browser.get(older).text
    assert rest.count("garde") == 10
    assert {name for name in everyone if name in page + rest} == set(everyone)
    found = browser.get("/outbox/?q=GARDE07").text
    assert found.count("garde07@example.com") == 1
    assert "garde08" not in found
    assert "garde" not in browser.get("/outbox/?q=%25").text
    assert "garde07" in browser.get("/outbox/live?q=garde07").text


def test_mails_go_with_the_footage_they_tell_of(
    client: FlaskClient, api_key: str, work: Work, footage: Footage, clock: Clock
) -> None:
    post_incident(client, api_key, incident_document(footage.frames(3)))
    clock.forward(days=29)
    post_incident(client, api_key, incident_document(footage.frames(3)))
    work()
    assert db.session.query(Mail).count() == 2
    clock.forward(days=1, hours=1)
    assert purge.purge_due() == 1
    [event] = _events("video:purged")
    assert event.detail["mails"] == 1
    assert _only_mail().link is not None, "the mail of footage that is still there stays"


def test_mails_without_footage_go_by_their_age(
    client: FlaskClient, api_key: str, work: Work, clock: Clock
) -> None:
    post_incident(client, api_key, {"message": "m"})
    work()
    clock.forward(days=29)
    assert purge.purge_outbox() == 0
    clock.forward(days=2)
    assert purge.purge_outbox() == 2, "the row and the file"
    [event] = _events("outbox:purged")
    assert event.detail == {"mails": 1, "files": 1}
    assert db.session.query(Mail).count() == 0
    assert purge.purge_outbox() == 0


def test_footage_purged_while_its_mail_was_under_way_undoes_no_delivery(
    app: Flask,
    library: Library,
    client: FlaskClient,
    api_key: str,
    work: Work,
    footage: Footage,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = messages.send

    def slow(*arguments: object) -> object:
        answer = real(*arguments)  # type: ignore[arg-type]  # passed on as they came
        clock.forward(days=31)
        assert purge.purge_due() == 1
        return answer

    monkeypatch.setattr(
        importlib.import_module("vigint_web.services.notifications.delivery"), "send", slow
    )
    post_incident(client, api_key, incident_document(footage.frames(3)))
    work()
    renew()
    assert db.session.query(Notification).one().state == NotificationState.SENT
    assert _only_mail().link_id is None
    assert _opened(_only_mail().id).link_is_gone
    purge.purge_outbox()
    assert _only_mail(), "it is a new mail"
    clock.forward(days=30, hours=1)
    purge.purge_outbox()
    assert db.session.query(Mail).count() == 0
