"""An administrator's work with links and mails, on the pages."""

import re
import socket
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.helpers import Clock, Person, mails, path_of, renew
from tests.library import ACTOR, Library
from vigint_web.clock import utcnow
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.http.streaming import revocation_watch
from vigint_web.models import (
    AuditEvent,
    Link,
    Notification,
    NotificationKind,
    NotificationState,
    Role,
)
from vigint_web.services.core.transactions import transaction
from vigint_web.services.links import links
from vigint_web.services.links.access import find_link
from vigint_web.services.links.listing import StateFilter, find_links
from vigint_web.services.notifications import delivery
from vigint_web.services.sources.sources import delete_source

pytestmark = pytest.mark.both_databases(reason="cursors and row locks")
ONE_DATABASE = pytest.mark.only_sqlite(reason="others here ask of the database what it asks")


def _link(token: str) -> Link:
    renew()
    link = find_link(token)
    assert link is not None
    return link


def test_revoking_by_the_page(
    people: Callable[[Role], Person], library: Library, client: FlaskClient
) -> None:
    token = library.person_token(library.incident(), recipient="garde@example.com")
    admin = people(Role.ADMIN)
    page = f"/links/{_link(token).id}/"
    client.get(f"/stream/{token}/", headers={"User-Agent": "Firefox/Phone"})
    shown = admin.browser.get(page).text
    assert "garde@example.com" in shown
    assert "Firefox/Phone" in shown, "who watched is shown"
    assert token not in shown, "the page opens no video"
    assert admin.post(f"{page}revoke", page=page, reason="sent to the wrong one").status_code == 302
    assert client.get(f"/stream/{token}/").status_code == 410
    link = _link(token)
    assert (link.revoked_by, link.revoked_reason) == (admin.email, "sent to the wrong one")
    event = db.session.query(AuditEvent).filter_by(action="link:revoked").one()
    assert (event.actor, event.detail["reason"]) == (admin.email, "sent to the wrong one")
    again = admin.post(f"{page}revoke", page="/account", reason="again")
    assert again.status_code == 302
    assert _link(token).revoked_reason == "sent to the wrong one", "the first reason stays"


@pytest.mark.parametrize(
    ("search", "found"),
    [("garde", 1), ("GARDE@", 1), ("%", 0), ("_", 1), ("\\", 0), ("'", 0), ("", 2), ("vid_", 2)],
)
def test_links_are_found_by_recipient_and_video(
    app: Flask, library: Library, search: str, found: int
) -> None:
    video = library.incident()
    library.person_link(video, recipient="garde@example.com")
    every = find_links(ACTOR, StateFilter(search)).rows
    if search == "_":
        assert every, "an underscore is in every video's id"
        return
    assert len(every) == found, [link.recipient for link in every]


def test_rotating_gives_a_new_token_and_undoes_no_revocation_of_somebody_with_more_rights(
    people: Callable[[Role], Person], library: Library, client: FlaskClient
) -> None:
    source = library.source()
    old = library.program_token(source)
    operator, admin = people(Role.OPERATOR), people(Role.ADMIN)
    rotate = f"/source-management/{source.source_id}/rotate"
    assert operator.post(rotate).status_code == 302
    renew()
    new = library.program_token(source)
    assert client.get(f"/stream/{old}/").status_code == 404
    assert client.get(f"/stream/{new}/").status_code == 200
    admin.post(f"/links/{_link(new).id}/revoke")
    assert operator.post(rotate).status_code == 409
    assert client.get(f"/stream/{new}/").status_code == 410
    assert admin.post(rotate).status_code == 302
    renew()
    assert client.get(f"/stream/{library.program_token(source)}/").status_code == 200


@pytest.mark.parametrize("what", ["revoke", "expire", "rotate", "delete"])
@ONE_DATABASE
def test_a_response_that_lasts_is_cut_when_its_link_dies_and_others_go_on(
    app: Flask, library: Library, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(revocation_watch, "_LOOK_SECONDS", 0.05)
    watcher = revocation_watch.LinkWatch(app)
    source, other = library.source(), library.source(b"other")
    links_of = [_link(library.program_token(each)) for each in (source, other)]
    pairs = [socket.socketpair(), socket.socketpair()]
    try:
        numbers = [
            watcher.add(link.id, link.handle, ours)
            for link, (ours, _) in zip(links_of, pairs, strict=True)
        ]
        for _, theirs in pairs:
            theirs.settimeout(0.3)
            with pytest.raises(TimeoutError):
                theirs.recv(1)
        if what == "revoke":
            links.revoke_link(ACTOR, links_of[0].id)
        elif what == "rotate":
            links.rotate_program_link(ACTOR, links_of[0].id)
        elif what == "expire":
            links_of[0].expires_at = utcnow() - timedelta(seconds=1)
            db.session.commit()
        else:
            delete_source(ACTOR, source.source_id)
        pairs[0][1].settimeout(10)
        assert pairs[0][1].recv(1) == b"", "the reader of the ended link is disconnected"
        with pytest.raises(TimeoutError):
            pairs[1][1].recv(1)
        for number in numbers:
            watcher.remove(number)
    finally:
        for pair in pairs:
            for end in pair:
                end.close()


def _pending_mail(library: Library, link: Link) -> int:
    """Store a pending mail with that link; return its id."""
    with transaction() as session:
        notification = Notification(
            incident_id=library.incident_of(link.video).id,
            link_id=link.id,
            recipient="garde@example.com",
            state=NotificationState.PENDING,
            kind=NotificationKind.VIDEO,
            message_id="<1@vigint.invalid>",
            next_attempt_at=utcnow(),
        )
        session.add(notification)
        session.flush()
    return notification.id


def _text(config: Config) -> str:
    [mail] = mails(config)
    text = mail.get_body(("plain",))
    assert text is not None
    return str(text.get_content())


def test_a_mail_whose_link_was_revoked_before_it_went_says_so(
    app: Flask, library: Library, config: Config
) -> None:
    link = library.person_link(library.incident(), recipient="garde@example.com")
    alert_id = _pending_mail(library, link)
    links.revoke_link(ACTOR, link.id)
    delivery.deliver_alert(alert_id)
    assert "/video/" not in _text(config)
    assert "révoqué" in _text(config)


def test_a_mail_that_waited_longer_than_its_link_lived_has_another_link(
    client: FlaskClient, library: Library, config: Config, clock: Clock
) -> None:
    link = library.person_link(library.incident(), hours=1, recipient="garde@example.com")
    alert_id = _pending_mail(library, link)
    clock.forward(hours=2)
    delivery.deliver_alert(alert_id)
    found = re.search(r"http://vigint\.test/video/\S+", _text(config))
    assert found
    assert client.get(path_of(found.group(0))).status_code == 200, "the mailed link is dead"
    assert "dans 48 heures" in _text(config)
