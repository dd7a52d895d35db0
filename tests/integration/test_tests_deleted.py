"""Deleting test alerts: with their footage, links and mails, at any stage; never an incident."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.helpers import (
    Clock,
    Footage,
    Person,
    incident_document,
    mails,
    path_of,
    post_incident,
    renew,
    stored_files,
    text_of,
)
from tests.integration.review.nights import add_incident
from vigint_web.config.config import Config
from vigint_web.errors import Conflict, NotFound
from vigint_web.extensions import db
from vigint_web.models import (
    AuditEvent,
    Incident,
    Link,
    Mail,
    Notification,
    Role,
    Video,
)
from vigint_web.services.accounts import sites
from vigint_web.services.audit.verification import check_trail
from vigint_web.services.core.actors import SYSTEM, Actor
from vigint_web.services.incidents.deletion import delete_test, delete_tests
from vigint_web.services.incidents.listing import IncidentFilter
from vigint_web.services.operations.reconciler import reconcile

pytestmark = pytest.mark.both_databases(reason="references of deleted rows")

Work = Callable[[], None]
TESTS = IncidentFilter(tests=True)
# Everything that is about an incident, beside the audit trail.
ROWS = (Incident, Notification, Mail, Video, Link)


@pytest.fixture
def settings() -> dict[str, str]:
    return {"VIGINT_ALERT_COOLDOWN_SECONDS": "60"}


def _post(client: FlaskClient, key: str, *, test: bool, footage: Footage | None = None) -> str:
    whole = incident_document(footage.frames(2)) if footage is not None else {"message": "Alarme"}
    facts: dict[str, Any] = {"incident_type": "Vol", "camera": "Quai 2"}
    document = {**whole, "incident_data": facts | ({"test": True} if test else {})}
    return str(post_incident(client, key, document)["reference"])


def _left() -> dict[str, int]:
    renew()
    return {table.__name__: db.session.query(table).count() for table in ROWS}


def test_everything_of_it_goes_and_nothing_of_another(
    client: FlaskClient, api_key: str, work: Work, config: Config, footage: Footage
) -> None:
    _post(client, api_key, test=False, footage=footage)
    work()
    before, files = _left(), stored_files(config)
    reference = _post(client, api_key, test=True, footage=footage)
    work()
    marked = next(mail for mail in mails(config) if mail["Subject"].startswith("TEST"))
    link = re.search(r"Lien privé sécurisé: (\S+)", text_of(marked))
    assert link
    assert _left() != before
    assert client.get(path_of(link.group(1))).status_code == 200
    delete_test(SYSTEM, reference)
    assert _left() == before
    assert stored_files(config) == files
    assert client.get(path_of(link.group(1))).status_code == 404
    answer = client.get(f"/api/v1/incidents/{reference}", headers={"X-API-Key": api_key})
    assert answer.status_code == 404
    event = db.session.query(AuditEvent).filter_by(action="incident:deleted").one()
    assert (event.subject, event.detail["test"]) == (f"incident:{reference}", True)
    assert check_trail().findings == ()


def test_one_whose_footage_is_not_encoded_yet_leaves_nothing(
    client: FlaskClient, api_key: str, work: Work, config: Config, footage: Footage
) -> None:
    reference = _post(client, api_key, test=True, footage=footage)
    delete_test(SYSTEM, reference)
    work()
    reconcile()
    work()
    assert set(_left().values()) == {0}
    assert (stored_files(config), mails(config)) == ([], [])


def test_an_incident_is_never_deleted(
    client: FlaskClient, api_key: str, people: Callable[[Role], Person]
) -> None:
    reference, test = (_post(client, api_key, test=mark) for mark in (False, True))
    before = _left()
    with pytest.raises(Conflict):
        delete_test(SYSTEM, reference)
    with pytest.raises(Conflict):
        delete_tests(SYSTEM, IncidentFilter(), newest_id=10**6)
    answer = people(Role.ADMIN).post(f"/incidents/{reference}/delete")
    assert answer.status_code == 409
    assert _left() == before
    assert delete_tests(SYSTEM, TESTS, newest_id=10**6).number == 1
    assert [row.reference for row in db.session.query(Incident)] == [reference]
    with pytest.raises(NotFound):
        delete_test(SYSTEM, test)


def test_the_mail_about_its_repeats_still_goes_out(
    client: FlaskClient, api_key: str, work: Work, config: Config, clock: Clock
) -> None:
    first, second, third = (_post(client, api_key, test=True) for _ in range(3))
    work()
    delete_test(SYSTEM, first)
    clock.forward(seconds=61)
    reconcile()
    work()
    [several] = [mail for mail in mails(config) if "répétitions" in mail["Subject"]]
    assert all(reference in text_of(several) for reference in (second, third))
    assert first not in text_of(several)
    assert [row.grouped_under_id for row in db.session.query(Incident)] == [None, None]


def test_all_of_a_filter_are_deleted_and_no_later_one(app: Flask) -> None:
    for number in range(150):
        add_incident(f"t{number}", number, number, is_test=True)
    other = sites.get_or_add_site("lyon")
    add_incident("t-lyon", 1, 1, other, is_test=True)
    add_incident("real", 1, 1)
    newest = add_incident("t-newest", 1, 1, is_test=True).id
    add_incident("t-later", 1, 1, is_test=True)
    own = Actor("somebody", site_ids=frozenset({sites.default_site().id}))
    deleted = delete_tests(own, TESTS, newest)
    assert (deleted.number, deleted.left) == (151, 0)
    left = {row.reference.removeprefix("INC-2026-") for row in db.session.query(Incident)}
    assert left == {"t-lyon", "real", "t-later"}


def test_what_no_time_is_left_for_is_counted(app: Flask) -> None:
    for number in range(3):
        add_incident(f"t{number}", number, number, is_test=True)
    deleted = delete_tests(SYSTEM, TESTS, 10**6, seconds=-1)
    assert (deleted.number, deleted.left) == (0, 3)


def test_the_pages_ask_first_and_count(app: Flask, people: Callable[[Role], Person]) -> None:
    person = people(Role.OPERATOR).speaking("en")
    for number in range(3):
        add_incident(f"t{number}", number, number, is_test=True, incident_type=f"Kind{number % 2}")
    add_incident("real", 1, 1)
    one = person.browser.get("/incidents/INC-2026-t2/").text
    assert "Delete this test alert?" in one
    assert "Delete this test alert?" not in person.browser.get("/incidents/INC-2026-real/").text
    listed = person.browser.get("/incidents/?tests=1&q=Kind0").text
    question = re.search(r'id="delete-all" href="([^"]+)"', listed)
    assert question
    asked = person.browser.get(question[1].replace("&amp;", "&")).text
    assert "Delete 2 test alerts?" in asked
    action = re.search(r'action="(/incidents/delete-tests[^"]+)"', asked)
    assert action
    assert db.session.query(Incident).count() == 4, "a question changes nothing"
    answer = person.post(action[1].replace("&amp;", "&"))
    assert answer.status_code == 302
    page = person.browser.get(answer.headers["Location"]).text
    assert "2 test alerts deleted." in page
    person.post("/incidents/INC-2026-t1/delete")
    renew()
    assert [row.reference for row in db.session.query(Incident)] == ["INC-2026-real"]


def test_what_the_page_never_asked_deletes_nothing(
    app: Flask, people: Callable[[Role], Person]
) -> None:
    add_incident("t1", 1, 1, is_test=True)
    add_incident("real", 1, 1)
    person = people(Role.OPERATOR)
    for query in ("", "?tests=1", "?newest=9", "?tests=1&newest=x", "?tests=1&newest=9&risk=odd"):
        assert person.post(f"/incidents/delete-tests{query}").status_code == 302
    assert person.browser.get("/incidents/delete-tests?tests=1").status_code == 200
    assert person.browser.post("/incidents/delete-tests?tests=1&newest=9").status_code == 400
    assert db.session.query(Incident).count() == 2
    assert people(Role.VIEWER).post("/incidents/INC-2026-t1/delete").status_code == 403


def test_one_of_another_site_is_not_there(app: Flask) -> None:
    add_incident("t1", 1, 1, sites.get_or_add_site("lyon"), is_test=True)
    other = Actor("somebody", site_ids=frozenset({sites.default_site().id}))
    with pytest.raises(NotFound):
        delete_test(other, "INC-2026-t1")
    assert delete_tests(other, TESTS, 10**6).number == 0
    assert db.session.query(Incident).count() == 1
