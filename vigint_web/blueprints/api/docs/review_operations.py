"""Describe the review of incidents by programs."""

from collections.abc import Mapping

from vigint_web.blueprints.api.review.requests import (
    AssigneeBody,
    DecisionBody,
    NoteBody,
    RecordBody,
)
from vigint_web.blueprints.api.sharing.requests import RevocationBody, ShareBody
from vigint_web.http.pages.openapi import Operation, Parameter
from vigint_web.serializers.read_api import LinkDocument, SharedDocument
from vigint_web.serializers.review_api import (
    ActDocument,
    AssignmentRefusedDocument,
    DecisionRefusedDocument,
    ReasonsDocument,
    ReviewDocument,
)

_READ = {
    "unauthorized": 401,
    "invalid_key": 403,
    "insufficient_scope": 403,
    "too_many_requests": 429,
    "unavailable": 503,
}
_CHANGE = {
    **_READ,
    "not_found": 404,
    "idempotency_conflict": 409,
    "too_large": 413,
    "invalid_request": 422,
    "storage_full": 507,
}
_RECORD = {**_CHANGE, "too_many_notes": 409}
_NAMED = (
    Parameter(
        "Idempotency-Key",
        "Names this request: repeated, it changes nothing again.",
        where="header",
    ),
)

REVIEW_OPERATIONS: Mapping[str, Operation] = {
    "incident_review.decide": Operation(
        "Incidents",
        {200: ReviewDocument},
        {**_CHANGE, "already_decided": 409, "decision_out_of_order": 409},
        _NAMED,
        {"application/json": DecisionBody},
        refused={409: DecisionRefusedDocument},
    ),
    "incident_review.add_note": Operation(
        "Incidents", {201: ActDocument}, _RECORD, _NAMED, {"application/json": NoteBody}
    ),
    "incident_review.record": Operation(
        "Incidents", {201: ActDocument}, _RECORD, _NAMED, {"application/json": RecordBody}
    ),
    "incident_review.assign": Operation(
        "Incidents",
        {200: ReviewDocument},
        {**_CHANGE, "assigned_meanwhile": 409},
        _NAMED,
        {"application/json": AssigneeBody},
        refused={409: AssignmentRefusedDocument},
    ),
    "incident_sharing.share": Operation(
        "Links", {201: SharedDocument}, _CHANGE, _NAMED, {"application/json": ShareBody}
    ),
    "incident_sharing.revoke": Operation(
        "Links",
        {200: LinkDocument},
        {name: status for name, status in _CHANGE.items() if name != "idempotency_conflict"},
        bodies={"application/json": RevocationBody},
    ),
    "incident_review.reason_list": Operation("Incidents", {200: ReasonsDocument}, _READ),
}
