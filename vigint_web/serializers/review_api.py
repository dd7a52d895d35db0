"""Write the JSON documents of the review API."""

from typing import NotRequired

from typing_extensions import TypedDict

from vigint_web.http.pages.openapi import ErrorDocument
from vigint_web.i18n.reasons import reason_words
from vigint_web.models import ActKind, FalseAlarmReason, Incident, IncidentAct, IncidentState
from vigint_web.serializers.incident_api import DecisionDocument, decision_document
from vigint_web.services.review.assignment import assignee_of


class ReviewDocument(DecisionDocument):
    """The review of an incident."""

    reference: str
    state: IncidentState
    decided_by: str | None
    assignee: str | None
    undecided_repeats: int


class ActDocument(TypedDict):
    """What was recorded about an incident, by whom and when."""

    reference: str
    kind: ActKind
    by: str
    at: str
    text: str


class ReasonDocument(TypedDict):
    """A reason for false alarms; its label is in the reader's language."""

    code: str
    label: str


class ReasonsDocument(TypedDict):
    """The reasons that can be chosen, in order."""

    reasons: list[ReasonDocument]


class FirstDocument(TypedDict):
    """The decision that came first; `at` is null if the upgrade to decisions made it."""

    by: str
    decision: ActKind
    reason: str | None
    at: str | None


class DecisionRefusedDocument(ErrorDocument):
    """The refusal of a second decision (`already_decided`) names the first one."""

    first: NotRequired[FirstDocument]


class AssignmentRefusedDocument(ErrorDocument):
    """The refusal of an assignment (`assigned_meanwhile`) names the present assignee."""

    assignee: NotRequired[str | None]


def review_document(incident: Incident, undecided_repeats: int) -> ReviewDocument:
    """Return an incident's state, its judgement and its assignee."""
    return {
        "reference": incident.reference,
        "state": IncidentState(incident.state),
        **decision_document(incident),
        "decided_by": incident.decided_by,
        "assignee": assignee_of(incident),
        "undecided_repeats": undecided_repeats,
    }


def act_document(reference: str, act: IncidentAct) -> ActDocument:
    """Return a note, or what happened outside Vigint."""
    return {
        "reference": reference,
        "kind": ActKind(act.kind),
        "by": act.actor,
        "at": act.at.isoformat(timespec="seconds"),
        "text": act.text,
    }


def reasons_document(reasons: list[FalseAlarmReason]) -> ReasonsDocument:
    """Return reasons with their labels."""
    return {
        "reasons": [
            {"code": one.code, "label": reason_words(one.code, one.label)} for one in reasons
        ]
    }
