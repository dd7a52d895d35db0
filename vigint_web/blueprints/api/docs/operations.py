"""Say of every route of the API what it takes and answers; the rest is read off the code."""

from collections.abc import Mapping
from typing import Annotated, Any, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from vigint_web.blueprints.api.docs.upload_operations import UPLOAD_OPERATIONS
from vigint_web.blueprints.api.hosting.requests import ExtensionBody, VerificationQuery
from vigint_web.blueprints.api.hosting.views import (
    ExtendedDocument,
    HostedDocument,
    VerdictDocument,
)
from vigint_web.blueprints.api.read.requests import PageQuery
from vigint_web.blueprints.api.tokens.requests import DownloadQuery, PictureQuery
from vigint_web.blueprints.pages.player.requests import StreamQuery
from vigint_web.http.pages.openapi import Content, Operation, Parameter
from vigint_web.models import RiskLevel
from vigint_web.serializers.incident_api import AcceptedDocument, StatusDocument
from vigint_web.serializers.read_api import (
    AccessesDocument,
    IncidentsDocument,
    LinkDocument,
    LinksDocument,
    SourceDocument,
    SourcesDocument,
)
from vigint_web.serializers.token_api import MetadataDocument, VideoDocument

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Seconds = Annotated[float, Field(ge=0, lt=7_258_118_400)]
Mailbox = Annotated[str, Field(json_schema_extra={"format": "email"})]


class IncidentFactsBody(TypedDict, total=False):
    """What a detector saw. Unknown members are kept and shown.

    Other values than these never refuse an incident: what is not understood is named in `warnings`.
    """

    incident_type: Annotated[str, Field(max_length=100)]
    risk_level: RiskLevel
    confidence: Annotated[float, Field(ge=0, le=1)]
    frame_count: Annotated[int, Field(ge=0, lt=2**31)]
    analysis: Annotated[str, Field(max_length=100_000)]
    site: Annotated[str, Field(max_length=200)]
    camera: Annotated[str, Field(max_length=200)]
    detected_at: Time | Seconds
    model: Annotated[str, Field(max_length=200)]
    model_version: Annotated[str, Field(max_length=100)]
    boxes: Any


class FrameBody(TypedDict):
    """One frame: a JPEG or PNG in base64, with the time at which it was taken."""

    frame_data: str
    frame_count: NotRequired[int]
    timestamp: NotRequired[Time | Seconds]


class IncidentBody(TypedDict):
    """An incident with its frames, at most 32 MiB; larger ones travel as multipart/form-data."""

    message: Annotated[str, Field(min_length=1, max_length=100_000)]
    incident_data: NotRequired[IncidentFactsBody]
    frames: NotRequired[Annotated[list[FrameBody], Field(max_length=2_000)]]
    recipients: NotRequired[Annotated[list[Mailbox], Field(max_length=50)]]
    expiration_hours: NotRequired[Annotated[int, Field(ge=1, le=87_600)]]


INCIDENT_FORM: dict[str, Any] = {
    "type": "object",
    "properties": {
        "incident": {
            "type": "string",
            "contentMediaType": "application/json",
            "description": "The incident without frames, with `timestamps` in their order.",
        },
        "frames": {
            "type": "array",
            "items": {"type": "string", "format": "binary"},
            "description": "Up to 2,000 JPEG or PNG parts of 10 MiB.",
        },
        "video": {
            "type": "string",
            "format": "binary",
            "description": "One clip instead. Frames beside it are kept with it.",
        },
    },
}


HOSTING_FORM: dict[str, Any] = {
    "type": "object",
    "required": ["video"],
    "properties": {
        "video": {"type": "string", "format": "binary", "description": "The file."},
        "metadata": {
            "type": "string",
            "contentMediaType": "application/json",
            "description": "`video_id`, `file_hash` (SHA-256 in hex), and what an incident tells. "
            "Only these two can refuse an upload.",
        },
        "expiration_hours": {"type": "integer", "minimum": 1, "maximum": 87_600},
        "access_type": {"type": "string", "enum": ["private"]},
    },
}

_KEY = {"unauthorized": 401, "invalid_key": 403, "insufficient_scope": 403, "unavailable": 503}
_READ = {**_KEY, "too_many_requests": 429}
_LIST = {**_READ, "invalid_request": 422}
_ONE = {**_READ, "not_found": 404}
_DEAD = {
    "not_found": 404,
    "link_expired": 410,
    "link_revoked": 410,
    "link_used_up": 410,
    "link_not_yet_valid": 403,
    "unavailable": 503,
}
_GRANTED = {**_DEAD, "not_granted": 403}
_READY = {"not_ready": 409, "processing_failed": 409}
_BYTES = {**_READY, "range_not_satisfiable": 416, "precondition_failed": 412}

_RANGE = (
    Parameter("Range", "Which bytes, as RFC 9110 says.", where="header"),
    Parameter("If-Range", "An ETag: the range only if it is still that.", where="header"),
    Parameter("If-None-Match", "An ETag: nothing if it is still that.", where="header"),
)
_VIDEO = Content(("video/mp4", "application/octet-stream"))

OPERATIONS: Mapping[str, Operation] = {
    **UPLOAD_OPERATIONS,
    "api.video": Operation("Video by token", {200: VideoDocument}, _GRANTED),
    "api.metadata": Operation("Video by token", {200: MetadataDocument}, _GRANTED),
    "api.download": Operation(
        "Video by token",
        {200: _VIDEO, 206: _VIDEO, 304: None},
        {**_GRANTED, **_BYTES},
        _RANGE,
        query=DownloadQuery,
    ),
    "api.thumbnail": Operation(
        "Video by token",
        {200: Content(("image/jpeg",)), 206: Content(("image/jpeg",)), 304: None},
        {**_DEAD, **_BYTES},
        _RANGE,
        query=PictureQuery,
    ),
    "player.stream": Operation(
        "Video by token",
        {200: _VIDEO, 206: _VIDEO, 304: None},
        {**_DEAD, **_BYTES},
        _RANGE,
        query=StreamQuery,
    ),
    "ingest.create": Operation(
        "Incidents",
        {202: AcceptedDocument},
        {
            **_KEY,
            "invalid_request": 422,
            "empty_incident": 422,
            "idempotency_conflict": 409,
            "too_large": 413,
            "too_many_requests": 429,
            "storage_full": 507,
        },
        (
            Parameter(
                "Idempotency-Key",
                "Names this incident: the same body again gets the same answer, for 30 days.",
                where="header",
            ),
        ),
        {"application/json": IncidentBody, "multipart/form-data": INCIDENT_FORM},
    ),
    "ingest.status": Operation("Incidents", {200: StatusDocument}, {**_KEY, "not_found": 404}),
    "hosting.upload": Operation(
        "Hosting",
        {200: HostedDocument},
        {
            **_KEY,
            "invalid_request": 422,
            "hash_mismatch": 422,
            "video_deleted": 409,
            "video_id_taken": 409,
            "too_large": 413,
            "too_many_requests": 429,
            "storage_full": 507,
        },
        (
            Parameter(
                "X-Video-ID",
                "The video's id; the same as in the metadata, where both are given.",
                where="header",
            ),
        ),
        {"multipart/form-data": HOSTING_FORM},
    ),
    "hosting.verify": Operation(
        "Hosting",
        {200: VerdictDocument},
        _READ,
        query=VerificationQuery,
    ),
    "hosting.extend": Operation(
        "Hosting",
        {200: ExtendedDocument},
        {**_ONE, "link_revoked": 409, "invalid_request": 422},
        (
            Parameter(
                "Idempotency-Key",
                "Names this extension: repeated, it extends nothing again.",
                where="header",
            ),
        ),
        {"application/json": ExtensionBody},
    ),
    "hosting.delete": Operation("Hosting", {204: None}, _ONE),
    "records.incidents": Operation("Incidents", {200: IncidentsDocument}, _LIST, query=PageQuery),
    "records.sources": Operation("Sources", {200: SourcesDocument}, _LIST, query=PageQuery),
    "records.source": Operation("Sources", {200: SourceDocument}, _ONE),
    "records.link_list": Operation("Links", {200: LinksDocument}, _LIST, query=PageQuery),
    "records.link": Operation("Links", {200: LinkDocument}, _ONE),
    "records.accesses": Operation(
        "Links", {200: AccessesDocument}, {**_LIST, "not_found": 404}, query=PageQuery
    ),
}
