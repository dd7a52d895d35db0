"""Search the list of links."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select

from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import (
    Camera,
    Incident,
    Link,
    Site,
    Source,
    Video,
)
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.keyset_pagination import PAGE, TOP, Cursor, Page, read_page
from vigint_web.services.core.text_search import contains

LINK_STATES = ("live", "expired", "revoked", "used_up", "not_yet")


@dataclass(frozen=True)
class StateFilter:
    """A filter for links; an unknown state matches nothing."""

    text: str = ""
    state: str | None = None


def find_links(
    actor: Actor, wanted: StateFilter, cursor: Cursor = TOP, size: int = PAGE
) -> Page[Link]:
    """Return links of the actor's sites, newest first."""
    query = select(Link).join(Video).where(*_conditions_of_links(actor, wanted))
    return read_page(query, Link.id, cursor, size)


def count_revocable(actor: Actor, wanted: StateFilter) -> int:
    """Return the number of matching links that are not revoked yet."""
    found = db.session.scalar(
        select(func.count(Link.id))
        .join(Video)
        .where(*_conditions_of_links(actor, wanted), Link.revoked_at.is_(None))
    )
    return found or 0


def revocable_links(actor: Actor, wanted: StateFilter, most: int) -> list[Link]:
    """Return the newest matching links that are not revoked yet."""
    return list(
        db.session.scalars(
            select(Link)
            .join(Video)
            .where(*_conditions_of_links(actor, wanted), Link.revoked_at.is_(None))
            .order_by(Link.id.desc())
            .limit(most)
        )
    )


def _conditions_of_links(actor: Actor, wanted: StateFilter) -> list[ColumnElement[bool]]:
    conditions = [actor.scope(Link.site_id)]
    if wanted.state is not None:
        conditions.append(_link_state(wanted.state, utcnow()))
    if wanted.text:
        conditions.append(
            or_(
                contains(wanted.text, Link.recipient, Video.public_id),
                Video.id.in_(_videos_called(wanted.text)),
            )
        )
    return conditions


def _videos_called(text: str) -> Select[tuple[int | None]]:
    """Return the videos of incidents and sources with such a name or place."""
    place = or_(contains(text, Site.name), contains(text, Camera.name))
    incidents = (
        select(Incident.video_id)
        .join(Site, Site.id == Incident.site_id)
        .outerjoin(Camera, Camera.id == Incident.camera_id)
        .where(
            or_(
                contains(text, Incident.incident_type, Incident.reference, Incident.site_name),
                place,
            )
        )
    )
    sources = (
        select(Source.video_id)
        .join(Site, Site.id == Source.site_id)
        .outerjoin(Camera, Camera.id == Source.camera_id)
        .where(or_(contains(text, Source.name, Source.source_id), place))
    )
    return select(incidents.union(sources).subquery().c.video_id)


def _link_state(state: str, now: datetime) -> ColumnElement[bool]:
    """Return the condition of a state, in the order in which a page shows them."""
    revoked = Link.revoked_at.is_not(None)
    # Null is neither true nor false in SQL: each condition states its result without a time.
    expired = and_(Link.expires_at.is_not(None), Link.expires_at <= now)
    early = and_(Link.not_before.is_not(None), Link.not_before > now)
    used_up = and_(Link.max_views.is_not(None), Link.views >= Link.max_views)
    live = or_(Link.expires_at.is_(None), Link.expires_at > now)
    begun = or_(Link.not_before.is_(None), Link.not_before <= now)
    viewable = or_(Link.max_views.is_(None), Link.views < Link.max_views)
    match state:
        case "revoked":
            return revoked
        case "expired":
            return and_(~revoked, expired)
        case "not_yet":
            return and_(~revoked, live, early)
        case "used_up":
            return and_(~revoked, live, begun, used_up)
        case "live":
            return and_(~revoked, live, begun, viewable)
    return false()
