"""Mailed links: invitations and new passwords. One mail, one link, used once."""

import re
from collections.abc import Callable
from email.message import EmailMessage

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import PASSWORD
from tests.helpers import Clock, Person, csrf_token, log_in, mails, path_of, renew
from tests.library import ACTOR
from vigint_web.config.config import Config
from vigint_web.errors import NotFound
from vigint_web.extensions import db
from vigint_web.mail.messages import MailUndelivered, OutgoingMail
from vigint_web.models import AccountMail, AuditEvent, Role, User
from vigint_web.services.accounts import account_mails, password_links, sites, users
from vigint_web.services.accounts import user_admin as people
from vigint_web.services.accounts.login_throttling import TooSoon, take_attempt
from vigint_web.services.core.runtime import runtime
from vigint_web.services.notifications import account_delivery
from vigint_web.services.operations.reconciler import reconcile

GUEST = "guest@example.com"
FRESH = "another long enough word"


def _text(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def _html(mail: EmailMessage) -> str:
    part = mail.get_body(("html",))
    assert part is not None
    return str(part.get_content())


def _link(mail: EmailMessage) -> str:
    [link] = re.findall(r"http://vigint\.test/password/set\?token=\S+", _text(mail))
    return str(link)


def _opened(app: Flask, link: str) -> FlaskClient:
    """Open a link in a browser of its own, like its recipient."""
    browser = app.test_client()
    answer = browser.get(path_of(link))
    assert (answer.status_code, answer.headers["Location"]) == (302, "/password/set")
    return browser


def _set(browser: FlaskClient, password: str, repeated: str | None = None) -> int:
    token = csrf_token(browser.get("/password/set").text)
    form = {"csrf_token": token, "new": password, "repeated": repeated or password}
    return browser.post("/password/set", data=form).status_code


def _forgot(browser: FlaskClient, email: str) -> str:
    token = csrf_token(browser.get("/password/forgot").text)
    answer = browser.post("/password/forgot", data={"csrf_token": token, "email": email})
    assert answer.status_code == 200
    return re.sub(r'value="[^"]*"', "", answer.text)


@pytest.fixture
def guest(app: Flask) -> User:
    return people.invite(ACTOR, GUEST, Role.OPERATOR, [sites.default_site().id], "fr")


@pytest.fixture
def member(app: Flask) -> User:
    return users.create_user(ACTOR, GUEST, PASSWORD, Role.OPERATOR)


def test_whoever_is_invited_chooses_a_password_and_is_in(
    app: Flask, guest: User, work: Callable[[], None], config: Config
) -> None:
    assert users.authenticate(GUEST, "") is None
    work()
    [mail] = mails(config)
    assert mail["To"] == GUEST
    browser = _opened(app, _link(mail))
    assert GUEST in browser.get("/password/set").text
    assert _set(browser, "short") == 422
    assert _set(browser, FRESH, "another thing") == 422
    assert _set(browser, "guest@example.com") == 422
    assert _set(browser, FRESH) == 302
    log_in(browser, GUEST, FRESH)
    assert browser.get("/").status_code == 200
    actions = [event.action for event in db.session.query(AuditEvent).order_by(AuditEvent.id)]
    assert {"user:invited", "account_mail:sent", "user:joined"} <= set(actions)


@pytest.mark.parametrize(
    ("locale", "subject", "sentence"),
    [
        ("fr", "Votre invitation à Vigint", "Ce lien est réservé à vous seul"),
        ("en", "Your invitation to Vigint", "This link is for you alone"),
    ],
)
def test_the_mail_is_in_the_language_of_its_recipient(
    app: Flask, work: Callable[[], None], config: Config, locale: str, subject: str, sentence: str
) -> None:
    people.invite(ACTOR, GUEST, Role.VIEWER, [sites.default_site().id], locale)
    work()
    [mail] = mails(config)
    assert mail["Subject"] == subject
    for shown in (_text(mail), _html(mail)):
        assert sentence in shown
        assert "vigint.test" in shown
        assert "UTC+0" in shown, "until when, and in which zone"
    assert _link(mail) in _html(mail)
    assert f'lang="{locale}"' in _html(mail)
    assert "<img" not in _html(mail)
    texts = [part for part in mail.walk() if part.get_content_maintype() == "text"]
    assert [part.get_content_charset() for part in texts] == ["utf-8", "utf-8"]


def test_a_link_opens_once(
    app: Flask, guest: User, work: Callable[[], None], config: Config
) -> None:
    work()
    link = _link(mails(config)[0])
    first, second = _opened(app, link), _opened(app, link)
    assert _set(first, FRESH) == 302
    assert second.get("/password/set").status_code == 410
    assert _opened(app, link).get("/password/set").status_code == 410
    assert users.authenticate(GUEST, FRESH) is not None


def test_opening_the_link_uses_nothing_up(
    app: Flask, guest: User, work: Callable[[], None], config: Config
) -> None:
    """Mail scanners open every link."""
    work()
    link = _link(mails(config)[0])
    for _n in range(5):
        assert _opened(app, link).get("/password/set").status_code == 200
    assert _set(_opened(app, link), FRESH) == 302


def test_an_invitation_sent_again_replaces_the_one_before(
    app: Flask, guest: User, work: Callable[[], None], config: Config, clock: Clock
) -> None:
    work()
    [first] = [_link(mail) for mail in mails(config)]
    people.resend_invitation(ACTOR, guest.id)
    work()
    [second] = [link for mail in mails(config) if (link := _link(mail)) != first]
    assert _opened(app, first).get("/password/set").status_code == 410
    assert _opened(app, second).get("/password/set").status_code == 200
    clock.forward(days=7, minutes=1)
    expired = _opened(app, second).get("/password/set")
    assert expired.status_code == 410
    assert "expiré" in expired.text


def test_a_new_password_ends_sessions_and_links_and_is_told(
    app: Flask, member: User, client: FlaskClient, work: Callable[[], None], config: Config
) -> None:
    log_in(client, GUEST, PASSWORD)
    stranger = app.test_client()
    for _n in range(2):
        _forgot(stranger, f" {GUEST.upper()}")
    work()
    links = [_link(mail) for mail in mails(config)]
    assert len(links) == 2
    assert _set(_opened(app, links[0]), FRESH) == 302
    assert client.get("/").status_code == 302, "sessions with the old password end"
    assert _opened(app, links[1]).get("/password/set").status_code == 410
    assert users.authenticate(GUEST, PASSWORD) is None
    assert users.authenticate(GUEST, FRESH) is not None
    work()
    [notice] = [mail for mail in mails(config) if "token=" not in _text(mail)]
    assert "changé" in str(notice["Subject"])


def test_a_reset_lasts_an_hour(
    app: Flask, member: User, work: Callable[[], None], config: Config, clock: Clock
) -> None:
    _forgot(app.test_client(), GUEST)
    work()
    link = _link(mails(config)[0])
    clock.forward(minutes=59)
    assert _opened(app, link).get("/password/set").status_code == 200
    clock.forward(minutes=2)
    assert _opened(app, link).get("/password/set").status_code == 410


def test_the_link_of_a_reset_opens_before_the_mail_server_has_answered(
    app: Flask, member: User, work: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = list[int]()

    def delivered_but_unanswered(letter: OutgoingMail, _config: Config) -> str:
        found = re.search(r"\S+/password/set\?token=\S+", letter.body or "")
        assert found
        opened.append(_opened(app, found[0]).get("/password/set").status_code)
        return "smtp"

    monkeypatch.setattr(account_delivery, "send", delivered_but_unanswered)
    _forgot(app.test_client(), GUEST)
    work()
    assert opened == [200]


def test_the_answer_does_not_tell_whether_there_is_an_account(
    app: Flask, member: User, work: Callable[[], None], config: Config
) -> None:
    browser = app.test_client()
    answers = [_forgot(browser, email) for email in (GUEST, "nobody@example.com", "no address")]
    assert answers[0] == answers[1] == answers[2]
    assert db.session.query(AccountMail).count() == 2, "the request does the same for both"
    work()
    [mail] = mails(config)
    assert mail["To"] == GUEST
    assert db.session.query(AccountMail).count() == 1, "nothing is kept about unknown addresses"


def test_without_a_mail_server_the_page_says_once_whom_to_ask(app: Flask, config: Config) -> None:
    assert not config.email.server
    browser = app.test_client()
    before = browser.get("/password/forgot").text
    for page in (before, _forgot(browser, GUEST)):
        assert page.count('<p class="notice ') == 1
        assert page.count("un administrateur") == 1
        assert "Demander le lien" in page


def test_nobody_fills_the_mailbox_of_another(
    app: Flask, member: User, work: Callable[[], None], config: Config, clock: Clock
) -> None:
    for _n in range(5):
        account_mails.ask_for_reset(GUEST, "fr")
    work()
    assert len(mails(config)) == 3
    clock.forward(hours=1, minutes=1)
    account_mails.ask_for_reset(GUEST, "fr")
    work()
    assert len(mails(config)) == 4


def test_asking_is_limited_by_address(client: FlaskClient) -> None:
    for _n in range(5):
        _forgot(client, "nobody@example.com")
    token = csrf_token(client.get("/password/forgot").text)
    form = {"csrf_token": token, "email": GUEST}
    assert client.post("/password/forgot", data=form).status_code == 429


def test_whoever_is_out_gets_no_link(
    app: Flask, guest: User, work: Callable[[], None], config: Config
) -> None:
    work()
    link = _link(mails(config)[0])
    people.deactivate(ACTOR, guest.id)
    assert _opened(app, link).get("/password/set").status_code == 404
    account_mails.ask_for_reset(GUEST, "fr")
    work()
    assert len(mails(config)) == 1


def test_somebody_invited_who_asks_for_a_reset_gets_in_too(
    app: Flask, guest: User, work: Callable[[], None], config: Config
) -> None:
    account_mails.ask_for_reset(GUEST, "fr")
    work()
    [reset] = [mail for mail in mails(config) if "mot de passe" in str(mail["Subject"])]
    assert _set(_opened(app, _link(reset)), FRESH) == 302
    assert users.authenticate(GUEST, FRESH) is not None


def test_the_link_sets_a_password_and_passes_no_second_factor(
    app: Flask, member: User, work: Callable[[], None], config: Config
) -> None:
    _forgot(app.test_client(), GUEST)
    work()
    browser = _opened(app, _link(mails(config)[0]))
    assert _set(browser, FRESH) == 302
    assert browser.get("/").status_code == 302, "a login is required after that"


def test_whoever_reads_the_mail_is_let_in_however_often_a_stranger_failed(
    app: Flask, member: User, work: Callable[[], None], config: Config
) -> None:
    refused = 0
    for n in range(60):
        try:
            take_attempt("password", GUEST, f"198.51.100.{n}", None)
            take_attempt("password", GUEST, "127.0.0.1", None)
        except TooSoon:
            refused += 1
    assert refused > 20
    _forgot(app.test_client(), GUEST)
    work()
    browser = _opened(app, _link(mails(config)[0]))
    assert _set(browser, FRESH) == 302
    log_in(browser, GUEST, FRESH)
    assert browser.get("/").status_code == 200


def test_a_forged_token_opens_nothing(app: Flask, guest: User, client: FlaskClient) -> None:
    row = db.session.query(AccountMail).one()
    good = password_links.address_of(row).partition("token=")[2]
    spellings = {
        good[:-1],
        good + "=",
        good + "A",
        good.swapcase(),
        row.handle,
        good.replace(".", "..", 1),
        "",
        "\u00e9",
        "x" * 5000,
        *(
            good[:-1] + last
            for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghij-_"
            if last != good[-1]
        ),
    }
    for token in spellings:
        with pytest.raises(NotFound):
            password_links.open_token(token)
    client.get("/password/set", query_string={"token": good[:-1]})
    assert client.get("/password/set").status_code == 404
    assert password_links.open_token(good).id == row.id


def test_a_token_of_one_kind_is_none_of_another(app: Flask, guest: User) -> None:
    row = db.session.query(AccountMail).one()
    good = password_links.address_of(row).partition("token=")[2]
    row.purpose = "password_reset"  # type: ignore[assignment]  # as it would be read
    db.session.commit()
    with pytest.raises(NotFound):
        password_links.open_token(good)


def test_neither_database_nor_queue_nor_log_holds_a_token(
    app: Flask,
    guest: User,
    work: Callable[[], None],
    config: Config,
    caplog: pytest.LogCaptureFixture,
) -> None:
    work()
    link = _link(mails(config)[0])
    token = link.partition("token=")[2]
    browser = _opened(app, link)
    assert _set(browser, FRESH) == 302
    assert token not in caplog.text
    renew()
    for model in (AccountMail, AuditEvent, User):
        for row in db.session.query(model):
            kept = " ".join(str(value) for value in vars(row).values())
            assert token not in kept
            assert token.rpartition(".")[2] not in kept


def test_the_page_of_the_token_leaks_it_nowhere(
    app: Flask, guest: User, client: FlaskClient
) -> None:
    row = db.session.query(AccountMail).one()
    link = password_links.address_of(row)
    token = link.partition("token=")[2]
    moved = client.get(path_of(link))
    assert "no-store" in moved.headers["Cache-Control"]
    assert token not in moved.headers["Location"]
    page = client.get("/password/set")
    assert token not in page.text
    assert "no-store" in page.headers["Cache-Control"]
    assert page.headers["Referrer-Policy"] in {"same-origin", "no-referrer"}


def test_a_mail_whose_queue_was_lost_is_sent_all_the_same(
    app: Flask, guest: User, work: Callable[[], None], config: Config
) -> None:
    runtime().redis.flushall()
    work()
    assert mails(config) == []
    assert reconcile() == 1
    work()
    assert len(mails(config)) == 1
    assert reconcile() == 0


def test_a_mail_server_that_is_away_is_tried_again(
    app: Flask,
    guest: User,
    work: Callable[[], None],
    config: Config,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> str:
        raise MailUndelivered("450 later")

    with monkeypatch.context() as patch:
        patch.setattr(account_delivery, "send", refuse)
        work()
    row = db.session.query(AccountMail).one()
    assert (str(row.state), row.error) == ("pending", "450 later")
    clock.forward(seconds=11)
    assert reconcile() == 1
    work()
    renew()
    row = db.session.query(AccountMail).one()
    assert (str(row.state), row.error, row.channel) == ("sent", None, "outbox")
    assert len(mails(config)) == 1


def test_a_mail_is_given_up_when_its_link_is_dead(
    app: Flask, guest: User, work: Callable[[], None], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> str:
        raise MailUndelivered("450 later")

    monkeypatch.setattr(account_delivery, "send", refuse)
    clock.forward(days=8)
    work()
    renew()
    assert str(db.session.query(AccountMail.state).scalar()) == "failed"
    assert reconcile() == 0


def test_old_mails_are_forgotten(app: Flask, guest: User, clock: Clock) -> None:
    clock.forward(days=29)
    account_mails.forget_old_mails()
    assert db.session.query(AccountMail).count() == 1
    clock.forward(days=2)
    account_mails.forget_old_mails()
    assert db.session.query(AccountMail).count() == 0


def test_without_a_mail_server_an_administrator_hands_the_link_over(
    app: Flask, guest: User, work: Callable[[], None], people: Callable[[Role], Person]
) -> None:
    admin = people(Role.ADMIN)
    assert admin.post(f"/people/{guest.id}/link").status_code == 404, "it is not written yet"
    work()
    shown = admin.post(f"/people/{guest.id}/link")
    [link] = re.findall(r"http://vigint\.test/password/set\?token=[\w.~-]+", shown.text)
    assert _set(_opened(app, link), FRESH) == 302
    renew()
    event = db.session.query(AuditEvent).filter_by(action="account_link:shown").one()
    assert event.actor == admin.email
    assert admin.post(f"/people/{guest.id}/link").status_code == 404, "it is used"
