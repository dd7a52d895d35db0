"""Several incidents are decided or assigned at once, after a confirmation that counts."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from tests.helpers import Person, csrf_token, renew
from tests.integration.review.nights import add_incident
from tests.library import ACTOR
from vigint_web.extensions import db
from vigint_web.models import Incident, IncidentState, Role, User
from vigint_web.services.accounts import sites
from vigint_web.services.core.bulk import MOST_AT_ONCE
from vigint_web.services.review import acts, bulk, decisions

PAGE = "/incidents/chosen"
NEW, CONFIRMED = IncidentState.NEW, IncidentState.CONFIRMED


@pytest.fixture
def operator(app: Flask, people: Callable[[Role], Person]) -> Person:
    """Provide an operator who reads English."""
    return people(Role.OPERATOR).speaking("en")


@pytest.fixture
def three(app: Flask) -> list[str]:
    """Provide the references of three new incidents."""
    return [add_incident(name, 60, 60).reference for name in "abc"]


def _ask(person: Person, **query: Any) -> TestResponse:
    return person.browser.get(PAGE, query_string=query)


def _change(person: Person, query: str = "", **form: Any) -> TestResponse:
    token = csrf_token(person.browser.get("/account").text)
    return person.browser.post(
        f"{PAGE}{query}", data={"csrf_token": token, **form}, follow_redirects=True
    )


def _states() -> dict[str, str]:
    renew()
    return {row.reference[-1]: str(row.state) for row in db.session.query(Incident)}


def _id_of(person: Person) -> int:
    user = db.session.query(User).filter_by(email=person.email).one()
    return user.id


def test_the_confirmation_counts_and_nothing_is_done_before_it(
    operator: Person, three: list[str]
) -> None:
    decisions.decide(ACTOR, three[0], CONFIRMED, seen=NEW)
    page = _ask(operator, do="false_alarm", incident=three).text
    assert "Record 2 incidents as false alarms?" in page
    assert "1 of the selected incidents is in another state: it stays as it is." in page
    assert page.count('name="incident"') == 2
    assert "Close 3 incidents?" in _ask(operator, do="closed", incident=three).text
    assert (
        "None of these can be decided like this"
        in _ask(operator, do="new", incident=three[1:]).text
    )
    assert "3 incidents selected" in _ask(operator, incident=three).text
    assert _states() == {"a": "confirmed", "b": "new", "c": "new"}


@pytest.mark.parametrize(
    ("deed", "more", "words"),
    [
        ("confirmed", {}, "3 incidents confirmed."),
        ("false_alarm", {"reason": "animal"}, "3 incidents recorded as false alarms."),
        ("closed", {}, "3 incidents closed."),
    ],
)
def test_what_is_confirmed_is_done_to_each(
    operator: Person, three: list[str], deed: str, more: dict[str, str], words: str
) -> None:
    said = _change(operator, do=deed, incident=three, seen=["new"] * 3, **more).text
    assert words in said
    assert set(_states().values()) == {deed}
    for row in db.session.query(Incident):
        assert [(str(act.kind), act.actor) for act in acts.acts_of(row.id)] == [
            (deed, operator.email)
        ]
    said = _change(operator, do="new", incident=three, seen=[deed] * 3).text
    assert "3 incidents reopened." in said
    assert set(_states().values()) == {"new"}


def test_what_another_one_decided_meanwhile_is_left_and_named(
    operator: Person, three: list[str]
) -> None:
    decisions.decide(ACTOR, three[1], CONFIRMED, seen=NEW)
    said = unescape(_change(operator, do="closed", incident=three, seen=["new"] * 3).text)
    assert "2 incidents closed." in said
    assert f"1 incident was left as it is ({three[1]}): " in said
    assert "was first: confirmed." in said
    assert _states() == {"a": "closed", "b": "confirmed", "c": "closed"}


def test_a_missing_reason_changes_nothing_and_the_page_says_so(
    operator: Person, three: list[str]
) -> None:
    for reason in ("", "unheard-of"):
        answer = _change(
            operator, do="false_alarm", incident=three, seen=["new"] * 3, reason=reason
        )
        assert answer.status_code == 422
        assert "Record 3 incidents as false alarms?" in answer.text
        assert 'role="alert"' in answer.text
    assert set(_states().values()) == {"new"}


def test_assigned_to_somebody_who_may_work_on_all_of_them(
    operator: Person, three: list[str], people: Callable[[Role], Person]
) -> None:
    page = _ask(operator, do="assign", incident=three).text
    assert "Assign 3 incidents" in page
    assert f">{operator.email}</option>" in page
    me = _id_of(operator)
    said = _change(operator, do="assign", incident=three, seen=[""] * 3, assignee=str(me)).text
    assert "3 incidents assigned." in said
    renew()
    assert {row.assignee_id for row in db.session.query(Incident)} == {me}
    # Not again by a page that is older than that.
    said = _change(operator, do="assign", incident=three[:1], seen=[""], assignee="").text
    assert "1 incident was left as it is" in said
    said = _change(operator, do="assign", incident=three, seen=[str(me)] * 3, assignee="").text
    assert "3 incidents are assigned to no one." in said


def test_those_of_two_sites_are_for_people_of_both(
    app: Flask, three: list[str], people: Callable[[Role], Person]
) -> None:
    away = add_incident("z", 60, 60, site=sites.get_or_add_site("lyon")).reference
    here, admin = people(Role.OPERATOR), people(Role.ADMIN)
    found = bulk.choose(ACTOR, [*three, away])
    assert [user.email for user in bulk.assignable_to_all(found)] == [admin.email]
    assert bulk.assignable_to_all([]) == []
    # One of another site is as if it did not exist.
    assert _ask(here.speaking("en"), incident=away).status_code == 302
    said = unescape(_change(here, do="closed", incident=[away], seen=["new"]).text)
    assert "it no longer exists." in said
    assert _states()["z"] == "new"


def test_all_of_a_filter_at_once_and_back_to_it(operator: Person, three: list[str]) -> None:
    decisions.decide(ACTOR, three[0], CONFIRMED, seen=NEW)
    page = _ask(operator, all="1", state="new", do="closed").text
    assert "Close 2 incidents?" in page
    assert 'action="/incidents/chosen?state=new"' in page
    token = csrf_token(page)
    done = operator.browser.post(
        f"{PAGE}?state=new",
        data={"csrf_token": token, "do": "closed", "incident": three[1:], "seen": ["new"] * 2},
    )
    assert done.headers["Location"] == "/incidents/?state=new"


def test_all_of_a_filter_are_reached_by_repeating(
    operator: Person, three: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vigint_web.services.review.bulk.MOST_AT_ONCE", 2)
    for left, others in ((2, True), (1, False)):
        page = _ask(operator, all="1", do="confirmed", q="Intrusion").text
        assert f"Confirm {left} incident" in page
        assert ("Repeat this for the others" in page) is others
        references = re.findall(r'name="incident" value="([^"]+)"', page)
        _change(operator, do="confirmed", incident=references, seen=["new"] * left)
    assert set(_states().values()) == {"confirmed"}
    page = _ask(operator, all="1", do="assign").text
    assert "Narrow the filter for the others" in page
    # Without an action yet, all of the filter is meant by the next page too.
    page = _ask(operator, all="1").text
    assert '<input type="hidden" name="all" value="1">' in page
    assert 'type="hidden" name="incident"' not in page


def test_a_database_that_stops_answering_leaves_a_report(
    operator: Person, three: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = decisions.decide, []

    def decide(*arguments: Any, **more: Any) -> Incident:
        calls.append(arguments)
        if len(calls) == 2:
            raise OperationalError("UPDATE", {}, Exception("database is locked"))
        return real(*arguments, **more)

    monkeypatch.setattr(bulk, "decide", decide)
    said = unescape(_change(operator, do="closed", incident=three, seen=["new"] * 3).text)
    assert "1 incident closed." in said
    assert f"2 incidents were left as they are ({three[1]}, {three[2]}): It was not tried" in said
    assert _states() == {"a": "closed", "b": "new", "c": "new"}


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"do": "closed"},
        {"do": "explode", "incident": ["x"], "seen": ["new"]},
        {"do": "closed", "incident": ["x", "y"], "seen": ["new"]},
        {"incident": ["x"], "seen": ["new"]},
        {"do": "closed", "incident": ["INC-2026-a"], "seen": ["odd"]},
        {"do": "assign", "incident": ["INC-2026-a"], "seen": ["odd"], "assignee": "9" * 40},
    ],
)
def test_an_incomplete_form_changes_nothing(
    operator: Person, three: list[str], form: dict[str, Any]
) -> None:
    assert _change(operator, **form).status_code in {200, 422}
    assert set(_states().values()) == {"new"}


def test_no_more_at_once_than_the_limit(app: Flask) -> None:
    seen = {f"INC-2026-{number}": NEW for number in range(MOST_AT_ONCE + 50)}
    assert len(bulk.decide_many(ACTOR, seen, CONFIRMED).refused) == MOST_AT_ONCE


def test_viewers_choose_nothing(three: list[str], people: Callable[[Role], Person]) -> None:
    viewer = people(Role.VIEWER)
    assert viewer.browser.get(f"{PAGE}?incident={three[0]}").status_code == 403
    assert viewer.post(PAGE, do="closed", incident=three[0], seen="new").status_code == 403
    assert 'name="incident"' not in viewer.browser.get("/incidents/").text
