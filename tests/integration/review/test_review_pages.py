"""The pages on which incidents are reviewed."""

import re
from collections.abc import Callable

import pytest

from tests.helpers import Person, renew
from tests.library import Library
from vigint_web.extensions import db
from vigint_web.models import Incident, Role
from vigint_web.services.review import reasons

People = Callable[[Role], Person]


@pytest.fixture
def incident(library: Library) -> Incident:
    """Provide a new incident with a video."""
    return library.incident_of(library.incident())


def _address(incident: Incident, what: str = "") -> str:
    return f"/incidents/{incident.reference}/{what}"


def _sent(person: Person, incident: Incident, what: str, **fields: str) -> str:
    """Send a form and return the page that follows."""
    answer = person.post(_address(incident, what), page=_address(incident), **fields)
    assert (answer.status_code, answer.location) == (302, _address(incident))
    renew()
    return person.browser.get(_address(incident)).text


def test_an_operator_confirms_and_the_page_says_who(people: People, incident: Incident) -> None:
    operator = people(Role.OPERATOR).speaking("en")
    page = _sent(operator, incident, "decide", seen="new", decision="confirmed")
    assert f"Confirmed by {operator.email}" in page
    assert "not verified by a person" not in page
    assert 'id="reopen"' in page
    assert 'id="confirm"' not in page


def test_a_false_alarm_shows_its_reason(people: People, incident: Incident) -> None:
    operator = people(Role.OPERATOR)
    page = _sent(operator, incident, "decide", seen="new", decision="false_alarm", reason="animal")
    assert "Fausse alerte selon" in page
    assert "Animal" in page


def test_the_second_reads_who_was_first(people: People, incident: Incident) -> None:
    operator, admin = people(Role.OPERATOR), people(Role.ADMIN).speaking("en")
    _sent(operator, incident, "decide", seen="new", decision="confirmed")
    page = _sent(admin, incident, "decide", seen="new", decision="false_alarm", reason="animal")
    assert re.search(rf"{operator.email} was first, on .*\d: confirmed\. Nothing was", page)


@pytest.mark.parametrize(
    ("what", "fields"),
    [
        ("decide", {}),
        ("decide", {"seen": "new", "decision": "unheard-of"}),
        ("decide", {"seen": "new", "decision": "false_alarm"}),
        ("decide", {"seen": "new", "decision": "false_alarm", "reason": "x" * 500}),
        ("decide", {"seen": "closed", "decision": "confirmed"}),
        ("assign", {"assignee": "me"}),
        ("assign", {"assignee": "²"}),
        ("assign", {"assignee": "9" * 10}),
        ("assign", {"assignee": "9" * 5000}),
        ("record", {}),
        ("record", {"kind": "confirmed"}),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(
    people: People, incident: Incident, what: str, fields: dict[str, str]
) -> None:
    operator = people(Role.OPERATOR)
    page = _sent(operator, incident, what, **fields)
    assert 'data-flash="bad"' in page
    found = db.session.get_one(Incident, incident.id)
    assert (found.state, found.assignee_id) == ("new", None)


@pytest.mark.parametrize("text", ["", " ", "x" * 2001])
def test_a_refused_note_is_shown_again(people: People, incident: Incident, text: str) -> None:
    operator = people(Role.OPERATOR)
    answer = operator.post(_address(incident, "note"), page=_address(incident), text=text)
    assert answer.status_code == 422
    assert 'id="note-wrong"' in answer.text
    assert f">{text}</textarea>" in answer.text


def test_a_line_break_is_one_character(people: People, incident: Incident) -> None:
    """As the field of a browser counts, which sends two."""
    text = ("x" * 9 + "\r\n") * 200
    page = _sent(people(Role.OPERATOR), incident, "note", text=text)
    assert page.count("x" * 9 + "\n") == 199


def test_notes_assignment_and_records_are_in_the_timeline(
    people: People, incident: Incident
) -> None:
    operator = people(Role.OPERATOR).speaking("en")
    _sent(operator, incident, "note", text="Une voiture <blanche>")
    _sent(operator, incident, "record", kind="police_called")
    page = _sent(operator, incident, "assign", assignee="1")
    timeline = page.partition('id="timeline-title"')[2]
    for words in (
        "Received",
        "Video ready",
        f"Note by {operator.email}",
        "Une voiture &lt;blanche&gt;",
        f"Police called, recorded by {operator.email}",
        "Assigned to ",
    ):
        assert words in timeline, words


def test_a_viewer_reads_decisions_and_makes_none(people: People, incident: Incident) -> None:
    viewer = people(Role.VIEWER)
    page = viewer.browser.get(_address(incident)).text
    assert 'id="review-title"' in page
    for control in ('id="confirm"', 'id="note"', 'id="assignee"', 'id="police-called"'):
        assert control not in page
    for what in ("decide", "note", "assign", "record"):
        assert viewer.post(_address(incident, what)).status_code == 403


def test_an_administrator_edits_the_reasons(people: People, incident: Incident) -> None:
    admin, page = people(Role.ADMIN), "/review/reasons/"
    assert admin.post(f"{page}add", page=page, label="  Nettoyage  du  soir").status_code == 302
    assert admin.post(f"{page}add", page=page, label="nettoyage du soir").status_code == 422
    for refused in ("", "   ", "animal"):
        assert admin.post(f"{page}add", page=page, label=refused).status_code == 422
    code = reasons.list_reasons()[-1].code
    renamed = admin.post(f"{page}{code}/rename", page=page, **{f"{code}-label": "Ménage"})
    assert renamed.status_code == 302
    assert "Ménage" in people(Role.OPERATOR).browser.get(_address(incident)).text
    assert admin.post(f"{page}{code}/remove", page=page).status_code == 302
    assert "Ménage" not in admin.browser.get(page).text.partition("<main")[2].partition("feed")[2]
    assert admin.post(f"{page}unheard-of/remove", page=page).status_code == 404
