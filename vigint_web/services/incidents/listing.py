"""Search the list of incidents."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, or_, select

from vigint_web.models import Camera, Incident, RiskLevel, Site
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.keyset_pagination import PAGE, TOP, Cursor, Page, read_page
from vigint_web.services.core.text_search import contains


@dataclass(frozen=True)
class IncidentFilter:
    """A filter for incidents; times are those of detection, `until` excluded."""

    text: str = ""
    risk: RiskLevel | None = None
    since: datetime | None = None
    until: datetime | None = None


def find_incidents(
    actor: Actor, wanted: IncidentFilter, cursor: Cursor = TOP, size: int = PAGE
) -> Page[Incident]:
    """Return incidents of the actor's sites, newest first."""
    query = select(Incident).where(actor.scope(Incident.site_id))
    if wanted.risk is not None:
        query = query.where(Incident.risk_level == wanted.risk)
    if wanted.since is not None:
        query = query.where(Incident.detected_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(Incident.detected_at < wanted.until)
    if wanted.text:
        site = select(Site.id).where(contains(wanted.text, Site.name))
        camera = select(Camera.id).where(contains(wanted.text, Camera.name))
        named = contains(wanted.text, Incident.site_name)
        query = query.where(
            or_(
                contains(wanted.text, Incident.reference, Incident.incident_type, Incident.message),
                # The place shown is the detector's name for it, else the site's name.
                named,
                and_(Incident.site_name.is_(None), Incident.site_id.in_(site)),
                Incident.camera_id.in_(camera),
            )
        )
    return read_page(query, Incident.id, cursor, size)
