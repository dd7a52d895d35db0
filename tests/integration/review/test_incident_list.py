"""The list of incidents: in the order of what happened, and what is left to decide."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask

from tests.helpers import Person
from tests.integration.review.nights import NOW, add_incident, plan_of
from tests.library import ACTOR
from vigint_web.models import Incident, IncidentState, Role
from vigint_web.services.accounts import sites
from vigint_web.services.core.actors import SYSTEM, Actor
from vigint_web.services.core.keyset_pagination import SORTED_TOP, SortedCursor
from vigint_web.services.incidents import listing
from vigint_web.services.incidents.late_arrivals import late_arrivals
from vigint_web.services.incidents.listing import IncidentFilter, IncidentList, count_undecided
from vigint_web.services.review import assignment, decisions

pytestmark = pytest.mark.both_databases(reason="the order of times, and partial indexes")

EVERY = IncidentFilter()


@pytest.fixture
def night(app: Flask) -> list[Incident]:
    """Provide the incidents of a night: on time, late, of a fast clock, of another site."""
    lyon = sites.get_or_add_site("lyon")
    return [
        add_incident("a", detected=600, received=600),
        add_incident("c", detected=400, received=399, site=lyon),
        add_incident("d", detected=300, received=300, state=IncidentState.CONFIRMED),
        add_incident("f", detected=-50, received=100),  # a clock that is 150 minutes fast
        add_incident("b", detected=500, received=90),  # after an outage
        add_incident("e", detected=200, received=90),
        add_incident("g", detected=60, received=60),
    ]


def _names(wanted: IncidentFilter = EVERY, actor: Actor = SYSTEM, size: int = 50) -> str:
    """Return the names of all rows by walking down the pages."""
    listed, here, names = IncidentList(actor, wanted), SORTED_TOP, ""
    while True:
        page = listed.page(here, size)
        names += "".join(row.reference[-1] for row in page.rows)
        if page.next is None:
            return names
        here = SortedCursor(before=page.next)


@pytest.mark.parametrize("size", [1, 2, 3, 50])
def test_the_order_is_that_of_detection(night: list[Incident], size: int) -> None:
    assert _names(size=size) == "gfedcba"


def test_the_way_up_meets_the_same_rows(night: list[Incident]) -> None:
    listed = IncidentList(SYSTEM, EVERY)
    second = listed.page(SortedCursor(before=listed.page(size=3).next), size=3)
    assert second.previous is not None
    first = listed.page(SortedCursor(after=second.previous), size=3)
    assert "".join(row.reference[-1] for row in first.rows) == "gfe"


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (IncidentFilter(state=IncidentState.NEW), "gfecba"),
        (IncidentFilter(state=IncidentState.CONFIRMED), "d"),
        (IncidentFilter(since=NOW - timedelta(minutes=250)), "gfe"),
        (IncidentFilter(until=NOW - timedelta(minutes=450)), "ba"),
        # At the time at which it is listed, not at that of the clock that is fast.
        (
            IncidentFilter(since=NOW - timedelta(minutes=110), until=NOW - timedelta(minutes=90)),
            "f",
        ),
    ],
)
def test_a_filter_shows_and_counts_the_same(
    night: list[Incident], wanted: IncidentFilter, names: str
) -> None:
    assert _names(wanted) == names
    assert IncidentList(SYSTEM, wanted).count() == len(names)


def test_a_site_of_the_filter_and_the_sites_of_the_reader(night: list[Incident]) -> None:
    lyon = sites.get_or_add_site("lyon").id
    paris = Actor("paris@example.com", Role.OPERATOR, site_ids=frozenset({sites.default_site().id}))
    assert _names(IncidentFilter(site_id=lyon)) == "c"
    assert _names(actor=paris) == "gfedba"
    assert _names(IncidentFilter(site_id=lyon), paris) == ""
    assert count_undecided(paris) == 5
    assert count_undecided(SYSTEM) == 6


def test_many_sites_are_one_query_with_the_same_result(
    night: list[Incident], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "_MOST_SITES", 1)
    assert _names(size=2) == "gfedcba"


def test_counting_ends_at_its_limit(night: list[Incident], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST_COUNTED", 3)
    assert count_undecided(SYSTEM) == 4


def test_the_undecided_are_read_from_their_index(night: list[Incident]) -> None:
    plan = plan_of(IncidentList(SYSTEM, IncidentFilter(state=IncidentState.NEW)))
    assert "ix_incidents_site_state_detected" in plan, plan
    assert "Sort" not in plan, plan
    assert "TEMP B-TREE" not in plan, plan


def _shown(person: Person, query: str) -> list[str]:
    page = person.browser.get(f"/incidents/{query}")
    assert page.status_code == 200, query
    return re.findall(r'data-part="INC-2026-(\w)"', page.text)


def test_the_page_narrows_by_state_and_by_whose_it_is(
    night: list[Incident], people: Callable[[Role], Person]
) -> None:
    operator = people(Role.ADMIN).speaking("en")
    mine = next(
        user for user in assignment.assignable(night[0].site_id) if user.email == operator.email
    )
    assignment.assign(ACTOR, night[0].reference, mine.id, seen=None)
    assert _shown(operator, "") == list("gfedcba")
    assert _shown(operator, "?state=new") == list("gfecba")
    assert _shown(operator, "?state=new&mine=1") == ["a"]
    assert _shown(operator, f"?site={sites.get_or_add_site('lyon').id}") == ["c"]
    large = "9" * 30
    for odd in ("state=x", "site=x", "site=-1", "site=0", f"site={large}", "mine=x", "before=x"):
        assert len(_shown(operator, f"?{odd}")) == 7, odd
    page = operator.browser.get("/incidents/").text
    assert re.search(r'id="undecided">6<', page)
    assert "the detector’s clock is fast" in page
    assert page.count("received late, ") == 2


def test_late_arrivals_stand_on_top_until_they_are_decided(
    night: list[Incident], people: Callable[[Role], Person]
) -> None:
    late, more = late_arrivals(SYSTEM)
    assert ([row.reference[-1] for row in late], more) == (["e", "b"], 0)
    assert [len(late_arrivals(SYSTEM, 1)[0]), late_arrivals(SYSTEM, 1)[1]] == [1, 1]
    operator = people(Role.ADMIN).speaking("en")
    assert "2 received late" in operator.browser.get("/incidents/").text
    assert "received late</h2>" not in operator.browser.get("/incidents/?risk=HIGH").text
    for row in late:
        decisions.decide(ACTOR, row.reference, IncidentState.CLOSED, seen=IncidentState.NEW)
    assert late_arrivals(SYSTEM) == ([], 0)
    assert "2 received late" not in operator.browser.get("/incidents/?state=new").text


def test_when_everything_is_decided_the_list_says_so(
    app: Flask, people: Callable[[Role], Person]
) -> None:
    add_incident("a", 5, 5, state=IncidentState.CLOSED)
    page = people(Role.OPERATOR).speaking("en").browser.get("/incidents/?state=new").text
    assert "Everything is decided" in page
