"""Mails about accounts: the answers to requests, and what can be read of them."""

import re
from collections.abc import Callable

import pytest
from flask import Flask

from tests.helpers import Footage, Person, incident_document, mails, post_incident, renew, text_of
from tests.library import ACTOR
from vigint_web.extensions import db
from vigint_web.mail.messages import MailUndelivered
from vigint_web.models import AccountMailPurpose, AuditEvent, Link, Mail, Notification, Role, User
from vigint_web.services.accounts import account_mails, sites, users
from vigint_web.services.accounts import user_admin as people
from vigint_web.services.core.runtime import runtime
from vigint_web.services.links import links
from vigint_web.services.notifications import account_delivery, sent_mails

Work = Callable[[], None]
People = Callable[[Role], Person]

PASSWORD = "a long enough word to log in"
_LINK = re.compile(r"http://vigint\.test/password/set\?token=([\w.~-]+)")


@pytest.fixture
def admin(people: People) -> Person:
    return people(Role.ADMIN)


@pytest.fixture
def with_server(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Configure a mail server, which receives nothing before the workers run."""
    from dataclasses import replace

    here = runtime()
    email = replace(here.config.email, server="smtp.example.com")
    monkeypatch.setattr(here, "config", replace(here.config, email=email))


def _invite(admin: Person, email: str = "guest@example.com") -> tuple[int, str]:
    site = sites.default_site().id
    form = {"email": email, "role": "operator", "sites": [str(site)], "locale": "fr"}
    answer = admin.post("/people/invite/", page="/people/invite/", **form)
    return answer.status_code, answer.text


def _user(email: str = "guest@example.com") -> User:
    renew()
    return db.session.query(User).filter_by(email=email).one()


def _kept() -> list[Mail]:
    renew()
    return db.session.query(Mail).order_by(Mail.id).all()


def test_without_a_mail_server_the_answer_to_an_invitation_has_the_link(
    app: Flask, admin: Person
) -> None:
    status, text = _invite(admin)
    assert status == 200
    assert len(set(_LINK.findall(text))) == 1, "the link to hand over is in this answer"
    assert "Aucun serveur de messagerie" in text
    assert "Invitation envoyée" not in text
    renew()
    shown = db.session.query(AuditEvent).filter_by(action="account_link:shown").one()
    assert shown.actor == admin.email
    before = set(_LINK.findall(text))
    again = admin.post(f"/people/{_user().id}/resend").text
    assert len(set(_LINK.findall(again)) - before) == 1, "another invitation has another link"


def test_a_new_password_is_handed_over_at_once_too(app: Flask, admin: Person) -> None:
    member = users.create_user(ACTOR, "member@example.com", PASSWORD, Role.VIEWER)
    answer = admin.post(f"/people/{member.id}/reset")
    assert answer.status_code == 200
    assert len(set(_LINK.findall(answer.text))) == 1
    own = admin.post(f"/people/{_user(admin.email).id}/reset")
    assert own.status_code == 302, "a person is never shown their own link"


def test_with_a_mail_server_no_link_is_shown(app: Flask, admin: Person, with_server: None) -> None:
    status, text = _invite(admin)
    assert (status, _LINK.findall(text)) == (302, [])
    shown = admin.browser.get(f"/people/{_user().id}/").text
    assert "Invitation envoyée à" in shown
    assert admin.post(f"/people/{_user().id}/link").status_code == 404


@pytest.mark.parametrize("purpose", AccountMailPurpose)
def test_every_account_mail_is_in_the_outbox_without_its_token(
    app: Flask, admin: Person, work: Work, purpose: AccountMailPurpose
) -> None:
    member = users.create_user(ACTOR, "member@example.com", PASSWORD, Role.VIEWER)
    account_mails.notify(member, purpose)
    work()
    [sent] = mails(runtime().config)
    whole = sent.as_string() + text_of(sent)
    tokens = set(_LINK.findall(whole))
    [row] = _kept()
    listed = admin.browser.get("/outbox/").text
    assert "member@example.com" in listed
    assert f"/outbox/{row.id}/" in listed
    pages = [
        listed,
        admin.browser.get(f"/outbox/{row.id}/").text,
        admin.browser.get(f"/outbox/{row.id}/html").text,
        admin.browser.get(f"/outbox/{row.id}/eml").text,
        sent_mails.open_mail(ACTOR, row.id).text,
    ]
    linked = purpose in {AccountMailPurpose.INVITATION, AccountMailPurpose.PASSWORD_RESET}
    assert len(tokens) == linked
    for token in tokens:
        assert not [page for page in pages if token in page], "its token is shown nowhere"
    assert ("mot de passe" in pages[1] and "masquée" in pages[1]) == linked
    assert str(sent["Subject"]) in pages[1]
    assert "boîte d’envoi" in pages[1], "it says by which way"
    assert f'datetime="{row.sent_at.isoformat()}"' in pages[1], "and when"


def test_other_people_read_no_account_mail(app: Flask, work: Work, people: People) -> None:
    member = users.create_user(ACTOR, "member@example.com", PASSWORD, Role.VIEWER)
    account_mails.notify(member, AccountMailPurpose.PASSWORD_CHANGED)
    work()
    [row] = _kept()
    assert people(Role.OPERATOR).browser.get(f"/outbox/{row.id}/").status_code in {403, 404}


def test_an_account_mail_that_was_not_delivered_is_listed(
    app: Flask, admin: Person, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> str:
        raise MailUndelivered("The mail server is away.")

    monkeypatch.setattr(account_delivery, "send", away)
    people.invite(ACTOR, "guest@example.com", Role.ADMIN, [], "fr")
    work()
    shown = admin.browser.get("/outbox/").text
    assert "guest@example.com" in shown
    assert "The mail server is away." in shown
    assert f"/people/{_user().id}/" in shown
    assert "guest@example.com" not in admin.browser.get("/outbox/?q=nothing").text


def test_the_address_in_an_alert_mail_is_shown_only_while_its_link_lives(
    app: Flask, admin: Person, footage: Footage, work: Work, client: object, api_key: str
) -> None:
    post_incident(client, api_key, incident_document(footage.frames(3)))  # type: ignore[arg-type]  # the fixture's
    work()
    [row] = _kept()
    link = db.session.query(Link).filter(Link.id == row.link_id).one()
    token = links.token_of(link)
    addresses = (f"/outbox/{row.id}/", f"/outbox/{row.id}/html")
    for address in addresses:
        assert token in admin.browser.get(address).text
    links.revoke_link(ACTOR, link.id)
    for address in (*addresses, f"/outbox/{row.id}/eml"):
        assert token not in admin.browser.get(address).text, "the link is dead"
    assert "masquée" in admin.browser.get(addresses[0]).text
    assert db.session.query(Notification).count() == 1
