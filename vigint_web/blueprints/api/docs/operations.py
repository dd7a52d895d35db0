"""Describe the input and the answers of each API route; the rest is derived from the code."""

from collections.abc import Mapping

from vigint_web.blueprints.api.docs.review_operations import REVIEW_OPERATIONS
from vigint_web.blueprints.api.docs.upload_operations import UPLOAD_OPERATIONS
from vigint_web.blueprints.api.hosting.requests import (
    ExtensionBody,
    HostingForm,
    VerificationQuery,
)
from vigint_web.blueprints.api.hosting.views import (
    ExtendedDocument,
    HostedDocument,
    VerdictDocument,
)
from vigint_web.blueprints.api.incidents.requests import IncidentForm
from vigint_web.blueprints.api.read.requests import IncidentsQuery, PageQuery
from vigint_web.blueprints.api.tokens.requests import DownloadQuery, PictureQuery
from vigint_web.blueprints.pages.player.requests import StreamQuery
from vigint_web.http.pages.openapi import Content, Operation, Parameter
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
from vigint_web.services.incidents.documents import IncidentBody

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
    Parameter("If-Range", "An ETag: the range only if it is unchanged.", where="header"),
    Parameter("If-None-Match", "An ETag: no body if it is unchanged.", where="header"),
)
_VIDEO = Content(("video/mp4", "application/octet-stream"))

OPERATIONS: Mapping[str, Operation] = {
    **UPLOAD_OPERATIONS,
    **REVIEW_OPERATIONS,
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
        {"application/json": IncidentBody, "multipart/form-data": IncidentForm},
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
        {"multipart/form-data": HostingForm},
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
    "records.incidents": Operation(
        "Incidents", {200: IncidentsDocument}, _LIST, query=IncidentsQuery
    ),
    "records.sources": Operation("Sources", {200: SourcesDocument}, _LIST, query=PageQuery),
    "records.source": Operation("Sources", {200: SourceDocument}, _ONE),
    "records.link_list": Operation("Links", {200: LinksDocument}, _LIST, query=PageQuery),
    "records.link": Operation("Links", {200: LinkDocument}, _ONE),
    "records.accesses": Operation(
        "Links", {200: AccessesDocument}, {**_LIST, "not_found": 404}, query=PageQuery
    ),
}
