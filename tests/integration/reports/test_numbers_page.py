"""The page of numbers: what it counts, for whom, and its export."""

import csv
import io
import secrets
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select

from tests.conftest import PASSWORD
from tests.helpers import Person
from vigint_web.extensions import db
from vigint_web.models import Incident, IncidentState, RiskLevel, Role, Site, User
from vigint_web.services.accounts import sites, users
from vigint_web.services.accounts.cameras import camera_of
from vigint_web.services.core.actors import SYSTEM, Actor, as_user
from vigint_web.services.core.hidden_rows import hidden_from
from vigint_web.services.core.transactions import transaction
from vigint_web.services.reports.counts import count_again
from vigint_web.services.reports.numbers import MOST_SHOWN, Numbers, Period, numbers
from vigint_web.services.review.confidentiality import lift, restrict

pytestmark = pytest.mark.both_databases(reason="sums of kept counts")

PAGE = "/incidents/numbers/"
# The clock of Paris goes back at 3:00 that day, which has 25 hours.
LONG_DAY = date(2026, 10, 25)


def _add(at: datetime, site: Site | None = None, **values: Any) -> Incident:
    site = site or sites.default_site()
    facts: dict[str, Any] = {
        "incident_type": "Intrusion", "risk_level": RiskLevel.HIGH, "camera": None, **values
    }  # fmt: skip
    with transaction() as session:
        camera = facts.pop("camera")
        incident = Incident(
            reference=f"INC-{secrets.token_hex(6)}",
            site_id=site.id,
            camera_id=camera_of(site.id, camera).id if camera else None,
            body_sha256="0" * 64,
            message="m",
            detected_at=at,
            created_at=at + timedelta(seconds=1),
            link_hours=48,
            **facts,
        )
        session.add(incident)
    return incident


def _count() -> None:
    last = 0
    while (last := count_again(last)) > 0:
        pass


def _decided(at: datetime, after: float, decision: IncidentState) -> Incident:
    moment = at + timedelta(seconds=after)
    return _add(at, state=decision, decision=decision, decided_at=moment, decided_by="karim")


def test_a_day_of_25_hours_has_all_its_incidents_and_its_neighbours_none(app: Flask) -> None:
    begin = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)
    for hour in range(25):
        _add(begin + timedelta(hours=hour, minutes=59))
    _count()
    found = numbers(SYSTEM, Period(LONG_DAY - timedelta(days=1), LONG_DAY + timedelta(days=1)))
    assert [row.counts.incidents for row in found.spans] == [0, 25, 0]
    assert [row.counts.incidents for row in found.hours] == [1, 1, 2] + [1] * 21


def test_shares_and_durations_are_of_those_that_have_them(app: Flask) -> None:
    at = datetime(2026, 11, 10, 3, tzinfo=UTC)
    for seconds in (60, 120, 1800):
        _decided(at, seconds, IncidentState.FALSE_ALARM)
    _decided(at, 240, IncidentState.CONFIRMED)
    _add(at)
    _count()
    total = numbers(SYSTEM, Period(at.date(), at.date())).total
    assert (total.incidents, total.undecided, total.false_alarms, total.confirmed) == (5, 1, 3, 1)
    assert total.share_of_false_alarms == 0.75
    assert total.decided.total() == 4
    assert total.mailed.total() == 0


@pytest.mark.parametrize("days", [1, 13, 45, 46, 92, 200])
def test_any_period_has_each_of_its_incidents_once(app: Flask, days: int) -> None:
    last = date(2026, 11, 30)
    noon = datetime(2026, 11, 30, 12, tzinfo=UTC)
    for back in range(0, 220, 3):
        _add(noon - timedelta(days=back), camera=f"Quai {back % 4}")
    _count()
    found = numbers(SYSTEM, Period(last - timedelta(days=days - 1), last))
    expected = (days + 2) // 3
    for rows in (found.spans, found.hours, found.risks, found.types, found.cameras):
        assert sum(row.counts.incidents for row in rows) == expected
    assert found.by_week == (days > 45)


def test_types_without_end_are_counted_together(app: Flask) -> None:
    at = datetime(2026, 11, 10, 3, tzinfo=UTC)
    for number in range(MOST_SHOWN + 5):
        _add(at, incident_type=f"Type {number:02}")
    _add(at, incident_type="Type 24")
    _count()
    types = numbers(SYSTEM, Period(at.date(), at.date())).types
    assert types[0].value == "Type 24"
    assert [row.value for row in types].count(None) == 1
    assert types[-1].counts.incidents == 5
    assert sum(row.counts.incidents for row in types) == MOST_SHOWN + 6


def test_another_site_is_in_no_number(app: Flask, people: Callable[[Role], Person]) -> None:
    at = datetime.now(UTC) - timedelta(hours=1)
    lyon = sites.get_or_add_site("lyon", "Lyon")
    _add(at, lyon, incident_type="Ailleurs", camera="Cachée")
    _add(at, incident_type="Ici", camera="Visible")
    _count()
    operator, admin = people(Role.OPERATOR), people(Role.ADMIN)
    of_operator = operator.browser.get(PAGE).text
    assert "Ici" in of_operator
    assert "Ailleurs" not in of_operator
    assert "Cachée" not in of_operator
    assert operator.browser.get(f"{PAGE}?site={lyon.id}").text.count("Ailleurs") == 0
    assert "Ailleurs" not in operator.browser.get(f"{PAGE}export.csv?site={lyon.id}").text
    of_admin = admin.browser.get(PAGE).text
    assert "Ici" in of_admin
    assert "Ailleurs" in of_admin
    of_lyon = admin.browser.get(f"{PAGE}?site={lyon.id}").text
    assert "Ici" not in of_lyon
    assert "Cachée" in of_lyon
    nowhere = Actor("stranger", site_ids=frozenset())
    assert numbers(nowhere, Period(at.date(), at.date())).total.incidents == 0
    assert numbers(nowhere, Period(at.date(), at.date()), lyon.id).total.incidents == 0


@pytest.mark.parametrize("is_counted", [True, False])
def test_a_confidential_incident_is_in_the_numbers_of_its_readers_alone(
    app: Flask, *, is_counted: bool
) -> None:
    """Also before the change is counted."""
    at = datetime(2026, 11, 10, 3, tzinfo=UTC)
    reader = as_user(users.create_user(SYSTEM, "reader@example.com", PASSWORD, Role.ADMIN))
    assert reader.user_id is not None
    for number in range(MOST_SHOWN + 2):
        _add(at, incident_type=f"Type {number:02}", camera="Quai")
    period = Period(date(2026, 11, 1), date(2026, 11, 30))
    _count()
    before = _parts(numbers(SYSTEM, period))
    secret = _add(at, incident_type="Secret", camera="Cachée")
    _count()
    as_it_was = _parts(numbers(SYSTEM, period))
    assert as_it_was != before
    restrict(reader, secret.reference, [reader.user_id], seen=0)
    if is_counted:
        _count()
    with hidden_from(None):
        assert _parts(numbers(SYSTEM, period)) == before
    with hidden_from(reader.user_id):
        assert _parts(numbers(SYSTEM, period)) == as_it_was
        assert numbers(SYSTEM, period, secret.site_id).total.incidents == MOST_SHOWN + 3
    lift(reader, secret.reference, seen=1)
    with hidden_from(None):
        assert _parts(numbers(SYSTEM, period)) == as_it_was
    _count()
    with hidden_from(None):
        assert _parts(numbers(SYSTEM, period)) == as_it_was


def _parts(found: Numbers) -> list[tuple[Any, int]]:
    lists = (found.spans, found.hours, found.risks, found.types, found.cameras)
    return [(row.value, row.counts.incidents) for rows in lists for row in rows]


def test_the_export_has_every_table_and_calculates_nothing(
    app: Flask, people: Callable[[Role], Person]
) -> None:
    at = datetime.now(UTC) - timedelta(hours=1)
    _add(at, incident_type="=HYPERLINK(1)", camera="+Quai")
    _count()
    viewer = people(Role.VIEWER).speaking("en")
    answer = viewer.browser.get(f"{PAGE}export.csv?days=7")
    assert answer.mimetype == "text/csv"
    rows = list(csv.reader(io.StringIO(answer.text.lstrip("\ufeff"))))
    assert len({len(row) for row in rows}) == 1
    labels = [(row[0], row[1]) for row in rows]
    assert ("Per type", "'=HYPERLINK(1)") in labels
    assert ("Per camera", "'+Quai") in labels
    assert [name for name, _label in labels].count("Per day") == 7
    assert [name for name, _label in labels].count("Per hour of the day") == 24


def test_an_empty_installation_reads_what_will_be_shown(
    app: Flask, people: Callable[[Role], Person]
) -> None:
    viewer = people(Role.VIEWER)
    page = viewer.browser.get(PAGE).text
    assert "Rien à compter" in page
    assert '<svg class="chart' not in page
    _add(datetime(2024, 1, 1, tzinfo=UTC))
    _count()
    assert "Aucun incident sur cette période" in viewer.browser.get(PAGE).text
    assert "1er janvier 2024" in viewer.browser.get(f"{PAGE}?from=2024-01-01&to=2024-01-01").text


@pytest.mark.parametrize(
    "query",
    [
        "days=8",
        "days=x",
        "from=x&to=y",
        "site=x",
        "site=99999999999",
        "from=2026-11-30&to=2026-11-01",
        "from=1970-01-01&to=2200-12-31",
        "to=1970-01-01",
        "from=2200-12-31",
    ],
)
def test_odd_periods_are_answered(app: Flask, people: Callable[[Role], Person], query: str) -> None:
    _add(datetime.now(UTC))
    _count()
    browser = people(Role.VIEWER).browser
    assert browser.get(f"{PAGE}?{query}").status_code == 200
    assert browser.get(f"{PAGE}export.csv?{query}").status_code == 200


def test_the_page_reads_no_incident(app: Flask, people: Callable[[Role], Person]) -> None:
    _add(datetime.now(UTC), camera="Quai")
    _count()
    viewer = people(Role.VIEWER)
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        statements.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        assert viewer.browser.get(PAGE).status_code == 200
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert any("incident_counts" in statement for statement in statements)
    assert not [statement for statement in statements if "FROM incidents" in statement]
    assert db.session.scalar(select(User.id)) is not None
