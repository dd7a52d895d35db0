"""Find sites and cameras; the first site makes itself."""

from sqlalchemy import select

from vigint_web.clock import utcnow
from vigint_web.errors import NotFound
from vigint_web.extensions import db
from vigint_web.models import Camera, Site
from vigint_web.services.actors import Actor
from vigint_web.services.transactions import transaction
from vigint_web.services.upserts import insert_into

_DEFAULT_SLUG = "main"


def default_site() -> Site:
    """Return the site of an installation that has one; make it on first use."""
    site = db.session.scalar(select(Site).order_by(Site.id).limit(1))
    return site if site is not None else _get_or_add_site(_DEFAULT_SLUG, "Vigint")


def get_or_add_site(slug: str) -> Site:
    """Return the site of that slug, new if there was none."""
    return _get_or_add_site(slug, slug)


def _get_or_add_site(slug: str, name: str) -> Site:
    with transaction() as session:
        row = insert_into(session, Site).values(slug=slug, name=name, created_at=utcnow())
        session.execute(row.on_conflict_do_nothing(index_elements=[Site.slug]))
        return session.scalars(select(Site).where(Site.slug == slug)).one()


def home_site(actor: Actor) -> Site:
    """Return the site in which an actor's new things are put; raises NotFound without one."""
    if actor.site_ids is None:
        return default_site()
    site = db.session.scalar(
        select(Site).where(Site.id.in_(actor.site_ids)).order_by(Site.id).limit(1)
    )
    if site is None:
        raise NotFound
    return site


def camera_of(site_id: int, name: str) -> Camera:
    """Return the camera of that name, new if there was none; inside the caller's transaction."""
    with transaction() as session:
        row = insert_into(session, Camera).values(site_id=site_id, name=name, created_at=utcnow())
        session.execute(row.on_conflict_do_nothing(index_elements=[Camera.site_id, Camera.name]))
        return session.scalars(
            select(Camera).where(Camera.site_id == site_id, Camera.name == name)
        ).one()
