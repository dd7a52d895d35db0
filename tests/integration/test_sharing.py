"""Sharing: a link for each recipient, mailed; the sharer is notified of the first use, once."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.helpers import Clock, Person, mails, path_of, renew, text_of
from tests.library import ACTOR, Library
from vigint_web.clock import utcnow
from vigint_web.config.config import Config
from vigint_web.errors import Conflict, Invalid
from vigint_web.extensions import db
from vigint_web.models import (
    Access,
    AuditEvent,
    Link,
    Notification,
    NotificationState,
    Playback,
    Role,
    Video,
    VideoStatus,
)
from vigint_web.services.accounts import users
from vigint_web.services.core.actors import Actor, as_user, command_line
from vigint_web.services.links import access, links, plays, sharing
from vigint_web.services.links.sharing import Selection, Terms

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/604.1"


@pytest.fixture
def sharer(app: Flask) -> Actor:
    """Give an operator."""
    person = users.create_user(
        command_line("test"), "chef@example.com", "correct horse battery", Role.OPERATOR
    )
    return as_user(person)


def _terms(**more: object) -> Terms:
    return Terms(**{"expires_at": utcnow() + timedelta(hours=48), **more})  # type: ignore[arg-type]  # a test's shorthand


def _share(sharer: Actor, video: Video, *recipients: str, **more: object) -> list[Link]:
    return sharing.share_video(sharer, video.public_id, recipients, _terms(**more))


def test_each_recipient_gets_a_link_and_a_mail_of_their_own(
    sharer: Actor,
    library: Library,
    work: Callable[[], None],
    config: Config,
    client: FlaskClient,
) -> None:
    video = library.incident()
    made = _share(
        sharer, video, "a@example.com", "b@example.com", "a@example.com", note="Pour l’enquête."
    )
    assert [link.recipient for link in made] == ["a@example.com", "b@example.com"]
    work()
    sent = {str(mail["To"]): mail for mail in mails(config)}
    assert set(sent) == {"a@example.com", "b@example.com"}
    for link in made:
        text = text_of(sent[link.recipient or ""])
        html = text_of(sent[link.recipient or ""], "html")
        address = links.private_url(link, video.public_id)
        assert address in text, "the text carries another link than its own"
        assert address in html, "the HTML carries another link than its own"
        assert "Pour l’enquête." in text
        assert "Intrusion" in text
        assert client.get(path_of(address)).status_code == 200
    states = {notification.state for notification in db.session.query(Notification)}
    assert states == {NotificationState.SENT}


@pytest.mark.parametrize(
    ("recipients", "terms", "mistake"),
    [
        ([], {}, "no_recipient"),
        (["nobody"], {}, "not_an_address"),
        (["a@example.com\r\nBcc: b@example.com"], {}, "not_an_address"),
        ([f"{n}@example.com" for n in range(21)], {}, "too_many_recipients"),
        (["a@example.com"], {"expires_at": timedelta(hours=-1)}, "end_is_over"),
        (["a@example.com"], {"expires_at": timedelta(days=400)}, "end_after_purge"),
        (["a@example.com"], {"not_before": timedelta(days=3)}, "begins_after_end"),
    ],
)
def test_what_makes_no_sense_is_refused_whole(
    sharer: Actor,
    library: Library,
    recipients: list[str],
    terms: dict[str, timedelta],
    mistake: str,
) -> None:
    video = library.incident()
    before = db.session.query(Link).count()
    moments = {name: utcnow() + delta for name, delta in terms.items()}
    with pytest.raises(Invalid) as refused:
        _share(sharer, video, *recipients, **moments)
    assert mistake in {found.code for found in refused.value.mistakes}
    assert db.session.query(Link).count() == before


def test_the_sharer_is_told_of_the_first_use_once(
    sharer: Actor,
    library: Library,
    work: Callable[[], None],
    config: Config,
    client: FlaskClient,
) -> None:
    link = _share(sharer, library.incident(), "garde@example.com")[0]
    work()
    token = links.token_of(link)
    for _ in range(2):
        view = library.view(token, user_agent=PHONE)
        client.get(f"/stream/{token}/?view={view}", headers={"User-Agent": PHONE})
    work()
    notices = [mail for mail in mails(config) if mail["To"] == "chef@example.com"]
    assert len(notices) == 1
    text = text_of(notices[0])
    assert "garde@example.com" in text
    assert f"/links/{link.id}/" in text
    assert "token=" not in text, "this mail opens nothing"
    assert "a regardé" not in text, "a link can be passed on"


def test_extending_revives_and_never_outlives_the_footage(
    sharer: Actor, library: Library, client: FlaskClient
) -> None:
    video = library.incident()
    token = library.person_token(video)
    library.expire(token)
    assert client.get(f"/stream/{token}/").status_code == 410
    renew()
    link = access.find_link(token)
    assert link is not None
    assert video.purge_at is not None
    sharing.change_expiry(sharer, link.id, utcnow() + timedelta(hours=1))
    assert client.get(f"/stream/{token}/").status_code == 200
    with pytest.raises(Invalid):
        sharing.change_expiry(sharer, link.id, video.purge_at + timedelta(seconds=1))
    links.revoke_link(ACTOR, link.id)
    with pytest.raises(Conflict):
        sharing.change_expiry(sharer, link.id, utcnow() + timedelta(hours=1))
    with pytest.raises(Conflict):
        sharing.send_again(sharer, link.id)
    with pytest.raises(Conflict):
        sharing.reveal_link(sharer, link.id)


def test_showing_a_link_is_audited(sharer: Actor, library: Library) -> None:
    link = library.person_link(library.incident(), recipient="garde@example.com")
    assert links.token_of(link) in sharing.reveal_link(sharer, link.id)
    event = db.session.query(AuditEvent).filter_by(action="link:shown").one()
    assert event.actor == "chef@example.com"
    assert links.token_of(link) not in str(event.detail)


def test_all_links_of_a_recipient_a_video_and_a_key_end_at_once(
    sharer: Actor, library: Library, client: FlaskClient
) -> None:
    one, other = library.incident(), library.incident()
    shared = [
        *_share(sharer, one, "a@example.com", "b@example.com"),
        *_share(sharer, other, "a@example.com"),
    ]
    assert sharing.revoke_links(ACTOR, Selection(recipient="a@example.com"), "lost phone") == 2
    alive = [
        client.get(f"/stream/{links.token_of(link)}/?view=x").status_code == 200 for link in shared
    ]
    assert alive == [False, True, False]
    of_video = Selection(public_id=one.public_id)
    assert sharing.revoke_links(ACTOR, of_video, "") == 2, "b's and the detector's"
    renew()
    key = db.session.query(Link).filter(Link.api_key_id.is_not(None), Link.video_id == other.id)
    assert sharing.revoke_links(ACTOR, Selection(api_key_id=key.one().api_key_id), "") == 1
    every = Selection(tuple(link.id for link in shared))
    assert sharing.revoke_links(ACTOR, every, "") == 0, "none was left"


def test_links_of_other_sites_are_not_there(library: Library, sharer: Actor) -> None:
    link = library.person_link(library.incident(), recipient="a@example.com")
    elsewhere = Actor(label="x", role=Role.ADMIN, user_id=1, site_ids=frozenset({999}))
    assert sharing.revoke_links(elsewhere, Selection((link.id,)), "") == 0
    assert sharing.revoke_links(elsewhere, Selection(recipient="a@example.com"), "") == 0
    assert sharing.revoke_links(elsewhere, Selection(), "") == 0, "nothing chosen is nothing"


def test_the_log_tells_each_play_and_forgets_who_it_was(
    sharer: Actor, library: Library, client: FlaskClient, clock: Clock
) -> None:
    video = library.incident()
    link = _share(sharer, video, "garde@example.com")[0]
    address = f"/stream/{links.token_of(link)}/"
    one = library.view(links.token_of(link), user_agent=PHONE)
    for ranges in ("bytes=0-9", "bytes=5-19"):
        client.get(f"{address}?view={one}", headers={"User-Agent": PHONE, "Range": ranges})
    clock.forward(minutes=31)
    client.get(f"{address}?view={one}", headers={"User-Agent": PHONE, "Range": "bytes=0-0"})
    client.get(address, headers={"User-Agent": "ScannerBot/1.0", "Range": "bytes=0-3"})
    renew()
    link = links.get_link(ACTOR, link.id)
    found = plays.plays_of_link(link)
    assert [play.sent for play in found] == [4, 1, 25]
    assert [play.playback.automated for play in found] == [True, False, False]
    assert link.views == 3
    assert plays.forget_visitors(180) == 0, "nothing is so old"
    clock.forward(days=182)
    forgotten = plays.forget_visitors(180)
    assert forgotten == db.session.query(Access).count() + db.session.query(Playback).count()
    renew()
    assert db.session.query(Access).filter(Access.address.is_not(None)).count() == 0
    assert db.session.query(Playback).filter(Playback.user_agent.is_not(None)).count() == 0


def test_a_video_that_failed_is_not_shared_and_its_page_says_why(
    people: Callable[[Role], Person], library: Library
) -> None:
    operator = people(Role.OPERATOR)
    source = library.source(status=VideoStatus.FAILED, error_code="broken")
    page = f"/videos/{source.video.public_id}/share"
    shown = operator.browser.get(page, headers={"Accept-Language": "en"})
    assert shown.status_code == 409
    assert "so it cannot be shared" in shown.text
    assert "damaged or incomplete" in shown.text
    assert f'href="/source-management/{source.source_id}/"' in shown.text
    assert 'name="recipients"' not in shown.text
    sent = operator.post(page, page="/account", recipients="a@example.com", period="48")
    assert sent.status_code == 409
    with pytest.raises(Invalid) as refused:
        _share(ACTOR, source.video, "a@example.com")
    assert [found.code for found in refused.value.mistakes] == ["video_failed"]
    assert db.session.query(Link).filter_by(recipient="a@example.com").count() == 0
