"""Home: what happened since the last visit, what is mine, what is late or failed."""

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from tests.helpers import Person, renew
from tests.library import ACTOR, Library
from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import (
    Hosting,
    HostingState,
    Incident,
    IncidentState,
    MailedNight,
    Notification,
    NotificationKind,
    NotificationState,
    RiskLevel,
    Role,
    User,
)
from vigint_web.services.accounts import sites
from vigint_web.services.core.actors import SYSTEM, Actor, as_user
from vigint_web.services.core.transactions import transaction
from vigint_web.services.incidents.listing import IncidentFilter, IncidentList
from vigint_web.services.reports.work import work_of
from vigint_web.services.review.confidentiality import restrict

pytestmark = pytest.mark.both_databases(reason="counts of parts, the order of risk")

People = Callable[[Role], Person]
ALL = tuple(reversed(RiskLevel))


def _incident(library: Library, **values: Any) -> Incident:
    site = values.pop("site", None)
    incident = library.incident_of(library.incident(b"x", site=site))
    with transaction():
        for name, value in values.items():
            setattr(incident, name, value)
    return incident


def _user(person: Person) -> User:
    return db.session.query(User).filter_by(email=person.email).one()


def _seen(person: Person, **ago: float) -> None:
    """Set when the user was last there, as an earlier visit would have."""
    with transaction():
        _user(person).list_seen_at = utcnow() - timedelta(**ago)


def _home(person: Person) -> str:
    answer = person.browser.get("/", headers={"Accept-Language": "en"})
    assert answer.status_code == 200
    renew()
    return unescape(str(answer.text))


def _rows(person: Person, address: str) -> int:
    """Return the number of incidents that a list shows."""
    answer = person.browser.get(address)
    assert answer.status_code == 200, address
    renew()
    return str(answer.text).count('<li class="inbox-row')


def test_each_count_is_that_of_the_list_to_which_it_leads(people: People, library: Library) -> None:
    operator = people(Role.OPERATOR).speaking("en")
    mine = _user(operator).id
    for number, level in enumerate(ALL):
        for _ in range(number + 1):
            _incident(library, risk_level=level)
    _incident(library, risk_level=RiskLevel.CRITICAL, state=IncidentState.CLOSED)
    _incident(library, risk_level=RiskLevel.HIGH, assignee_id=mine)
    _incident(library, risk_level=RiskLevel.HIGH, assignee_id=mine, state=IncidentState.CONFIRMED)
    _incident(library, risk_level=RiskLevel.CRITICAL, is_test=True)
    first = db.session.query(Incident).filter_by(risk_level=RiskLevel.LOW).first()
    assert first is not None
    _incident(library, risk_level=RiskLevel.LOW, grouped_under_id=first.id)
    _seen(operator, days=1)
    page = _home(operator)
    leads = re.findall(
        r'<a class="home-risk home-risk-\w+" href="([^"]+)"><strong>(\d+)</strong> '
        r'<span class="home-risk-words" aria-hidden="true">\w[\w ]+</span>'
        r'<span class="visually-hidden">([^<]+)',
        page,
    )
    assert [words for _, _, words in leads] == [
        "Critical risk", "High risk", "Risk not specified", "Medium risk", "Low risk",
    ]  # fmt: skip
    assert [int(number) for _, number, _ in leads] == [1, 3, 3, 4, 5]
    for address, number, words in leads:
        assert _rows(operator, address) == int(number), words
    for part, number in (("to-decide", 16), ("received", 18), ("mine", 1)):
        found = re.search(rf'id="{part}" href="([^"]+)">(\d+) ', page)
        assert found, part
        assert int(found[2]) == number == _rows(operator, found[1]), part
    rows = re.findall(r'data-part="work-(INC-[^"]+)"', page)
    shown = [db.session.query(Incident).filter_by(reference=one).one() for one in rows]
    levels = [RiskLevel(one.risk_level) for one in shown[:3]]
    assert levels == [RiskLevel.CRITICAL, RiskLevel.HIGH, RiskLevel.HIGH]
    assert [one.assignee_id for one in shown[3:]] == [mine]


def test_a_quiet_home_says_so_in_one_sentence(people: People, library: Library) -> None:
    operator = people(Role.OPERATOR)
    old = utcnow() - timedelta(days=2)
    incident = _incident(library, state=IncidentState.CLOSED, created_at=old, detected_at=old)
    page = _home(operator)
    assert "Nothing awaits you: everything is decided." in page
    _seen(operator, hours=20)
    page = _home(operator)
    assert "Nothing awaits you, and nothing is new since your last visit, on " in page
    for part in ("decide", "mine", "failures"):
        assert f'data-part="{part}"' not in page, part
    # The same for a new arrival that a colleague decided: it happened, so it is told.
    _incident(library, state=IncidentState.CLOSED)
    page = _home(operator)
    assert "Nothing awaits you" not in page
    assert "Received since your last visit" in page
    assert f'data-part="{incident.reference}"' not in page, "what was there before is not new"


def test_a_visit_begins_on_home_too(people: People, library: Library) -> None:
    operator = people(Role.OPERATOR)
    _incident(library)
    assert "your last visit" not in _home(operator), "the first one"
    _seen(operator, hours=3)
    assert "Received since your last visit" in _home(operator)
    # The visit goes on: what arrived before it began stays new.
    assert "Received since your last visit" in _home(operator)
    _seen(operator, minutes=31)
    with transaction():
        for one in db.session.query(Incident):
            one.created_at = utcnow() - timedelta(hours=1)
    assert "Nothing new since your last visit, on " in _home(operator)


def test_what_is_late_or_failed_is_listed(people: People, library: Library) -> None:
    late = _incident(library, detected_at=utcnow() - timedelta(hours=5))
    hosted = _incident(library, state=IncidentState.CLOSED)
    site = sites.default_site()
    with transaction() as session:
        night = MailedNight(
            site_id=site.id,
            day=utcnow().date(),
            began_at=utcnow() - timedelta(hours=12),
            ended_at=utcnow(),
        )
        session.add(night)
        session.add(
            Hosting(
                incident_id=hosted.id,
                host="https://elsewhere.example",
                state=HostingState.FAILED,
                give_up_at=utcnow(),
                settled_at=utcnow(),
            )
        )
        session.flush()
        session.add(
            Notification(
                night_id=night.id,
                kind=NotificationKind.NIGHT_LOG,
                recipient="gone@example.com",
                state=NotificationState.FAILED,
                message_id="<n@vigint.invalid>",
                error="550 no such mailbox",
            )
        )
    for role in Role:
        page = _home(people(role))
        shown = page.partition('data-part="failures"')[2].partition("</section>")[0]
        assert "1 incident received late" in shown
        assert 'href="/incidents/?state=new#late"' in shown
        assert "https://elsewhere.example did not accept the video" in shown
        assert f'href="/incidents/{hosted.reference}/"' in shown
        assert f">Night log of {site.name}</a>" in shown
        assert "550 no such mailbox" in shown
        log = re.search(r'href="(/incidents/logbook/[^"]+)"', shown)
        assert log
        assert people(role).browser.get(log[1]).status_code == 200
    assert late.reference in page


def test_home_is_within_the_sites_and_without_what_is_confidential(
    app: Flask, people: People, library: Library
) -> None:
    lyon = sites.get_or_add_site("lyon")
    operator, admin = people(Role.OPERATOR), people(Role.ADMIN)
    for person in (operator, admin):
        _seen(person, days=1)
    elsewhere = _incident(library, site=lyon, risk_level=RiskLevel.CRITICAL)
    hidden = _incident(library, risk_level=RiskLevel.HIGH)
    shown = _incident(library, risk_level=RiskLevel.LOW)
    restrict(ACTOR, hidden.reference, {_user(admin).id}, seen=0)
    page = _home(operator)
    assert shown.reference in page
    for other in (elsewhere, hidden):
        assert other.reference not in page
    assert re.search(r'id="to-decide"[^>]*>1 to decide', page)
    assert re.search(r'id="received"[^>]*>1 incident<', page)
    assert "Critical risk" not in page
    assert "High risk" not in page
    page = _home(admin)
    for one in (shown, hidden, elsewhere):
        assert one.reference in page
    assert re.search(r'id="to-decide"[^>]*>3 to decide', page)
    assert work_of(Actor("nobody")).is_quiet
    assert work_of(as_user(_user(admin))).undecided == 3


def test_arrivals_are_counted_by_their_index(library: Library) -> None:
    _incident(library)
    wanted = IncidentFilter(received_since=utcnow() - timedelta(hours=1), folded=True)
    listed, statements = IncidentList(SYSTEM, wanted), []
    with db.engine.connect() as connection:

        def note(*call: Any) -> None:
            statements.append(call[2])

        event.listen(db.engine, "before_cursor_execute", note)
        try:
            assert listed.count() == 1
        finally:
            event.remove(db.engine, "before_cursor_execute", note)
        assert len(statements) <= 2, "one statement beside that of the sites"
        if db.engine.dialect.name == "sqlite":
            text = re.sub(r"\?", "1", statements[-1])
            plan = " ".join(
                str(row) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")
            )
            assert "ix_incidents_site_created" in plan, plan
            assert "ix_incidents_site_detected" not in plan, plan
