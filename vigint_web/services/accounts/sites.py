"""Find sites and cameras; the first site is created automatically."""

import re
import secrets
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute

from vigint_web.clock import utcnow
from vigint_web.errors import Conflict, Invalid, Mistake, MistakeCode, NotFound
from vigint_web.extensions import db
from vigint_web.i18n.normal_forms import normalized
from vigint_web.models import ApiKey, Camera, Incident, Site, Source
from vigint_web.models.user import user_sites
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.transactions import insert_into, transaction

_DEFAULT_SLUG = "main"


class UnknownSite(NotFound):
    """The site does not exist; carries the existing ones."""

    def __init__(self, wanted: str, known: list[str]) -> None:
        super().__init__(wanted)
        self.wanted = wanted
        self.known = known


@dataclass(frozen=True)
class Counted:
    """A site, and the number of things in it."""

    site: Site
    cameras: int
    sources: int
    incidents: int
    keys: int
    people: int


def default_site() -> Site:
    """Return the site of an installation that has one; create it on first use."""
    site = db.session.scalar(select(Site).order_by(Site.id).limit(1))
    return site if site is not None else get_or_add_site(_DEFAULT_SLUG, "Vigint")


def get_or_add_site(slug: str, name: str | None = None) -> Site:
    """Return the site of that slug, created if necessary; for the first site, without an actor."""
    with transaction() as session:
        row = insert_into(session, Site).values(slug=slug, name=name or slug, created_at=utcnow())
        session.execute(row.on_conflict_do_nothing(index_elements=[Site.slug]))
        return session.scalars(select(Site).where(Site.slug == slug)).one()


def home_site(actor: Actor) -> Site:
    """Return the site for an actor's new things; raises NotFound without one."""
    if actor.site_ids is None:
        return default_site()
    site = db.session.scalar(
        select(Site).where(Site.id.in_(actor.site_ids)).order_by(Site.id).limit(1)
    )
    if site is None:
        raise NotFound
    return site


def list_sites(actor: Actor) -> list[Site]:
    """Return the sites that exist for an actor, by name."""
    query = select(Site).where(actor.scope(Site.id)).order_by(Site.name, Site.id)
    return list(db.session.scalars(query))


def last_site_id(actor: Actor) -> int | None:
    """Return the site id of a user's newest source; else that of their home site."""
    query = (
        select(Source.site_id)
        .where(Source.created_by_id == actor.user_id, actor.scope(Source.site_id))
        .order_by(Source.id.desc())
        .limit(1)
    )
    found = db.session.scalar(query) if actor.user_id is not None else None
    if found is not None:
        return found
    try:
        return home_site(actor).id
    except NotFound:
        return None


def offered_site(actor: Actor, slug: str) -> Site | None:
    """Return the chosen site by its short name; None for none.

    Raises:
        Invalid: there is no such site for this actor.
    """
    if not slug:
        return None
    site = db.session.scalar(select(Site).where(Site.slug == slug, actor.scope(Site.id)))
    if site is None:
        raise Invalid([Mistake(MistakeCode.SITE_NOT_OFFERED, "site")])
    return site


def named_site(actor: Actor, text: str) -> Site:
    """Return the site of that short name, or of that name in any case.

    Raises:
        UnknownSite: there is none for this actor; lists the existing ones.
    """
    known = list_sites(actor)
    wanted = text.strip()
    for site in known:
        if site.slug == wanted:
            return site
    for site in known:
        if site.name.lower() == wanted.lower():
            return site
    raise UnknownSite(wanted, [site.slug for site in known])


def find_site(actor: Actor, site_id: int) -> Site:
    """Return a site; raises NotFound if it does not exist for this actor."""
    site = db.session.get(Site, site_id)
    if site is None or not actor.sees(site_id):
        raise NotFound
    return site


def count_everything(actor: Actor) -> list[Counted]:
    """Return an actor's sites with counts, by name; people are those granted it."""
    cameras, sources = _by_site(Camera.site_id), _by_site(Source.site_id)
    incidents, keys = _by_site(Incident.site_id), _by_site(ApiKey.site_id)
    granted = db.session.execute(
        select(user_sites.c.site_id, func.count()).group_by(user_sites.c.site_id)
    )
    people = {row[0]: row[1] for row in granted}
    return [
        Counted(
            site,
            cameras.get(site.id, 0),
            sources.get(site.id, 0),
            incidents.get(site.id, 0),
            keys.get(site.id, 0),
            people.get(site.id, 0),
        )
        for site in list_sites(actor)
    ]


def add_site(actor: Actor, name: str) -> Site:
    """Add a site; raises Conflict if its name is taken."""
    with transaction() as session:
        _require_free(name)
        site = Site(slug=_free_slug(name), name=name)
        session.add(site)
        session.flush()
        trail.record(actor, "site:added", f"site:{site.id}", site_id=site.id, name=name)
    return site


def rename_site(actor: Actor, site_id: int, name: str) -> Site:
    """Give a site another name; raises NotFound, or Conflict if the name is taken."""
    with transaction():
        site = find_site(actor, site_id)
        if site.name != name:
            _require_free(name, but=site_id)
            before, site.name = site.name, name
            trail.record(
                actor, "site:renamed", f"site:{site_id}", site_id=site_id, name=name, before=before
            )
    return site


def camera_of(site_id: int, name: str) -> Camera:
    """Return the camera of that name, created if necessary; in the caller's transaction."""
    with transaction() as session:
        row = insert_into(session, Camera).values(site_id=site_id, name=name, created_at=utcnow())
        session.execute(row.on_conflict_do_nothing(index_elements=[Camera.site_id, Camera.name]))
        return session.scalars(
            select(Camera).where(Camera.site_id == site_id, Camera.name == name)
        ).one()


def _by_site(column: InstrumentedAttribute[int]) -> dict[int, int]:
    rows = db.session.execute(select(column, func.count()).group_by(column))
    return {row[0]: row[1] for row in rows}


def _require_free(name: str, but: int = 0) -> None:
    taken = select(Site.id).where(func.lower(Site.name) == name.lower(), Site.id != but)
    if db.session.scalar(taken.limit(1)) is not None:
        raise Conflict


def _free_slug(name: str) -> str:
    """Return an unused short name for a site, for the command line."""
    plain = normalized("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:48] or "site"
    taken = db.session.scalar(select(Site.id).where(Site.slug == slug)) is not None
    return f"{slug}-{secrets.token_hex(3)}" if taken else slug
