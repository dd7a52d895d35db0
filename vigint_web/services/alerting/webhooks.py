"""Call webhooks: the document of a call, and its signature."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select

from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import (
    Incident,
    Link,
    Notification,
    NotificationKind,
    Source,
    Video,
    VideoStatus,
)
from vigint_web.models.notification import WEBHOOK
from vigint_web.net import outbound_http
from vigint_web.services.core import addresses
from vigint_web.services.core.runtime import config
from vigint_web.services.links.links import private_url
from vigint_web.version import VERSION

__all__ = ["WEBHOOK", "Call", "make_call", "name_of", "names", "signature"]


class WebhookGone(Exception):
    """A pending call is obsolete; carries a code of `i18n.deliveries`."""


@dataclass(frozen=True)
class Call:
    """One call, ready to be sent."""

    url: str = field(repr=False)
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


def name_of(url: str) -> str:
    """Return the display name of a webhook, where its address must not be shown."""
    parts = urlsplit(url)
    digest = hashlib.sha256(url.encode()).hexdigest()[:8]
    return f"{parts.scheme}://{parts.netloc[:200]} ({digest})"


def names() -> list[str]:
    """Return the names of the configured webhooks."""
    return [name_of(url) for url in config().webhook.urls]


def signature(secret: str, moment: int, body: bytes) -> str:
    """Return the signature of a body sent at a time: HMAC-SHA256 over `<moment>.<body>`."""
    signed = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256)
    return f"t={moment},v1={signed.hexdigest()}"


def make_call(notification: Notification) -> Call:
    """Return the call of a notification, from the current rows.

    Raises:
        WebhookGone: the webhook is no longer configured, or its subject was deleted.
    """
    settings = config().webhook
    url = next((url for url in settings.urls if name_of(url) == notification.recipient), None)
    if url is None or settings.secret is None:
        raise WebhookGone("webhook_gone")
    document = document_of(notification)
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":"), default=str)
    encoded = body.encode("utf-8", "replace")
    return Call(
        url,
        encoded,
        {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": f"Vigint/{VERSION}",
            "Vigint-Event": document["event"],
            "Vigint-Delivery": notification.message_id,
            "Vigint-Signature": signature(settings.secret, int(utcnow().timestamp()), encoded),
        },
    )


def send(call: Call) -> str:
    """Send a call; raises outbound.CallFailed, outbound.CallRefused."""
    outbound_http.post(
        call.url, call.body, call.headers, allow_private=config().webhook.allow_private
    )
    return WEBHOOK


def document_of(notification: Notification) -> dict[str, Any]:
    """Return the document of a call; raises WebhookGone if its subject was deleted."""
    incident, link = notification.incident, notification.link
    video = incident.video if incident is not None else (link.video if link is not None else None)
    if incident is None and video is None:
        raise WebhookGone("video_gone")
    person = link if incident is not None else None
    return {
        "event": _event(notification, video),
        "id": notification.message_id,
        "created_at": _time(notification.created_at),
        "incident": _incident(incident) if incident is not None else None,
        "source": _source(video) if incident is None and video is not None else None,
        "video": _video(video) if video is not None else None,
        **_link(person, video),
    }


def _event(notification: Notification, video: Video | None) -> str:
    if notification.kind != NotificationKind.VIDEO_READY:
        return "incident.alert"
    failed = video is None or video.status == VideoStatus.FAILED
    return "video.failed" if failed else "video.ready"


def _incident(incident: Incident) -> dict[str, Any]:
    first = incident.grouped_under
    return {
        "id": incident.reference,
        "reference": incident.reference,
        "test": incident.is_test,
        "message": incident.message,
        "incident_type": incident.incident_type,
        "risk_level": incident.risk_level,
        "confidence": incident.confidence,
        "frame_count": incident.frame_count,
        "analysis": incident.analysis,
        "site": incident.site_name or incident.site.name,
        "camera": incident.camera.name if incident.camera else None,
        "detected_at": _time(incident.detected_at),
        "zone_assumed": incident.zone_assumed,
        "received_at": _time(incident.created_at),
        "model": incident.model,
        "model_version": incident.model_version,
        "boxes": incident.boxes,
        "extra": incident.extra,
        "grouped_under": first.reference if first is not None else None,
        "status_url": addresses.incident_document(incident.reference),
    }


def _source(video: Video) -> dict[str, Any]:
    source = db.session.scalar(select(Source).where(Source.video_id == video.id))
    if source is None:
        raise WebhookGone("source_gone")
    return {
        "source_id": source.source_id,
        "name": source.name,
        "api_url": addresses.source_document(source.source_id),
    }


def _video(video: Video) -> dict[str, Any]:
    return {
        "id": video.public_id,
        "status": video.status,
        "sha256": video.original_sha256,
        "size": video.streamed_size,
        "duration": video.duration,
        "error_code": video.error_code,
    }


def _link(link: Link | None, video: Video | None) -> dict[str, Any]:
    alive = link is not None and video is not None and link.revoked_at is None
    if link is None or video is None or not alive:
        return {"private_link": None, "expiration_time": None}
    return {
        "private_link": private_url(link, video.public_id),
        "expiration_time": _time(link.expires_at),
    }


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment is not None else None
