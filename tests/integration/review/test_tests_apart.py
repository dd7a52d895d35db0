"""Test alerts: a list of their own, in no other list and no number."""

from collections.abc import Callable
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.helpers import Person
from tests.integration.review.nights import NOW, add_incident, plan_of
from vigint_web.models import Incident, IncidentState, RiskLevel, Role, Scope
from vigint_web.services.accounts import api_keys, sites
from vigint_web.services.core.actors import SYSTEM
from vigint_web.services.incidents.late_arrivals import late_arrivals
from vigint_web.services.incidents.listing import (
    IncidentFilter,
    IncidentList,
    count_tests,
    count_undecided,
    next_undecided,
)
from vigint_web.services.reports.overview import overview

pytestmark = pytest.mark.both_databases(reason="partial indexes")

TESTS = IncidentFilter(tests=True)


@pytest.fixture
def night(app: Flask) -> dict[str, Incident]:
    """Give three incidents and three tests, among them late ones, old ones and a fast clock's."""
    moments = {
        "r1": (40, 39), "t1": (30, 29), "r-late": (300, 20), "t-late": (300, 19),
        "r-fast": (-60, 10), "t-fast": (-60, 9), "t-old": (3000, 2999),
    }  # fmt: skip
    return {
        name: add_incident(
            name,
            *ago,
            is_test=name.startswith("t"),
            risk_level=RiskLevel.CRITICAL if name == "t-late" else RiskLevel.HIGH,
        )
        for name, ago in moments.items()
    }


def _names(wanted: IncidentFilter) -> list[str]:
    rows = IncidentList(SYSTEM, wanted).page().rows
    return [row.reference.removeprefix("INC-2026-") for row in rows]


@pytest.mark.usefixtures("night")
def test_no_list_has_both() -> None:
    assert _names(IncidentFilter()) == ["r-fast", "r1", "r-late"]
    assert _names(TESTS) == ["t-fast", "t1", "t-late", "t-old"]
    assert _names(IncidentFilter(state=IncidentState.NEW)) == ["r-fast", "r1", "r-late"]
    assert _names(IncidentFilter(text="INC-2026-t")) == []
    assert _names(IncidentFilter(since=NOW - timedelta(hours=6))) == ["r-fast", "r1", "r-late"]
    assert _names(IncidentFilter(risk=RiskLevel.CRITICAL)) == []
    assert _names(IncidentFilter(risk=RiskLevel.CRITICAL, tests=True)) == ["t-late"]


def test_they_are_no_work(night: dict[str, Incident]) -> None:
    assert count_undecided(SYSTEM) == 3
    assert (late_arrivals(SYSTEM)[0], late_arrivals(SYSTEM)[1]) == ([night["r-late"]], 0)
    following = next_undecided(SYSTEM, IncidentFilter(), night["r1"])
    assert following == "INC-2026-r-late"
    assert IncidentList(SYSTEM, IncidentFilter()).around(night["r1"]) == (
        "INC-2026-r-fast", "INC-2026-r-late",
    )  # fmt: skip
    assert IncidentList(SYSTEM, TESTS).around(night["t1"]) == ("INC-2026-t-fast", "INC-2026-t-late")


@pytest.mark.usefixtures("night")
def test_home_says_them_in_one_line_and_counts_none(people: Callable[[Role], Person]) -> None:
    seen = overview(SYSTEM, ZoneInfo("Europe/Paris"))
    assert (seen.day.count, seen.week.count, sum(day.count for day in seen.days)) == (3, 3, 3)
    assert (seen.undecided, seen.tests, count_tests(SYSTEM)) == (3, 3, 3)
    assert {row.reference for row in seen.latest} == {
        "INC-2026-r1", "INC-2026-r-late", "INC-2026-r-fast",
    }  # fmt: skip
    page = people(Role.OPERATOR).browser.get("/", headers={"Accept-Language": "en"}).text
    assert "3 test alerts in the last 24 hours" in page
    assert 'href="/incidents/?tests=1"' in page


@pytest.mark.usefixtures("night")
@pytest.mark.parametrize("query", ["", "?state=new", "?night=1", "?mine=1&state=new", "?q=INC"])
def test_no_page_of_incidents_shows_one(people: Callable[[Role], Person], query: str) -> None:
    page = people(Role.OPERATOR).browser.get(f"/incidents/{query}").text
    assert "INC-2026-t" not in page


@pytest.mark.usefixtures("night")
def test_their_page_marks_each(people: Callable[[Role], Person]) -> None:
    person = people(Role.OPERATOR)
    page = person.browser.get("/incidents/?tests=1", headers={"Accept-Language": "en"}).text
    assert "INC-2026-r" not in page
    assert page.count("badge-test") == 4
    assert "4 test alerts" in page
    shown = person.browser.get(
        "/incidents/INC-2026-t1/?tests=1", headers={"Accept-Language": "en"}
    ).text
    assert "badge-test" in shown
    assert "<title>TEST – " in shown
    assert "A test alert needs no decision." in shown
    assert "badge-test" not in person.browser.get("/incidents/INC-2026-r1/").text


@pytest.mark.usefixtures("night")
def test_a_search_that_finds_nothing_leads_to_them(people: Callable[[Role], Person]) -> None:
    page = people(Role.VIEWER).browser.get("/incidents/?q=INC-2026-t1").text
    assert "/incidents/?q=INC-2026-t1&amp;tests=1" in page


@pytest.mark.usefixtures("night")
def test_an_export_has_a_column(people: Callable[[Role], Person]) -> None:
    person = people(Role.OPERATOR)
    for query, references, mark in (
        ("?tests=1", {"t-fast", "t1", "t-late", "t-old"}, "TEST"),
        ("", {"r-fast", "r1", "r-late"}, ""),
    ):
        lines = (
            person.browser.get(f"/incidents/export.csv{query}").get_data(as_text=True).splitlines()
        )
        rows = [line.split(";" if ";" in lines[0] else ",") for line in lines[1:]]
        assert {row[0].strip('"').removeprefix("INC-2026-") for row in rows} == references
        assert {row[-1].strip('"') for row in rows} == {mark}


@pytest.mark.usefixtures("night")
def test_programs_ask_for_them(client: FlaskClient) -> None:
    key = api_keys.create_api_key(SYSTEM, "reader", sites.default_site(), {Scope.READ})

    def listed(query: str) -> dict[str, bool]:
        answer = client.get(f"/api/v1/incidents{query}", headers={"X-API-Key": key})
        assert answer.status_code == 200, answer.text
        return {row["reference"]: row["test"] for row in answer.get_json()["incidents"]}

    real = {f"INC-2026-{name}": False for name in ("r1", "r-late", "r-fast")}
    tests = {f"INC-2026-{name}": True for name in ("t1", "t-late", "t-fast", "t-old")}
    assert listed("") == listed("?test=false") == listed("?state=new") == real
    assert listed("?test=true") == listed("?test=true&state=new&limit=50") == tests
    refused = client.get("/api/v1/incidents?test=1", headers={"X-API-Key": key})
    assert (refused.status_code, refused.get_json()["code"]) == (422, "invalid_request")


@pytest.mark.usefixtures("night")
def test_each_list_follows_an_index_of_its_own() -> None:
    """Many tests must not make the list of incidents slow, nor the other way round."""
    assert "ix_incidents_site_tests" in plan_of(IncidentList(SYSTEM, TESTS))
    assert "ix_incidents_site_detected" in plan_of(IncidentList(SYSTEM, IncidentFilter()))
    undecided = IncidentList(SYSTEM, IncidentFilter(state=IncidentState.NEW))
    assert "ix_incidents_site_state_detected" in plan_of(undecided)
