"""Views of the review API: what people do on an incident's page, for programs."""

from typing import TypeVar

from flask import Blueprint, Response, jsonify, request

from vigint_web.blueprints.api.review.requests import (
    AssigneeBody,
    DecisionBody,
    NoteBody,
    RecordBody,
)
from vigint_web.extensions import csrf
from vigint_web.http.pages.documents import request_name
from vigint_web.http.pages.request_models import RequestModel, read_body
from vigint_web.http.security.identity import api_key
from vigint_web.http.security.throttling import limit_reading, limit_reviewing
from vigint_web.models import Incident
from vigint_web.serializers.review_api import (
    ReviewDocument,
    act_document,
    reasons_document,
    review_document,
)
from vigint_web.services.core.actors import as_key
from vigint_web.services.incidents.incidents import get_incident
from vigint_web.services.review import acts, assignment, decisions, reasons
from vigint_web.services.review.named_requests import Named, fingerprint

blueprint = Blueprint("incident_review", __name__, url_prefix="/api/v1")
csrf.exempt(blueprint)  # API keys, never cookies

LARGEST_REQUEST = 64 * 1024
_INCIDENT = "/incidents/<reference>"

Asked = TypeVar("Asked", bound=RequestModel)


@blueprint.post(f"{_INCIDENT}/decision")
@limit_reviewing
def decide(reference: str) -> Response:
    """Confirm an incident, call it a false alarm, close it or reopen it."""
    asked = _asked(reference, DecisionBody)
    incident = decisions.decide(
        as_key(api_key()),
        reference,
        asked.decision,
        seen=asked.seen,
        reason=asked.false_alarm_reason(),
        note=asked.note,
        named=_named(asked),
        with_repeats=asked.repeats,
    )
    return jsonify(_review(incident))


@blueprint.post(f"{_INCIDENT}/notes")
@limit_reviewing
def add_note(reference: str) -> tuple[Response, int]:
    """Add a note to an incident."""
    asked = _asked(reference, NoteBody)
    act = acts.add_note(as_key(api_key()), reference, asked.text, named=_named(asked))
    return jsonify(act_document(reference, act)), 201


@blueprint.post(f"{_INCIDENT}/records")
@limit_reviewing
def record(reference: str) -> tuple[Response, int]:
    """Record a call to the police, or a confirmation by sight."""
    asked = _asked(reference, RecordBody)
    act = acts.record_outside(as_key(api_key()), reference, asked.kind, named=_named(asked))
    return jsonify(act_document(reference, act)), 201


@blueprint.post(f"{_INCIDENT}/assignee")
@limit_reviewing
def assign(reference: str) -> Response:
    """Assign an incident to a user, or to no one."""
    asked = _asked(reference, AssigneeBody)
    incident = assignment.assign_by_address(
        as_key(api_key()),
        reference,
        asked.email,
        seen=asked.seen,
        named=_named(asked),
        with_repeats=asked.repeats,
    )
    return jsonify(_review(incident))


@blueprint.get("/false-alarm-reasons")
@limit_reading
def reason_list() -> Response:
    """List the reasons for false alarms that can be chosen."""
    return jsonify(reasons_document(reasons.list_reasons()))


def _review(incident: Incident) -> ReviewDocument:
    undecided = decisions.count_undecided_repeats(as_key(api_key()), incident.id)
    return review_document(incident, undecided)


def _asked(reference: str, model: type[Asked]) -> Asked:
    """Return the body.

    Raises:
        NotFound: the key sees no such incident, whatever was sent.
        Invalid: with every mistake.
    """
    get_incident(as_key(api_key()), reference)
    request.max_content_length = LARGEST_REQUEST
    return read_body(model)


def _named(asked: RequestModel) -> Named | None:
    """Return the key's name for the request; raises Invalid."""
    name = request_name()
    if name is None:
        return None
    members = asked.model_dump()
    if not members.get("repeats"):
        # As in the version before, which had no such member: its names stay valid.
        members.pop("repeats", None)
    return Named(name, fingerprint(request.method, request.path, members))
