"""Sharing by the pages: the form, a link's own page, its address and its end."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.helpers import Person, renew
from tests.library import Library
from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import Alert, AuditEvent, Link, Role, Video
from vigint_web.services.links import token_of

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
    recipients = [row.recipient for row in db.session.query(Link).filter(Link.note == "Vu")]
    assert sorted(recipients) == ["a@example.com", "b@example.com", "c@example.com"]
    assert db.session.query(Alert).filter(Alert.incident_id.is_(None)).count() == 3
    link = _made()
    assert link.created_by == operator.email
    shown = operator.browser.get(f"/links/{link.id}/").text
    assert "c@example.com" in shown
    assert token_of(link) not in shown, "a page that is opened by the way shows no address"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"recipients": ""}, "au moins une adresse"),
        ({"recipients": "nobody"}, "n’est pas une adresse"),
        ({"period": "other"}, "la date et l’heure"),
        ({"period": "other", "until": "2020-01-01T10:00"}, "passée"),
        ({"period": "other", "until": "2199-01-01T10:00"}, "seront supprimées"),
        ({"max_views": "0"}, "de 1 à 1000"),
    ],
)
def test_mistakes_are_told_in_place(
    people: People, library: Library, fields: dict[str, str], said: str
) -> None:
    operator, video = people(Role.OPERATOR), library.incident()
    operator.browser.environ_base["HTTP_ACCEPT_LANGUAGE"] = "fr"
    before = db.session.query(Link).count()
    assert said in _share(operator, video, 422, **fields)
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
    assert db.session.query(Alert).filter_by(link_id=link.id).count() == 1


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
