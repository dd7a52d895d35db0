"""List incidents for programs, which are given all that was sent."""

from sqlalchemy import select
from sqlalchemy.orm import undefer

from vigint_web.errors import Invalid, Mistake, MistakeCode
from vigint_web.extensions import db
from vigint_web.models import Camera, Incident
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.keyset_pagination import (
    PAGE,
    SORTED_TOP,
    TOP,
    Cursor,
    Page,
    SortedCursor,
    read_page,
)
from vigint_web.services.incidents.listing import IncidentFilter, IncidentList, conditions_of


def find_incidents(
    actor: Actor, wanted: IncidentFilter, cursor: Cursor = TOP, size: int = PAGE
) -> Page[Incident]:
    """Return incidents of the actor's sites, or test alerts, in the order of receipt.

    The last one is the first.
    """
    query = select(Incident).options(undefer(Incident.boxes)).where(actor.scope(Incident.site_id))
    met = conditions_of(wanted, Incident.detected_at)
    return read_page(query.where(*met), Incident.id, cursor, size)


def find_in_order(
    actor: Actor,
    wanted: IncidentFilter,
    before: int | None = None,
    size: int = PAGE,
    *,
    by_risk: bool = False,
) -> Page[Incident]:
    """Return incidents of the actor's sites in the order of detection, the last first.

    Args:
        before: the id of the last incident of the page before.
        by_risk: the highest risk comes first, then the order of detection.

    Raises:
        Invalid: the actor sees no incident of that id, such as one that was deleted meanwhile.
    """
    listed = IncidentList(actor, wanted, by_risk=by_risk)
    start = SORTED_TOP
    if before is not None:
        query = select(Incident).where(Incident.id == before, actor.scope(Incident.site_id))
        last = db.session.scalar(query)
        if last is None:
            raise Invalid([Mistake(MistakeCode.UNKNOWN_ENTRY, "before")])
        start = SortedCursor(before=listed.mark_of(last))
    page = listed.marks(start, size)
    ids = [mark.id for mark in page.rows]
    rows = select(Incident).options(undefer(Incident.boxes)).where(Incident.id.in_(ids))
    found = {row.id: row for row in db.session.scalars(rows)}
    return Page(
        [found[number] for number in ids if number in found],
        older=page.next.id if page.next is not None else None,
    )


def find_camera_id(actor: Actor, name: str) -> int | None:
    """Return the id of a camera of the actor's sites by its name, else by its detector's."""
    named = (Camera.name == name) | (Camera.detector_name == name)
    query = select(Camera.id).where(named, actor.scope(Camera.site_id))
    return db.session.scalar(query.order_by((Camera.name == name).desc(), Camera.id).limit(1))
