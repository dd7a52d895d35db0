"""Sharing on the pages: the form, a link's own page, its address and its end."""

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape

import pytest
from flask.testing import FlaskClient

from tests.helpers import Person, renew
from tests.library import ACTOR, Library
from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import AuditEvent, Link, Notification, Role, Video, VideoStatus
from vigint_web.services.accounts import sites
from vigint_web.services.core.actors import Actor
from vigint_web.services.links.links import token_of
from vigint_web.services.links.sharing import known_addresses

People = Callable[[Role], Person]


def _share(person: Person, video: Video, status: int = 302, **fields: str) -> str:
    page = f"/videos/{video.public_id}/share"
    form = {"recipients": "garde@example.com", "period": "48", **fields}
    answer = person.post(page, page=page, **form)
    assert answer.status_code == status, answer.text
    renew()
    return str(answer.text)


def _made() -> Link:
    link = db.session.query(Link).order_by(Link.id.desc()).first()
    assert link is not None
    return link


def test_an_operator_shares_and_sees_the_link(people: People, library: Library) -> None:
    operator, video = people(Role.OPERATOR), library.incident()
    _share(operator, video, recipients="a@example.com, b@example.com\nc@example.com", note="Vu")
    recipients = [row.recipient or "" for row in db.session.query(Link).filter(Link.note == "Vu")]
    assert sorted(recipients) == ["a@example.com", "b@example.com", "c@example.com"]
    assert db.session.query(Notification).filter(Notification.incident_id.is_(None)).count() == 3
    link = _made()
    assert link.created_by == operator.email
    shown = operator.browser.get(f"/links/{link.id}/").text
    assert "c@example.com" in shown
    assert token_of(link) not in shown, "a page that is opened by the way shows no address"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"recipients": ""}, "au moins une adresse"),
        ({"recipients": "nobody"}, "n’est pas une adresse"),
        ({"period": "other"}, "la date et l’heure"),
        ({"period": "other", "until": "2020-01-01T10:00"}, "passée"),
        ({"period": "other", "until": "2199-01-01T10:00"}, "seront supprimées"),
        ({"max_views": "0"}, "de 1 à 1\u202f000"),
    ],
)
def test_mistakes_are_told_in_place(
    people: People, library: Library, fields: dict[str, str], message: str
) -> None:
    operator, video = people(Role.OPERATOR), library.incident()
    operator.browser.environ_base["HTTP_ACCEPT_LANGUAGE"] = "fr"
    before = db.session.query(Link).count()
    assert message in _share(operator, video, 422, **fields)
    assert db.session.query(Link).count() == before


def test_a_time_is_read_on_the_readers_clock(people: People, library: Library) -> None:
    operator, video = people(Role.OPERATOR), library.incident()
    assert video.purge_at is not None
    wanted = (utcnow() + timedelta(days=3)).replace(minute=0, second=0, microsecond=0)
    operator.post("/account/preferences", timezone="Asia/Tokyo", locale="")
    tokyo = wanted + timedelta(hours=9)
    _share(operator, video, period="other", until=tokyo.strftime("%Y-%m-%dT%H:%M"))
    assert _made().expires_at == wanted


def test_the_address_is_shown_on_demand_once_recorded_and_never_kept(
    people: People, library: Library
) -> None:
    operator = people(Role.OPERATOR)
    link = library.person_link(library.incident(), recipient="garde@example.com")
    answer = operator.post(f"/links/{link.id}/address", page=f"/links/{link.id}/")
    assert token_of(link) in answer.text
    assert "<svg" in answer.text
    assert "no-store" in answer.headers["Cache-Control"]
    assert operator.browser.get(f"/links/{link.id}/address").status_code in {404, 405}
    event = db.session.query(AuditEvent).filter_by(action="link:shown").one()
    assert event.actor == operator.email


def test_the_end_is_moved_and_the_mail_sent_again(people: People, library: Library) -> None:
    operator = people(Role.OPERATOR)
    link = library.person_link(library.incident(), recipient="garde@example.com", hours=1)
    page = f"/links/{link.id}/"
    operator.post(f"/links/{link.id}/expiry", page=page, period="168")
    operator.post(f"/links/{link.id}/send", page=page)
    renew()
    moved = db.session.get(Link, link.id)
    assert moved is not None
    assert moved.expires_at is not None
    assert moved.expires_at > utcnow() + timedelta(days=6)
    assert db.session.query(Notification).filter_by(link_id=link.id).count() == 1


def test_many_links_end_after_a_question(people: People, library: Library) -> None:
    admin, video = people(Role.ADMIN), library.incident()
    chosen = [library.person_link(video, recipient=f"{n}@example.com").id for n in range(3)]
    page = "/links/revoke?" + "&".join(f"link={number}" for number in chosen[:2])
    asked = admin.browser.get(page).text
    assert "0@example.com" in asked
    assert "2@example.com" not in asked
    admin.post("/links/revoke", page=page, link=[str(n) for n in chosen[:2]], reason="erreur")
    renew()
    dead = [row.id for row in db.session.query(Link).filter(Link.revoked_reason == "erreur")]
    assert sorted(dead) == sorted(chosen[:2])
    assert admin.browser.get(page).status_code == 302, "nothing is left to ask about"
    assert people(Role.OPERATOR).browser.get(page).status_code == 403


def test_pasted_text_is_read_and_what_is_no_address_is_shown_first(
    people: People, library: Library
) -> None:
    operator, video = people(Role.OPERATOR), library.incident()
    operator.browser.environ_base["HTTP_ACCEPT_LANGUAGE"] = "fr"
    before = db.session.query(Link).count()
    prose = "Merci d’envoyer à jean@example.com et à Paul <paul@example.com>"
    page = unescape(_share(operator, video, 422, recipients=prose))
    assert ">\r\njean@example.com\npaul@example.com</textarea>" in page, "they are ready to send"
    assert "Non compris et laissé de côté\xa0: «\xa0Merci d’envoyer à\xa0»" in page
    assert db.session.query(Link).count() == before, "no mail is sent before the confirmation"

    _share(operator, video, recipients="Dupont, Jean <jean@example.com>;\tb@example.com")
    made = db.session.query(Link).order_by(Link.id.desc()).limit(2)
    assert [link.recipient for link in made] == ["b@example.com", "jean@example.com"]


def test_known_addresses_are_offered_and_taken(people: People, library: Library) -> None:
    operator, video = people(Role.OPERATOR), library.incident()
    _share(operator, video, recipients="astreinte@example.com")
    page = operator.browser.get(f"/videos/{video.public_id}/share").text
    assert '<option value="astreinte@example.com">' in page
    _share(operator, video, recipients="", known="astreinte@example.com")
    assert _made().recipient == "astreinte@example.com"


def test_only_addresses_of_the_persons_own_sites_are_offered(library: Library) -> None:
    video = library.incident(site=sites.add_site(ACTOR, "Lyon"))
    library.person_token(video, recipient="secret@example.com")
    library.person_token(video, recipient="https://hooks.example.com/1")
    of_site = Actor("x", site_ids=frozenset({video.site_id}))
    assert known_addresses(of_site) == ["secret@example.com"]
    assert known_addresses(Actor("x", site_ids=frozenset({999}))) == []


@pytest.mark.parametrize("status", [VideoStatus.FAILED, VideoStatus.READY])
def test_what_failed_offers_nothing_to_share(
    people: People, library: Library, status: VideoStatus
) -> None:
    operator = people(Role.OPERATOR)
    source = library.source(status=status)
    incident = library.incident_of(library.incident(status=status))
    offered = status == VideoStatus.READY
    page = operator.browser.get(f"/source-management/{source.source_id}/").text
    assert (f"/videos/{source.video.public_id}/share" in page) == offered
    assert ("/stream/" in page) == offered, "addresses of what cannot be watched"
    page = operator.browser.get(f"/incidents/{incident.reference}/").text
    assert ("/share" in page) == offered


def test_links_are_named_by_what_where_and_when_and_found_by_it(
    people: People, library: Library
) -> None:
    admin = people(Role.ADMIN)
    incident = library.incident_of(library.incident())
    source = library.source(name="Parking nord")
    assert incident.video is not None
    for video in (incident.video, source.video):
        library.person_token(video, recipient="garde@example.com")
    everything = unescape(admin.browser.get("/links/").text)
    for fact in (incident.incident_type, "Quai 2", "Parking nord"):
        assert fact in everything, f"the list does not say {fact}"
    found = unescape(admin.browser.get("/links/?q=parking").text)
    assert "Parking nord" in found
    assert incident.incident_type not in found
    link = _made()
    assert "Parking nord" in admin.browser.get(f"/links/{link.id}/").text


def test_all_that_match_end_after_a_question_that_counts_them(
    people: People, library: Library
) -> None:
    admin, other = people(Role.ADMIN), library.source(name="Autre")
    admin.browser.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    source = library.source(b"another", name="Parking nord")
    for number in range(60):  # more than a page of the list
        library.person_token(source.video, recipient=f"{number}@example.com")
    library.person_token(other.video, recipient="kept@example.com")
    page = admin.browser.get("/links/?q=parking").text
    many = db.session.query(Link).filter_by(video_id=source.video_id).count()
    assert f"All that match ({many})" in page
    question = "/links/revoke?all=1&q=parking"
    asked = admin.browser.get(question).text
    assert f"Revoke {many} links?" in asked
    late = library.person_link(source.video, recipient="late@example.com")
    chosen = re.findall(r'name="link" value="([0-9]+)"', asked)
    assert len(chosen) == many
    admin.post("/links/revoke", page=question, link=chosen, reason="")
    renew()
    alive = db.session.query(Link).filter(Link.revoked_at.is_(None)).all()
    names = {link.recipient for link in alive}
    assert "kept@example.com" in names
    assert late.recipient in names, "what came after the question is not meant"
    assert not any(name and name[0].isdigit() for name in names)


def test_a_page_offers_the_original_where_that_was_granted(
    people: People, library: Library, client: FlaskClient
) -> None:
    operator, video = people(Role.OPERATOR), library.incident(b"the original")
    _share(operator, video, download="y")
    granted = f"/video/{video.public_id}?token={token_of(_made())}"
    _share(operator, video, recipients="b@example.com")
    other = f"/video/{video.public_id}?token={token_of(_made())}"
    offered = re.findall(r'href="(/api/video/[^"]+/download/[^"]*)"', client.get(granted).text)
    assert len(offered) == 1
    original = client.get(unescape(offered[0]))
    assert (original.status_code, original.data) == (200, b"the original")
    assert "attachment" in original.headers["Content-Disposition"]
    assert "/download/" not in client.get(other).text
