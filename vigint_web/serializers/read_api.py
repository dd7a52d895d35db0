"""Write the JSON documents of the read API: sources, incidents, links, their logs.

They contain no token of a person's link: showing one is a separate, audited action.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from vigint_web.clock import utcnow
from vigint_web.models import (
    Access,
    Audience,
    Incident,
    IncidentState,
    Link,
    RiskLevel,
    Source,
    VideoStatus,
)
from vigint_web.serializers.incident_api import Decision, decision_document
from vigint_web.serializers.token_api import ApiLinks, FileInfo, api_links, file_info
from vigint_web.services.core import addresses
from vigint_web.services.links.links import program_link
from vigint_web.services.links.rules import refusal_of_link

LinkState = Literal["live", "revoked", "expired", "not_yet_valid", "used_up"]


class SourceDocument(TypedDict):
    """A source; `api_links` is null while its program link is not valid."""

    source_id: str
    name: str
    description: str
    tags: list[str]
    site: str
    camera: str | None
    created_at: str
    recorded_at: str | None
    status: VideoStatus
    file_info: FileInfo
    api_links: ApiLinks | None
    self_url: str


class SourcesDocument(TypedDict):
    """A page of sources, newest first; `next_url` is null on the last one."""

    sources: list[SourceDocument]
    next_url: str | None


class IncidentDocument(TypedDict):
    """An incident as reported by a detector; `assignee` is for keys with the scope `review`."""

    reference: str
    # A test alert, not an incident.
    test: bool
    site: str
    camera: str | None
    incident_type: str
    risk_level: RiskLevel
    confidence: float | None
    message: str
    analysis: str
    detected_at: str
    zone_assumed: bool
    created_at: str
    model: str | None
    model_version: str | None
    boxes: Any
    extra: dict[str, Any]
    video_id: str | None
    video_status: VideoStatus | None
    status_url: str
    state: IncidentState
    decision: Decision | None
    reason: str | None
    decided_at: str | None
    # The address of the user who works on it, for keys with the scope `review`.
    assignee: NotRequired[str | None]


class IncidentsDocument(TypedDict):
    """A page of incidents, newest first; `next_url` is null on the last one."""

    incidents: list[IncidentDocument]
    next_url: str | None


class LinkDocument(TypedDict):
    """One permission to see one video, without its token; `reason` is why it was shared."""

    id: int
    video_id: str
    audience: Audience
    recipient: str | None
    state: LinkState
    created_at: str
    created_by: str
    not_before: str | None
    expires_at: str | None
    revoked_at: str | None
    views: int
    max_views: int | None
    full_access: bool
    reason: str | None
    accesses_url: str


class LinksDocument(TypedDict):
    """A page of links, newest first; `next_url` is null on the last one."""

    links: list[LinkDocument]
    next_url: str | None


class SharedDocument(TypedDict):
    """The links that a request made, in the order of its recipients."""

    links: list[LinkDocument]


class AccessDocument(TypedDict):
    """One request with a link's token; bytes as in HTTP, the last included.

    `track` is the track of the bytes, of a file with several; null for the first.
    """

    at: str
    what: str
    status: int
    code: str | None
    view: str | None
    first_byte: int | None
    last_byte: int | None
    track: int | None
    address: str | None
    user_agent: str | None


class AccessesDocument(TypedDict):
    """A page of a link's log, newest first; `next_url` is null on the last one."""

    accesses: list[AccessDocument]
    next_url: str | None


def source_document(source: Source) -> SourceDocument:
    """Return a source, with the addresses from which programs read it."""
    video, link = source.video, program_link(source.video_id)
    return {
        "source_id": source.source_id,
        "name": source.name,
        "description": source.description,
        "tags": [tag.name for tag in source.tags],
        "site": source.site.name,
        "camera": source.camera.name if source.camera else None,
        "created_at": _iso(source.created_at),
        "recorded_at": _iso(video.recorded_at) if video.recorded_at else None,
        "status": VideoStatus(video.status),
        "file_info": file_info(video, source.source_id),
        "api_links": api_links(link) if link is not None and _state(link) == "live" else None,
        "self_url": addresses.source_document(source.source_id),
    }


def incident_document(incident: Incident, assignees: Mapping[int, str] | None) -> IncidentDocument:
    """Return the reported facts and the review.

    Args:
        assignees: addresses by the ids of users; None leaves the assignee out.
    """
    video, judged = incident.video, decision_document(incident)
    document: IncidentDocument = {
        "reference": incident.reference,
        "test": incident.is_test,
        "site": incident.site_name or incident.site.name,
        "camera": incident.camera.name if incident.camera else None,
        "incident_type": incident.incident_type,
        "risk_level": RiskLevel(incident.risk_level),
        "confidence": incident.confidence,
        "message": incident.message,
        "analysis": incident.analysis,
        "detected_at": _iso(incident.detected_at),
        "zone_assumed": incident.zone_assumed,
        "created_at": _iso(incident.created_at),
        "model": incident.model,
        "model_version": incident.model_version,
        "boxes": incident.boxes,
        "extra": incident.extra,
        "video_id": video.public_id if video else None,
        "video_status": VideoStatus(video.status) if video else None,
        "status_url": addresses.incident_document(incident.reference),
        "state": IncidentState(incident.state),
        "decision": judged["decision"],
        "reason": judged["reason"],
        "decided_at": judged["decided_at"],
    }
    if assignees is not None:
        document["assignee"] = assignees.get(incident.assignee_id or 0)
    return document


def link_document(link: Link) -> LinkDocument:
    """Return a link's permissions and whether it is valid."""
    return {
        "id": link.id,
        "video_id": link.video.public_id,
        "audience": Audience(link.audience),
        "recipient": link.recipient,
        "state": _state(link),
        "created_at": _iso(link.minted_at),
        "created_by": link.created_by,
        "not_before": _iso(link.not_before) if link.not_before else None,
        "expires_at": _iso(link.expires_at) if link.expires_at else None,
        "revoked_at": _iso(link.revoked_at) if link.revoked_at else None,
        "views": link.views,
        "max_views": link.max_views,
        "full_access": link.full_access,
        "reason": link.reason,
        "accesses_url": addresses.accesses_document(link.id),
    }


def shared_document(links: Sequence[Link]) -> SharedDocument:
    """Return links that were made together."""
    return {"links": [link_document(link) for link in links]}


def access_document(access: Access) -> AccessDocument:
    """Return one entry of a link's log."""
    return {
        "at": _iso(access.at),
        "what": access.what,
        "status": access.status,
        "code": access.code,
        "view": access.view,
        "first_byte": access.first_byte,
        "last_byte": access.last_byte,
        "track": access.track,
        "address": access.address,
        "user_agent": access.user_agent,
    }


def _state(link: Link) -> LinkState:
    refused = refusal_of_link(link, utcnow())
    return "live" if refused is None else _STATES[refused.code]


_STATES: dict[str, LinkState] = {
    "link_revoked": "revoked",
    "link_expired": "expired",
    "link_not_yet_valid": "not_yet_valid",
    "link_used_up": "used_up",
}


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
