"""Views of the hosting API (contracts, section 5)."""

from typing import Literal

from flask import Blueprint, Response, jsonify, request
from typing_extensions import TypedDict

from vigint_web.blueprints.api.hosting.forms import read_hosted
from vigint_web.blueprints.api.hosting.requests import ExtensionBody, VerificationQuery
from vigint_web.clock import utcnow
from vigint_web.extensions import csrf
from vigint_web.http.pages.documents import request_name
from vigint_web.http.pages.request_models import read_body, read_query
from vigint_web.http.security.identity import api_key
from vigint_web.http.security.throttling import limit_posting, limit_reading
from vigint_web.serializers.incident_api import WarningDocument, warning_documents
from vigint_web.services.hosting import local
from vigint_web.services.links.links import private_url

blueprint = Blueprint("hosting", __name__, url_prefix="/api/v1/videos")
csrf.exempt(blueprint)  # API keys, never cookies

LARGEST_REQUEST = 64 * 1024


class HostedDocument(TypedDict):
    """A hosted video: its private link, and the SHA-256 of the stored file."""

    success: Literal[True]
    video_id: str
    private_link: str
    expiration_time: str | None
    file_hash: str
    size: int
    # Values of the metadata that were changed or not used.
    warnings: list[WarningDocument]


class VerdictDocument(TypedDict):
    """Whether a link gives access to its video now."""

    valid: bool
    expiration_time: str | None
    remaining_hours: float
    reason: Literal["expired", "revoked", "not_yet_valid", "used_up", "unknown"] | None


class ExtendedDocument(TypedDict):
    """The new end of a link, and its total hours since its creation."""

    success: Literal[True]
    new_expiration: str
    total_hours: float


@blueprint.post("/upload")
@limit_posting
def upload() -> Response:
    """Host a video under an id, and return its private link."""
    received = read_hosted()
    try:
        incident, link = local.host_video(
            api_key(),
            received.facts,
            received.footage,
            video_id=received.video_id,
            file_hash=received.file_hash,
            fingerprint=received.fingerprint,
        )
    finally:
        received.discard()
    document: HostedDocument = {
        "success": True,
        "video_id": incident.video_name or link.video.public_id,
        "private_link": private_url(link, incident.video_name or link.video.public_id),
        "expiration_time": link.expires_at.isoformat(timespec="seconds")
        if link.expires_at
        else None,
        "file_hash": link.video.original_sha256 or "",
        "size": link.video.original_size or 0,
        "warnings": warning_documents(incident),
    }
    answer = jsonify(document)
    answer.headers["Vigint-Incident"] = incident.reference
    return answer


@blueprint.get("/link/verify")
@limit_reading
def verify() -> Response:
    """Return whether a link of one of the key's videos works; always 200."""
    asked = read_query(VerificationQuery)
    verdict = local.verify_link(api_key(), asked.video_id, asked.token)
    left = 0.0
    if verdict.valid and verdict.expires_at is not None:
        left = max(0.0, (verdict.expires_at - utcnow()).total_seconds() / 3600)
    return jsonify(
        valid=verdict.valid,
        expiration_time=verdict.expires_at.isoformat(timespec="seconds")
        if verdict.expires_at
        else None,
        remaining_hours=round(left, 4),
        reason=verdict.reason,
    )


@blueprint.post("/link/extend")
@limit_posting
def extend() -> Response:
    """Extend the key's link to one of its videos."""
    request.max_content_length = LARGEST_REQUEST
    asked = read_body(ExtensionBody)
    link = local.extend_link(api_key(), asked.video_id, asked.additional_hours, request_name())
    until = link.expires_at or link.minted_at
    total = (until - link.minted_at).total_seconds() / 3600
    document: ExtendedDocument = {
        "success": True,
        "new_expiration": until.isoformat(timespec="seconds"),
        "total_hours": round(total, 2),
    }
    return jsonify(document)


@blueprint.delete("/upload/<video_id>")
@limit_posting
def delete(video_id: str) -> tuple[str, int]:
    """Delete one of the key's videos with all its links."""
    local.delete_hosted_video(api_key(), video_id)
    return "", 204
