"""List sites and cameras with what awaits a decision there, and their last incidents."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, literal, select
from sqlalchemy.orm import InstrumentedAttribute, joinedload

from vigint_web.extensions import db
from vigint_web.models import ApiKey, Camera, Incident, IncidentState, Role, Site, Source, User
from vigint_web.models.user import user_sites
from vigint_web.services.core.actors import Actor
from vigint_web.services.incidents.listing import MOST_COUNTED, count_undecided

PAGE = 100
# A page has many cameras: counted no further.
MOST_OF_CAMERA = 100


@dataclass(frozen=True)
class SiteRow:
    """A site in a list; counts of incidents end at `MOST_COUNTED` + 1."""

    site: Site
    cameras: int
    undecided: int
    last: Incident | None
    # The people who may see it, without administrators.
    people: int


@dataclass(frozen=True)
class CameraRow:
    """A camera in a list; the count ends at `MOST_OF_CAMERA` + 1."""

    camera: Camera
    undecided: int
    last: Incident | None


@dataclass(frozen=True)
class Holdings:
    """The numbers of a site's sources and valid API keys."""

    sources: int
    keys: int


def site_rows(actor: Actor, page: int = 1) -> tuple[list[SiteRow], bool]:
    """Return a page of an actor's sites by name, and whether more follow."""
    query = select(Site).where(actor.scope(Site.id)).order_by(Site.name, Site.id)
    found = list(db.session.scalars(query.offset((page - 1) * PAGE).limit(PAGE + 1)))
    sites, more = found[:PAGE], len(found) > PAGE
    ids = [site.id for site in sites]
    cameras, people = _count(Camera.site_id, ids), _count_people(ids)
    last = _last(actor, Incident.site_id, ids)
    rows = [
        SiteRow(
            site,
            cameras.get(site.id, 0),
            count_undecided(actor, site.id),
            last.get(site.id),
            people.get(site.id, 0),
        )
        for site in sites
    ]
    return rows, more


def camera_rows(
    actor: Actor, site_id: int | None = None, page: int = 1
) -> tuple[list[CameraRow], bool]:
    """Return a page of the cameras of an actor's sites, or of one, by name; and if more follow."""
    query = select(Camera).where(actor.scope(Camera.site_id)).order_by(Camera.name, Camera.id)
    if site_id is not None:
        query = query.where(Camera.site_id == site_id)
    query = query.options(joinedload(Camera.site))
    found = list(db.session.scalars(query.offset((page - 1) * PAGE).limit(PAGE + 1)))
    return describe_cameras(actor, found[:PAGE]), len(found) > PAGE


def describe_cameras(actor: Actor, cameras: Sequence[Camera]) -> list[CameraRow]:
    """Return these cameras with their numbers of undecided incidents, and their last ones."""
    ids = [camera.id for camera in cameras]
    undecided = _count_undecided(ids)
    last = _last(actor, Incident.camera_id, ids)
    return [CameraRow(one, undecided.get(one.id, 0), last.get(one.id)) for one in cameras]


def holdings_of(site_id: int) -> Holdings:
    """Return the numbers of what else belongs to a site, counted up to `MOST_COUNTED` + 1."""

    def count(column: InstrumentedAttribute[int], *met: ColumnElement[bool]) -> int:
        some = select(column).where(column == site_id, *met).limit(MOST_COUNTED + 1).subquery()
        return db.session.scalar(select(func.count()).select_from(some)) or 0

    return Holdings(count(Source.site_id), count(ApiKey.site_id, ApiKey.revoked_at.is_(None)))


def people_of(site_id: int) -> list[User]:
    """Return those to whom a site is granted, by address; administrators see every site."""
    query = (
        select(User)
        .join(user_sites, user_sites.c.user_id == User.id)
        .where(user_sites.c.site_id == site_id, User.role != Role.ADMIN)
        .order_by(User.email)
    )
    return list(db.session.scalars(query))


def _count_undecided(camera_ids: Sequence[int]) -> dict[int, int]:
    """Return the numbers of cameras whose sites the actor sees, from the index alone."""
    # In the statement's text: no database proves for a parameter that a partial index is enough.
    new = Incident.state == literal(IncidentState.NEW.value, literal_execute=True)
    some = (
        select(Incident.camera_id)
        .where(Incident.camera_id == Camera.id, new, ~Incident.is_test)
        .limit(MOST_OF_CAMERA + 1)
        .correlate(Camera)
        .subquery()
    )
    number = select(func.count()).select_from(some).scalar_subquery()
    rows = db.session.execute(select(Camera.id, number).where(Camera.id.in_(camera_ids)))
    return {row[0]: row[1] for row in rows}


def _last(
    actor: Actor,
    column: InstrumentedAttribute[int] | InstrumentedAttribute[int | None],
    owner_ids: Sequence[int],
) -> dict[int, Incident]:
    """Return the incident detected last of each site or camera, by the index of the owner."""
    owner = Site if column is Incident.site_id else Camera
    newest = (
        select(Incident.id)
        .where(column == owner.id, ~Incident.is_test, actor.scope(Incident.site_id))
        .order_by(Incident.detected_at.desc())
        .limit(1)
        .correlate(owner)
        .scalar_subquery()
    )
    rows = db.session.execute(select(owner.id, newest).where(owner.id.in_(owner_ids))).all()
    ids = {row[0]: row[1] for row in rows if row[1] is not None}
    found = db.session.scalars(select(Incident).where(Incident.id.in_(ids.values())))
    by_id = {incident.id: incident for incident in found}
    return {owner_id: by_id[number] for owner_id, number in ids.items() if number in by_id}


def _count(column: InstrumentedAttribute[int], site_ids: Sequence[int]) -> dict[int, int]:
    query = select(column, func.count()).where(column.in_(site_ids)).group_by(column)
    return {row[0]: row[1] for row in db.session.execute(query)}


def _count_people(site_ids: Sequence[int]) -> dict[int, int]:
    granted = user_sites.c.site_id
    query = (
        select(granted, func.count())
        .join(User, User.id == user_sites.c.user_id)
        .where(granted.in_(site_ids), User.role != Role.ADMIN)
        .group_by(granted)
    )
    return {row[0]: row[1] for row in db.session.execute(query)}
