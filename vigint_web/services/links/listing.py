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

# Counted no further: the cost of a page must not grow with the table.
MOST_COUNTED = 1000
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
    return read_page(_links(actor, wanted), Link.id, cursor, size)


def count_revocable(actor: Actor, wanted: StateFilter, page: Page[Link]) -> int:
    """Return the number of matching links that are not revoked yet, up to `MOST_COUNTED` + 1.

    Args:
        page: of these links; if it has all of them, they are not searched for once more.
    """
    if page.newer is None and page.older is None:
        return sum(link.revoked_at is None for link in page.rows)
    some = _revocable(actor, wanted).with_only_columns(Link.id).limit(MOST_COUNTED + 1)
    return db.session.scalar(select(func.count()).select_from(some.subquery())) or 0


def revocable_links(actor: Actor, wanted: StateFilter, most: int) -> list[Link]:
    """Return the newest matching links that are not revoked yet."""
    return list(db.session.scalars(_revocable(actor, wanted).limit(most)))


def _revocable(actor: Actor, wanted: StateFilter) -> Select[Link]:
    return _links(actor, wanted).where(Link.revoked_at.is_(None)).order_by(Link.id.desc())


def _links(actor: Actor, wanted: StateFilter) -> Select[Link]:
    query = select(Link)
    if wanted.text:
        query = query.join(Video)
    return query.where(*_conditions_of_links(actor, wanted))


def _conditions_of_links(actor: Actor, wanted: StateFilter) -> list[ColumnElement[bool]]:
    now = utcnow()
    conditions = [actor.scope(Link.site_id)]
    if wanted.state is not None:
        conditions.append(_link_state(wanted.state, now))
    if wanted.state == "live" and (few := _few_valid(actor, now)) is not None:
        conditions.append(Link.id.in_(few))
    if wanted.text:
        conditions.append(
            or_(
                contains(wanted.text, Link.recipient, Video.public_id),
                Video.id.in_(_videos_called(wanted.text)),
            )
        )
    return conditions


def _few_valid(actor: Actor, now: datetime) -> list[int] | None:
    """Return the ids of the links that have not expired, by the index of expiry; None: many.

    Most links are old, and a page in the order of ids would read all of these. As an expression:
    the index of sites would do the same.
    """
    query = select(Link.id).where(or_(Link.expires_at.is_(None), Link.expires_at > now))
    if actor.site_ids is not None:
        query = query.where((Link.site_id + 0).in_(actor.site_ids))
    found = list(db.session.scalars(query.limit(MOST_COUNTED + 1)))
    return found if len(found) <= MOST_COUNTED else None


def _videos_called(text: str) -> Select[tuple[int | None]]:
    """Return the videos of incidents and sources with such a name or place."""
    # Few, and looked for once instead of for each row.
    named_sites = select(Site.id).where(contains(text, Site.name))
    named_cameras = select(Camera.id).where(contains(text, Camera.name))
    incidents = select(Incident.video_id).where(
        or_(
            contains(text, Incident.incident_type, Incident.reference, Incident.site_name),
            Incident.site_id.in_(named_sites),
            Incident.camera_id.in_(named_cameras),
        )
    )
    sources = select(Source.video_id).where(
        or_(
            contains(text, Source.name, Source.source_id),
            Source.site_id.in_(named_sites),
            Source.camera_id.in_(named_cameras),
        )
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
