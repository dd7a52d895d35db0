"""Decisions about incidents, at the same moment too."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from tests.helpers import renew
from tests.library import Library
from vigint_web.errors import AlreadyDecided, Conflict, EditedMeanwhile, Invalid, NotFound
from vigint_web.extensions import db
from vigint_web.models import ActKind, AuditEvent, Incident, IncidentAct, IncidentState, Role, User
from vigint_web.services.accounts import sites, users
from vigint_web.services.core.actors import Actor, as_user, command_line
from vigint_web.services.review import acts, assignment, decisions, reasons

pytestmark = pytest.mark.both_databases(reason="one conditional update decides")

NEW, CONFIRMED = IncidentState.NEW, IncidentState.CONFIRMED
FALSE_ALARM, CLOSED = IncidentState.FALSE_ALARM, IncidentState.CLOSED
KARIM, LEA = command_line("karim@example.com"), command_line("lea@example.com")


@pytest.fixture
def reference(library: Library) -> str:
    """Provide the reference of a new incident with a video."""
    return library.incident_of(library.incident()).reference


def _acts(incident: Incident) -> list[tuple[str, str]]:
    return [(act.kind, act.actor) for act in acts.acts_of(incident.id)]


def _audited() -> list[str]:
    query = db.session.query(AuditEvent.action).order_by(AuditEvent.id)
    return [row.action for row in query]


def test_a_confirmation_is_recorded_with_its_author(reference: str) -> None:
    found = decisions.decide(KARIM, reference, CONFIRMED, seen=NEW, note="Deux personnes")
    assert (found.state, found.decision, found.decided_by) == (CONFIRMED, CONFIRMED, KARIM.label)
    assert found.decided_at is not None
    [act] = acts.acts_of(found.id)
    assert (act.kind, act.actor, act.text) == (ActKind.CONFIRMED, KARIM.label, "Deux personnes")
    assert _audited()[-1] == "incident:confirmed"


def test_a_false_alarm_needs_a_known_reason(reference: str) -> None:
    for reason in (None, "", "unheard-of"):
        with pytest.raises(Invalid):
            decisions.decide(KARIM, reference, FALSE_ALARM, seen=NEW, reason=reason)
    found = decisions.decide(KARIM, reference, FALSE_ALARM, seen=NEW, reason="animal")
    assert (found.state, found.reason) == (FALSE_ALARM, "animal")


def test_closing_keeps_the_judgement_and_reopening_takes_it_back(reference: str) -> None:
    decisions.decide(KARIM, reference, CONFIRMED, seen=NEW)
    closed = decisions.decide(LEA, reference, CLOSED, seen=CONFIRMED)
    assert (closed.state, closed.decision, closed.decided_by) == (CLOSED, CONFIRMED, KARIM.label)
    reopened = decisions.decide(LEA, reference, NEW, seen=CLOSED)
    assert (reopened.state, reopened.decision, reopened.decided_at) == (NEW, None, None)
    assert [kind for kind, _actor in _acts(reopened)] == ["confirmed", "closed", "reopened"]


def test_the_second_reads_whose_decision_was_first_and_which(reference: str) -> None:
    decisions.decide(KARIM, reference, CONFIRMED, seen=NEW)
    with pytest.raises(AlreadyDecided) as refused:
        decisions.decide(LEA, reference, FALSE_ALARM, seen=NEW, reason="animal")
    assert refused.value.facts == {"by": KARIM.label, "decision": "confirmed"}
    assert refused.value.at is not None


def test_a_second_click_is_the_same_decision(reference: str) -> None:
    for _click in range(2):
        found = decisions.decide(KARIM, reference, CONFIRMED, seen=NEW)
    assert _acts(found) == [("confirmed", KARIM.label)]
    with pytest.raises(AlreadyDecided):  # not the same: it has a note
        decisions.decide(KARIM, reference, CONFIRMED, seen=NEW, note="Deux personnes")


def test_a_decision_follows_the_state_that_was_seen(reference: str) -> None:
    with pytest.raises(Conflict):
        decisions.decide(KARIM, reference, NEW, seen=NEW)
    decisions.decide(KARIM, reference, FALSE_ALARM, seen=NEW, reason="animal")
    with pytest.raises(Conflict):
        decisions.decide(KARIM, reference, CONFIRMED, seen=FALSE_ALARM)


def test_of_many_at_once_one_decides(app: Flask, reference: str) -> None:
    start = threading.Barrier(6)

    def decide(number: int) -> str | None:
        with app.app_context():
            start.wait()
            actor = command_line(f"person{number}@example.com")
            try:
                decisions.decide(actor, reference, CONFIRMED, seen=NEW)
            except AlreadyDecided as error:
                return str(error.facts["by"])
            return None

    with ThreadPoolExecutor(6) as threads:
        firsts = list(threads.map(decide, range(6)))
    renew()
    [act] = db.session.query(IncidentAct).all()
    assert sorted(firsts, key=str) == sorted([None, *[act.actor] * 5], key=str)


def test_another_site_decides_nothing(reference: str) -> None:
    elsewhere = Actor("x@example.com", Role.OPERATOR, site_ids=frozenset({-1}))
    with pytest.raises(NotFound):
        decisions.decide(elsewhere, reference, CONFIRMED, seen=NEW)
    with pytest.raises(NotFound):
        acts.add_note(elsewhere, reference, "x")
    with pytest.raises(NotFound):
        assignment.assign(elsewhere, reference, None, seen=None)


def test_notes_are_kept_in_order_and_not_in_the_audit_trail(reference: str) -> None:
    acts.add_note(KARIM, reference, "  Une voiture blanche \n")
    acts.add_note(LEA, reference, "Elle repart")
    found = db.session.query(Incident).filter_by(reference=reference).one()
    texts = [act.text for act in acts.acts_of(found.id)]
    assert texts == ["Une voiture blanche", "Elle repart"]
    details = [str(event.detail) for event in db.session.query(AuditEvent)]
    assert not [detail for detail in details if "voiture" in detail]


@pytest.mark.parametrize("text", ["", " \n", "x" * (acts.LONGEST_NOTE + 1)])
def test_an_empty_or_endless_note_is_refused(reference: str, text: str) -> None:
    with pytest.raises(Invalid):
        acts.add_note(KARIM, reference, text)


def test_what_happened_outside_is_recorded(reference: str) -> None:
    acts.record_outside(KARIM, reference, ActKind.POLICE_CALLED)
    with pytest.raises(Invalid):
        acts.record_outside(KARIM, reference, ActKind.CONFIRMED)
    assert _audited()[-1] == "incident:police_called"


def _user(email: str, role: Role, slug: str | None = None) -> User:
    site = sites.get_or_add_site(slug) if slug else sites.default_site()
    return users.create_user(command_line(), email, "a long enough password 1", role, site)


def test_an_incident_is_assigned_to_those_who_may_work_on_it(reference: str) -> None:
    karim = _user("karim@example.com", Role.OPERATOR)
    lea = _user("lea@example.com", Role.OPERATOR)
    viewer = _user("viewer@example.com", Role.VIEWER)
    elsewhere = _user("elsewhere@example.com", Role.OPERATOR, "lyon")
    found = assignment.assign(as_user(karim), reference, karim.id, seen=None)
    assert assignment.assignee_of(found) == "karim@example.com"
    for other in (viewer.id, elsewhere.id, 4711):
        with pytest.raises(Invalid):
            assignment.assign(KARIM, reference, other, seen=karim.id)
    assignment.assign(KARIM, reference, karim.id, seen=None)  # no second act
    with pytest.raises(EditedMeanwhile):
        assignment.assign(LEA, reference, lea.id, seen=None)
    assert assignment.assign(KARIM, reference, None, seen=karim.id).assignee_id is None
    assert [kind for kind, _actor in _acts(found)] == ["assigned", "unassigned"]


def test_reasons_are_added_renamed_and_removed(reference: str) -> None:
    added = reasons.add_reason(KARIM, " Nettoyage ")
    assert [one.code for one in reasons.list_reasons()][-1] == added.code
    with pytest.raises(Conflict):
        reasons.add_reason(KARIM, "nettoyage")
    decisions.decide(KARIM, reference, FALSE_ALARM, seen=NEW, reason=added.code)
    reasons.rename_reason(KARIM, added.code, "Ménage")
    reasons.retire_reason(KARIM, added.code)
    assert added.code not in [one.code for one in reasons.list_reasons()]
    assert reasons.reason_labels()[added.code] == "Ménage", "past decisions keep it"
    with pytest.raises(NotFound):
        reasons.retire_reason(KARIM, added.code)


def test_the_last_reason_stays_and_there_are_not_too_many(app: Flask) -> None:
    for number in range(reasons.MOST_REASONS - len(reasons.list_reasons())):
        reasons.add_reason(KARIM, f"Motif {number}")
    with pytest.raises(Conflict):
        reasons.add_reason(KARIM, "Un de trop")
    *others, last = reasons.list_reasons()
    for one in others:
        reasons.retire_reason(KARIM, one.code)
    with pytest.raises(Conflict):
        reasons.retire_reason(KARIM, last.code)
