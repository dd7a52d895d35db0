"""What a person has read, the order of risk, types, repeats below their first, visits."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from tests.helpers import Clock, Person, renew
from tests.integration.review.nights import NOW, add_incident, plan_of_query
from tests.library import ACTOR
from vigint_web.extensions import db
from vigint_web.models import Incident, IncidentState, RiskLevel, Role, User
from vigint_web.services.accounts import sites
from vigint_web.services.core.actors import SYSTEM, Actor
from vigint_web.services.core.keyset_pagination import SORTED_TOP, SortedCursor
from vigint_web.services.core.transactions import transaction
from vigint_web.services.incidents import listing
from vigint_web.services.incidents.listing import IncidentFilter, IncidentList
from vigint_web.services.review import bulk, decisions

pytestmark = pytest.mark.both_databases(reason="the order of times, and partial indexes")

NEW = IncidentState.NEW


@pytest.fixture
def risks(app: Flask) -> list[Incident]:
    """Provide incidents of several risks and of two sites, one of them with a fast clock."""
    lyon = sites.get_or_add_site("lyon")
    return [
        add_incident("a", 600, 600, risk_level=RiskLevel.CRITICAL),
        add_incident("b", 500, 500, lyon, risk_level=RiskLevel.LOW),
        add_incident("c", 400, 400, risk_level=RiskLevel.HIGH, state=IncidentState.CLOSED),
        add_incident("d", 300, 300, lyon, risk_level=RiskLevel.CRITICAL, incident_type="Chute"),
        add_incident("e", -9, 200, risk_level=RiskLevel.HIGH, incident_type="chute"),
        add_incident("f", 100, 100, risk_level=RiskLevel.UNKNOWN),
    ]


def _walked(wanted: IncidentFilter, size: int, actor: Actor = SYSTEM) -> str:
    """Return the names of all rows, after walking down the pages and up again."""
    listed, here, down = IncidentList(actor, wanted, by_risk=True), SORTED_TOP, []
    page = listed.page(here, size)
    down.append("".join(row.reference[-1] for row in page.rows))
    while page.next is not None:
        page = listed.page(SortedCursor(before=page.next), size)
        down.append("".join(row.reference[-1] for row in page.rows))
    for names in reversed(down[:-1]):
        assert page.previous is not None
        page = listed.page(SortedCursor(after=page.previous), size)
        assert "".join(row.reference[-1] for row in page.rows) == names
    return "".join(down)


@pytest.mark.parametrize("size", [1, 2, 3, 50])
def test_the_highest_risk_comes_first_then_the_last_detected(
    risks: list[Incident], size: int
) -> None:
    assert _walked(IncidentFilter(), size) == "daecfb"
    assert _walked(IncidentFilter(state=NEW), size) == "daefb"
    assert _walked(IncidentFilter(risk=RiskLevel.HIGH), size) == "ec"


def test_neighbours_in_the_order_of_risk(risks: list[Incident]) -> None:
    listed = IncidentList(SYSTEM, IncidentFilter(), by_risk=True)
    around = [tuple((one or "-")[-1] for one in listed.around(row)) for row in risks]
    assert around == [("d", "e"), ("f", "-"), ("e", "f"), ("-", "a"), ("a", "c"), ("c", "b")]
    following = listing.next_undecided(SYSTEM, IncidentFilter(), risks[4], by_risk=True)
    assert following == "INC-2026-f"


def test_each_risk_is_read_from_an_index(risks: list[Incident]) -> None:
    for wanted, index in (
        (IncidentFilter(risk=RiskLevel.HIGH, folded=True), "ix_incidents_site_risk"),
        (IncidentFilter(risk=RiskLevel.HIGH, state=NEW), "ix_incidents_site_state_risk"),
        (IncidentFilter(incident_type="Chute"), "ix_incidents_site_type"),
    ):
        query, order = IncidentList(SYSTEM, wanted)._parts()[0]
        ordered = query.order_by(order.column.desc(), order.row_id.desc()).limit(50)
        plan = plan_of_query(ordered)
        assert index in plan, plan
        assert "Sort" not in plan, plan
        assert "TEMP B-TREE" not in plan, plan


def test_types_are_those_of_the_readers_sites(risks: list[Incident]) -> None:
    paris = Actor("paris@example.com", Role.OPERATOR, site_ids=frozenset({sites.default_site().id}))
    assert listing.types_of(SYSTEM) == ["Chute", "chute", "Intrusion"]
    assert listing.types_of(paris) == ["chute", "Intrusion"]
    assert listing.types_of(SYSTEM, sites.get_or_add_site("lyon").id) == ["Chute", "Intrusion"]


def _names(wanted: IncidentFilter) -> str:
    return "".join(row.reference[-1] for row in IncidentList(SYSTEM, wanted).page().rows)


@pytest.fixture
def repeated(app: Flask) -> Incident:
    """Provide an incident with three repeats, the last one of which is decided."""
    first = add_incident("a", 60, 60)
    for name, minutes in (("b", 50), ("c", 40)):
        add_incident(name, minutes, minutes, grouped_under_id=first.id)
    add_incident("d", 30, 30, grouped_under_id=first.id, state=IncidentState.CONFIRMED)
    return first


def test_a_repeat_is_left_out_where_the_list_has_its_first(repeated: Incident) -> None:
    assert _names(IncidentFilter()) == "dcba"
    for wanted, names in (
        (IncidentFilter(folded=True), "a"),
        (IncidentFilter(folded=True, state=NEW), "a"),
        # Its first one is of another state, or from before the time: none is overlooked.
        (IncidentFilter(folded=True, state=IncidentState.CONFIRMED), "d"),
        (IncidentFilter(folded=True, since=NOW - timedelta(minutes=55)), "dcb"),
        (IncidentFilter(folded=True, text="INC-2026"), "dcba"),
    ):
        assert _names(wanted) == names
        assert IncidentList(SYSTEM, wanted).count() == len(names)
    assert listing.count_undecided(SYSTEM) == 1


def test_a_decision_is_also_that_of_the_repeats(
    repeated: Incident, people: Callable[[Role], Person]
) -> None:
    operator = people(Role.OPERATOR)
    page = f"/incidents/{repeated.reference}/?state=new"
    answer = operator.post(
        f"/incidents/{repeated.reference}/decide?state=new",
        page=page, seen="new", decision="false_alarm", reason="animal",
    )  # fmt: skip
    assert answer.location == "/incidents/?state=new"
    renew()
    rows = db.session.query(Incident).order_by(Incident.reference)
    assert [row.state for row in rows] == [*["false_alarm"] * 3, "confirmed"]
    assert {row.decided_by for row in rows} - {None} == {operator.email}


def test_one_that_arrives_after_the_decision_is_a_row(repeated: Incident) -> None:
    decisions.decide(ACTOR, repeated.reference, IncidentState.CLOSED, seen=NEW)
    assert _names(IncidentFilter(folded=True, state=NEW)) == "cb"
    add_incident("e", 1, 1, grouped_under_id=repeated.id)
    assert _names(IncidentFilter(folded=True, state=NEW)) == "ecb"


def test_repeats_are_selected_with_their_first(repeated: Incident) -> None:
    alone = bulk.choose(ACTOR, [repeated.reference])
    assert [one.reference[-1] for one in alone] == ["a"]
    chosen = bulk.choose(ACTOR, [repeated.reference], with_repeats=True)
    assert [one.reference[-1] for one in chosen] == ["c", "b", "a"]


def test_the_row_unfolds_its_repeats(repeated: Incident, people: Callable[[Role], Person]) -> None:
    operator = people(Role.OPERATOR).speaking("en")
    page = operator.browser.get("/incidents/").text
    assert re.findall(r'data-part="INC-2026-(\w)"', page) == ["a"]
    fold = page.partition('id="fold-INC-2026-a"')[2].partition("</details>")[0]
    assert re.findall(r"/incidents/INC-2026-(\w)/", fold) == ["d", "c", "b"]
    assert ">×4<" in fold
    page = operator.browser.get("/incidents/?repeats=1").text
    assert re.findall(r'data-part="INC-2026-(\w)"', page) == list("dcba")


def _unread(person: Person) -> list[str]:
    page = person.browser.get("/incidents/").text
    return re.findall(r'class="inbox-row[^"]* unread" data-part="INC-2026-(\w)"', page)


def test_an_incident_is_read_by_whoever_opened_it(
    app: Flask, people: Callable[[Role], Person], clock: Clock
) -> None:
    operator, admin = people(Role.OPERATOR), people(Role.ADMIN)
    add_incident("z", 60, 60, created_at=clock.now() - timedelta(days=1))
    clock.forward(seconds=60)
    for name in "ab":
        add_incident(name, 5, 5, created_at=clock.now(), detected_at=clock.now())
    assert _unread(operator) == _unread(admin) == ["b", "a"]
    tag = operator.browser.get("/incidents/live").headers["ETag"]
    operator.browser.get("/incidents/INC-2026-a/")
    operator.browser.get("/incidents/INC-2026-a/")
    assert _unread(operator) == ["b"]
    assert _unread(admin) == ["b", "a"]
    # A list that is open elsewhere learns of it.
    again = operator.browser.get("/incidents/live", headers={"If-None-Match": tag})
    assert again.status_code == 200
    with transaction() as session:
        session.delete(db.session.query(Incident).filter_by(reference="INC-2026-a").one())
    assert _unread(operator) == ["b"]


def test_since_the_last_visit(app: Flask, people: Callable[[Role], Person], clock: Clock) -> None:
    operator = people(Role.OPERATOR).speaking("en")
    words = "Received since my last visit"
    add_incident("a", 5, 5, created_at=clock.now(), detected_at=clock.now())
    assert words not in operator.browser.get("/incidents/").text
    clock.forward(seconds=120)
    operator.browser.get("/incidents/")
    clock.forward(minutes=31)
    add_incident("b", 5, 5, created_at=clock.now(), detected_at=clock.now())
    assert words in operator.browser.get("/incidents/").text
    page = operator.browser.get("/incidents/?fresh=1").text
    assert re.findall(r'data-part="INC-2026-(\w)"', page) == ["b"]
    assert "1 incident" in page.partition('data-part="found"')[2]
    renew()
    user = db.session.query(User).filter_by(email=operator.email).one()
    assert user.list_seen_before_at is not None


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("type=Chute", "d"),
        ("type=nothing", ""),
        ("sort=risk", "daecfb"),
        ("sort=odd", "fedcba"),
        ("sort=risk&before=HIGH~2020-01-01T00:00:00%2B00:00~1", "fb"),
        ("sort=risk&before=ODD~2020-01-01T00:00:00%2B00:00~1", "daecfb"),
        ("sort=risk&before=~1", "daecfb"),
        ("assignee=99", ""),
        ("assignee=x", "fedcba"),
    ],
)
def test_filters_and_orders_of_the_address(
    risks: list[Incident], people: Callable[[Role], Person], query: str, names: str
) -> None:
    page = people(Role.ADMIN).browser.get(f"/incidents/?{query}")
    assert page.status_code == 200
    assert re.findall(r'data-part="INC-2026-(\w)"', page.text) == list(names)


def test_times_are_exact_to_the_minute(app: Flask, people: Callable[[Role], Person]) -> None:
    for name, minute in (("a", 29), ("b", 30), ("c", 45), ("d", 46)):
        at = datetime(2026, 1, 15, 21, minute, 59, tzinfo=UTC)
        add_incident(name, 0, 0, detected_at=at, created_at=at)
    query = "from=2026-01-15&from_time=22:30&to=2026-01-15&to_time=22:45"
    page = people(Role.OPERATOR).browser.get(f"/incidents/?{query}").text
    assert re.findall(r'data-part="INC-2026-(\w)"', page) == ["c", "b"]
    assert 'name="from_time" type="time" value="22:30"' in page
    for odd in ("from_time=22:30", "from=2026-01-15&from_time=25:00", "to_time=x"):
        page = people(Role.ADMIN).browser.get(f"/incidents/?{odd}").text
        assert len(re.findall(r'data-part="INC-2026-(\w)"', page)) == 4, odd
