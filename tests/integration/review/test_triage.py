"""One incident after the other: from the list, within its filter, with undo."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask

from tests.helpers import Person, renew
from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import Incident, RiskLevel, Role
from vigint_web.services.accounts import sites
from vigint_web.services.core.transactions import transaction

NOW = utcnow()


@pytest.fixture
def operator(people: Callable[[Role], Person]) -> Person:
    return people(Role.OPERATOR).speaking("en")


@pytest.fixture(autouse=True)
def _night(app: Flask) -> None:
    """Provide six incidents: 5 is the last one detected; odd ones are HIGH."""
    with transaction() as session:
        for number in range(6):
            risk = RiskLevel.HIGH if number % 2 else RiskLevel.LOW
            session.add(
                Incident(
                    reference=f"INC-2026-{number}",
                    site_id=sites.default_site().id,
                    body_sha256="0" * 64,
                    message="",
                    incident_type="Intrusion",
                    risk_level=risk,
                    detected_at=NOW - timedelta(minutes=60 - number),
                    created_at=NOW,
                    link_hours=48,
                )
            )


def _decide(person: Person, number: int, query: str, decision: str = "confirmed") -> str:
    """Decide from an incident's page and return the address that follows."""
    page = f"/incidents/INC-2026-{number}/{query}"
    answer = person.post(
        f"/incidents/INC-2026-{number}/decide{query}", page=page, seen="new", decision=decision
    )
    assert answer.status_code == 302
    renew()
    return str(answer.location)


def _neighbours(person: Person, number: int, query: str) -> dict[str, str]:
    text = person.browser.get(f"/incidents/INC-2026-{number}/{query}").text
    return dict(re.findall(r'rel="(prev|next)" href="/incidents/INC-2026-(\d)/', text))


@pytest.mark.parametrize(
    ("number", "query", "found"),
    [
        (5, "?list=1", {"next": "4"}),
        (3, "?list=1", {"prev": "4", "next": "2"}),
        (0, "?list=1", {"prev": "1"}),
        (3, "?risk=HIGH", {"prev": "5", "next": "1"}),
        # Opened from a list that it is not in: the places around it.
        (2, "?risk=HIGH", {"prev": "3", "next": "1"}),
        (3, "", {}),
        (3, "?q=nothing", {}),
    ],
)
def test_neighbours_are_those_of_the_filter(
    operator: Person, number: int, query: str, found: dict[str, str]
) -> None:
    assert _neighbours(operator, number, query) == found


def test_a_decision_leads_to_the_next_undecided_one_of_the_filter(operator: Person) -> None:
    assert _decide(operator, 3, "?risk=HIGH") == "/incidents/INC-2026-1/?risk=HIGH&list=1"
    # None is left below: the one above.
    assert _decide(operator, 1, "?risk=HIGH") == "/incidents/INC-2026-5/?risk=HIGH&list=1"
    # None is left at all: the list.
    assert _decide(operator, 5, "?risk=HIGH") == "/incidents/?risk=HIGH"


def test_a_list_of_confirmed_ones_is_closed_one_after_the_other(operator: Person) -> None:
    for number in (1, 3, 5):
        _decide(operator, number, "")
    answer = operator.post(
        "/incidents/INC-2026-3/decide?state=confirmed",
        page="/incidents/INC-2026-3/",
        seen="confirmed",
        decision="closed",
    )
    assert answer.location == "/incidents/INC-2026-1/?state=confirmed&list=1"


def test_without_a_list_the_page_stays(operator: Person) -> None:
    assert _decide(operator, 3, "") == "/incidents/INC-2026-3/"


def test_the_next_page_offers_to_undo_and_says_so_once(operator: Person) -> None:
    following = _decide(operator, 3, "?list=1")
    page = operator.browser.get(following).text
    assert 'action="/incidents/INC-2026-3/decide?list=1"' in page
    assert 'id="undo"' not in operator.browser.get(following).text
    back = operator.post(
        "/incidents/INC-2026-3/decide?list=1", page=following, seen="confirmed", decision="new"
    )
    assert back.location == "/incidents/INC-2026-3/?list=1"
    assert db.session.query(Incident).filter_by(reference="INC-2026-3").one().state == "new"


def test_a_refused_decision_stays_and_offers_nothing_to_undo(operator: Person) -> None:
    assert _decide(operator, 3, "?list=1", "false_alarm") == "/incidents/INC-2026-3/?list=1"
    assert 'id="undo"' not in operator.browser.get("/incidents/INC-2026-3/?list=1").text
