"""Find sites and cameras; the first site makes itself."""

from sqlalchemy import select

from vigint_web.errors import NotFound
from vigint_web.extensions import db
from vigint_web.models import Camera, Site
from vigint_web.services.actors import Actor
from vigint_web.services.transactions import transaction

_DEFAULT_SLUG = "main"


def default_site() -> Site:
    """Return the site of an installation that has one; make it on first use."""
    site = db.session.scalar(select(Site).order_by(Site.id).limit(1))
    if site is None:
        with transaction() as session:
            site = session.scalar(select(Site).order_by(Site.id).limit(1))
            if site is None:
                site = Site(slug=_DEFAULT_SLUG, name="Vigint")
                session.add(site)
                session.flush()
    return site


def get_or_add_site(slug: str) -> Site:
    """Return the site of that slug, new if there was none."""
    with transaction() as session:
        site = session.scalar(select(Site).where(Site.slug == slug))
        if site is None:
            site = Site(slug=slug, name=slug)
            session.add(site)
            session.flush()
        return site


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
        found = session.scalar(select(Camera).where(Camera.site_id == site_id, Camera.name == name))
        if found is None:
            found = Camera(site_id=site_id, name=name)
            session.add(found)
            session.flush()
        return found
