"""What a list was not shown yet, and the rows that stay where they are until it is."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.helpers import Person
from tests.integration.review.nights import NOW, add_incident, plan_of_query
from tests.library import ACTOR
from vigint_web.extensions import db
from vigint_web.models import Incident, IncidentState, RiskLevel, Role
from vigint_web.services.accounts import sites
from vigint_web.services.core.actors import SYSTEM, Actor
from vigint_web.services.core.keyset_pagination import SortedPage
from vigint_web.services.incidents import arrivals
from vigint_web.services.incidents.arrivals import Arrivals, find_arrivals, keep_in_place
from vigint_web.services.incidents.listing import IncidentFilter, IncidentList
from vigint_web.services.review import decisions

pytestmark = pytest.mark.both_databases(reason="the order of times, and the plans of queries")

EVERY, UNDECIDED = IncidentFilter(folded=True), IncidentFilter(folded=True, state=IncidentState.NEW)


@pytest.fixture
def known(app: Flask) -> list[Incident]:
    """Provide the incidents that a list showed."""
    return [add_incident(name, 900 - 10 * place, 900) for place, name in enumerate("abc")]


def test_only_what_came_since_and_is_in_the_list_is_counted(known: list[Incident]) -> None:
    since = arrivals.newest_id(SYSTEM)
    assert since == known[-1].id
    assert find_arrivals(SYSTEM, EVERY, since) == Arrivals()
    lyon = sites.get_or_add_site("lyon")
    add_incident("d", 60, 60, risk_level=RiskLevel.HIGH)
    add_incident("e", 800, 50, lyon, risk_level=RiskLevel.LOW)  # late
    add_incident("f", 40, 40, state=IncidentState.CONFIRMED, risk_level=RiskLevel.CRITICAL)
    assert find_arrivals(SYSTEM, EVERY, since) == Arrivals(3, high=2)
    assert find_arrivals(SYSTEM, UNDECIDED, since) == Arrivals(2, high=1)
    assert find_arrivals(SYSTEM, replace(EVERY, site_id=lyon.id), since) == Arrivals(1)
    assert find_arrivals(SYSTEM, replace(EVERY, text="INC-2026-f"), since) == Arrivals(1, high=1)
    there = Actor(label="x", site_ids=frozenset({lyon.id}))
    assert find_arrivals(there, EVERY, since) == Arrivals(1)
    late = replace(EVERY, until=NOW - timedelta(minutes=700))
    assert find_arrivals(SYSTEM, late, since) == Arrivals(1)


def test_the_newest_incident_is_that_of_the_persons_sites(known: list[Incident]) -> None:
    lyon = sites.get_or_add_site("lyon")
    other = add_incident("d", 60, 60, lyon)
    both = frozenset({lyon.id, known[0].site_id})
    for seen, newest in (
        (None, other.id),
        (both, other.id),
        (frozenset({lyon.id}), other.id),
        (frozenset({known[0].site_id}), known[-1].id),
        (frozenset({9999}), 0),
        (frozenset[int](), 0),
    ):
        assert arrivals.newest_id(Actor(label="x", site_ids=seen)) == newest


def test_a_repeat_is_no_row_of_its_own(known: list[Incident]) -> None:
    since = arrivals.newest_id(SYSTEM)
    add_incident("d", 60, 60, grouped_under_id=known[0].id)
    assert find_arrivals(SYSTEM, EVERY, since) == Arrivals()
    decisions.decide(ACTOR, known[0].reference, IncidentState.CONFIRMED, seen=IncidentState.NEW)
    assert find_arrivals(SYSTEM, UNDECIDED, since) == Arrivals(1, high=1)


def test_the_cost_of_counting_ends(known: list[Incident], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "MOST_ARRIVALS", 2)
    assert find_arrivals(SYSTEM, EVERY, known[0].id - 1) == Arrivals(2, high=2, is_more=True)
    assert find_arrivals(SYSTEM, EVERY, known[0].id) == Arrivals(2, high=2)


@pytest.fixture
def _on_sqlite(app: Flask) -> None:
    if db.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL has statistics")


@pytest.mark.usefixtures("_on_sqlite")
@pytest.mark.parametrize("sites_seen", [None, 1, 2])
def test_nothing_new_is_one_lookup_at_the_end_of_an_index(
    known: list[Incident], sites_seen: int | None
) -> None:
    some = [known[0].site_id, sites.get_or_add_site("lyon").id][:sites_seen]
    actor = Actor(label="x", site_ids=frozenset(some)) if sites_seen else SYSTEM
    plan = plan_of_query(arrivals._received(actor, known[-1].id))
    own_site = r"ix_incidents_site \(site_id=\? AND id>\?\)"
    assert re.search(rf"PRIMARY KEY \(rowid>\?\)|{own_site}", plan), plan


FILTERS = {
    "whole": EVERY,
    "undecided": UNDECIDED,
    "risk": replace(UNDECIDED, risk=RiskLevel.HIGH, site_id=1),
    "type": replace(EVERY, incident_type="Intrusion", site_id=1),
    "camera": replace(EVERY, camera_id=1),
    "mine": replace(UNDECIDED, assignee_id=1),
    "night": replace(EVERY, site_id=1, since=NOW - timedelta(hours=9), until=NOW),
    "tests": replace(EVERY, site_id=1, tests=True),
}


@pytest.mark.usefixtures("_on_sqlite")
@pytest.mark.parametrize("name", FILTERS)
def test_arrivals_are_read_by_their_ids_whatever_the_filter(name: str) -> None:
    for number in (1, 500):
        plan = plan_of_query(arrivals._risks(FILTERS[name], range(1000, 1000 + number)))
        assert "SEARCH incidents USING INTEGER PRIMARY KEY (rowid=?)" in plan, plan


def _incident(number: int, minutes: int, risk: RiskLevel) -> Incident:
    moment = NOW - timedelta(minutes=minutes)
    return Incident(id=number, detected_at=moment, created_at=moment, risk_level=risk)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 30), st.sampled_from(RiskLevel)), max_size=12),
    st.data(),
    st.booleans(),
)
def test_shown_rows_stay_and_nothing_comes_between_them(
    app: Flask, made: list[tuple[int, RiskLevel]], data: st.DataObject, ranked: bool
) -> None:
    every = [_incident(number, *one) for number, one in enumerate(made, 1)]
    listed = IncidentList(SYSTEM, EVERY, by_risk=ranked)
    every.sort(key=listed.place_of, reverse=True)
    shown = [row for row in every if data.draw(st.booleans(), "shown")]
    now = [row for row in every if data.draw(st.booleans(), "in the list")]
    newest = data.draw(st.integers(0, 13))
    following = listed.mark_of(now[-1]) if now else None
    page, held = keep_in_place(listed, SortedPage(now, None, following), shown, newest)
    assert page.rows[: len(shown)] == shown, "what is shown stays on top, in its order"
    added = page.rows[len(shown) :]
    assert all(row in now and row.id <= newest for row in added)
    waiting = [row for row in now if row not in page.rows and row.id <= newest]
    assert len(waiting) == held
    if page.next is not None and page.rows:
        assert page.next == listed.mark_of(page.rows[-1]), "the next page begins below"


def test_a_poll_without_news_has_no_body(
    known: list[Incident], people: Callable[[Role], Person]
) -> None:
    browser = people(Role.VIEWER).browser
    address = f"/incidents/arrivals?upto={known[-1].id}"
    first = browser.get(address)
    assert 'data-arrived="0"' in first.text
    tag = {"If-None-Match": first.headers["ETag"]}
    again = browser.get(address, headers=tag)
    assert (again.status_code, again.data) == (304, b"")
    # What changes no row of the list is no news either.
    decisions.decide(ACTOR, known[0].reference, IncidentState.CLOSED, seen=IncidentState.NEW)
    assert browser.get(address, headers=tag).status_code == 304
    add_incident("d", 60, 60, risk_level=RiskLevel.HIGH)
    fresh = browser.get(address, headers=tag)
    assert re.search(r'data-arrived="1" data-high="1".*1 nouveau', fresh.text, re.S)
    assert browser.get(f"{address}&held=2").text.count("3 nouveaux") == 2


def test_a_list_keeps_what_it_shows(
    known: list[Incident], people: Callable[[Role], Person]
) -> None:
    browser = people(Role.VIEWER).browser
    names = ",".join(row.reference for row in known)
    kept = f"/incidents/live?state=new&upto={known[-1].id}&shown={names}"
    decisions.decide(ACTOR, known[1].reference, IncidentState.CLOSED, seen=IncidentState.NEW)
    add_incident("d", 60, 60)
    assert _rows(browser.get(kept).text) == ["INC-2026-c", "INC-2026-b", "INC-2026-a"]
    assert _rows(browser.get("/incidents/live?state=new").text) == [
        "INC-2026-d",
        "INC-2026-c",
        "INC-2026-a",
    ]
    without = browser.get(kept.replace(",INC-2026-b", "")).text
    assert _rows(without) == ["INC-2026-c", "INC-2026-a"]
    decisions.decide(ACTOR, known[1].reference, IncidentState.NEW, seen=IncidentState.CLOSED)
    reopened = browser.get(kept.replace(",INC-2026-b", "")).text
    assert _rows(reopened) == ["INC-2026-c", "INC-2026-a"]
    assert 'data-held="1"' in reopened


def _rows(text: str) -> list[str]:
    return re.findall(r'class="inbox-row[^>]*data-part="([^"]+)"', text)


def test_another_sites_rows_are_not_shown_by_naming_them(
    known: list[Incident], people: Callable[[Role], Person]
) -> None:
    lyon = sites.get_or_add_site("lyon")
    add_incident("d", 60, 60, lyon)
    browser = people(Role.OPERATOR).browser
    text = browser.get("/incidents/live?upto=9&shown=INC-2026-d,INC-2026-a").text
    assert "INC-2026-d" not in text
    assert "INC-2026-a" in text
