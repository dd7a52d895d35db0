"""A user's own test alert: through the whole workflow, to this user alone."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.helpers import Person, mails, path_of, renew, text_of
from vigint_web.config.config import Config
from vigint_web.errors import StorageFull
from vigint_web.extensions import db
from vigint_web.models import (
    Incident,
    Link,
    Notification,
    NotificationState,
    Role,
    User,
    VideoStatus,
)
from vigint_web.services.accounts import sites
from vigint_web.services.core.actors import SYSTEM
from vigint_web.services.core.transactions import transaction
from vigint_web.services.incidents import sample_alert
from vigint_web.storage import NoRoom
from vigint_web.storage.workspace import Workspace

People = Callable[[Role], Person]


def test_it_becomes_a_video_a_link_and_a_mail(
    people: People, work: Callable[[], None], client: FlaskClient, config: Config
) -> None:
    person = people(Role.OPERATOR)
    answer = person.post("/test-alert", page="/")
    assert answer.status_code == 302
    page = person.browser.get(answer.headers["Location"], headers={"Accept-Language": "en"}).text
    assert "data-live-busy" in page, "its page follows by itself"
    work()
    incident = db.session.query(Incident).one()
    assert answer.headers["Location"] == f"/incidents/{incident.reference}/"
    assert (incident.incident_type, incident.risk_level) == ("Test", "LOW")
    assert person.email in incident.message
    assert (incident.frames_received, incident.frames_used) == (40, 40)
    assert (incident.api_key_id, incident.pace_known) == (None, True)
    [minted] = db.session.query(Link)
    assert minted.recipient == person.email, "no detector waits for a link of its own"
    assert incident.video is not None
    assert incident.video.status == VideoStatus.READY
    assert incident.video.duration == pytest.approx(4.0, abs=0.1)
    [notification] = db.session.query(Notification)
    assert (notification.recipient, notification.state) == (person.email, NotificationState.SENT)
    [mail] = mails(config)
    assert mail["To"] == person.email
    assert mail["Subject"] == "TEST – 🚨 Alerte Vigint - Test - [LOW]"
    assert incident.is_test
    text = text_of(mail)
    assert "Type d'alerte: TEST" in text
    assert "alerte d’essai" in text or "test alert" in text
    link = re.search(r"Lien privé sécurisé: (\S+)", text)
    assert link
    assert client.get(path_of(link.group(1))).status_code == 200


def test_it_is_put_in_the_persons_own_site(people: People, work: Callable[[], None]) -> None:
    person = people(Role.OPERATOR)
    lyon = sites.get_or_add_site("lyon")
    with transaction() as session:
        session.query(User).filter_by(email=person.email).one().sites = [lyon]
    where = person.post("/test-alert", page="/").headers["Location"]
    work()
    assert db.session.query(Incident).one().site_id == lyon.id
    assert person.browser.get(where).status_code == 200


def test_it_says_in_the_persons_language_that_nothing_happened(people: People) -> None:
    for role, language, words in (
        (Role.ADMIN, "en", "Nothing happened"),
        (Role.OPERATOR, "fr", "Il ne s’est rien passé"),
    ):
        person = people(role)
        with transaction() as session:
            session.query(User).filter_by(email=person.email).one().locale = language
        person.post("/test-alert", page="/")
        renew()
        newest = db.session.query(Incident).order_by(Incident.id.desc()).first()
        assert newest is not None
        assert words in newest.message


def test_viewers_may_not_and_nobody_may_too_often(people: People) -> None:
    assert people(Role.VIEWER).post("/test-alert", page="/account").status_code == 403
    admin, operator = people(Role.ADMIN), people(Role.OPERATOR)
    answers = [admin.post("/test-alert", page="/").status_code for _ in range(5)]
    assert answers == [302] * 4 + [429]
    assert operator.post("/test-alert", page="/").status_code == 302, (
        "each has a limit of their own"
    )
    renew()
    assert db.session.query(Incident).count() == 5


def test_a_full_disk_keeps_nothing_and_says_so(
    people: People, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = people(Role.ADMIN)

    def full(_self: Workspace, _needed: int = 0) -> None:
        raise NoRoom

    monkeypatch.setattr(Workspace, "require_room", full)
    assert person.post("/test-alert", page="/").status_code == 507
    renew()
    assert db.session.query(Incident).count() == 0
    assert not list(config.temp_dir.iterdir())


def test_no_working_file_is_left(
    app: Flask, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> Incident:
        raise StorageFull

    sample_alert.send_test_alert(SYSTEM, "a@example.com", "m")
    assert not list(config.temp_dir.iterdir())
    monkeypatch.setattr(sample_alert, "record_incident", broken)
    with pytest.raises(StorageFull):
        sample_alert.send_test_alert(SYSTEM, "a@example.com", "m")
    assert not list(config.temp_dir.iterdir())
