"""Find, add and edit sites; the first one is created automatically."""

import re
import secrets
from collections.abc import Container
from dataclasses import asdict, dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from vigint_web.clock import utcnow
from vigint_web.config.values import LOCALES
from vigint_web.errors import Conflict, Invalid, Mistake, MistakeCode, NotFound
from vigint_web.extensions import db
from vigint_web.i18n.normal_forms import normalized
from vigint_web.i18n.timezones import is_zone
from vigint_web.models import Site, Source
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.runtime import config
from vigint_web.services.core.site_settings import zone_of
from vigint_web.services.core.transactions import insert_into, transaction

LONGEST_NAME = 200
LONGEST_ADDRESS = 300
LONGEST_COOL_DOWN = 86_400
_DEFAULT_SLUG = "main"


class UnknownSite(NotFound):
    """The site does not exist; carries the existing ones."""

    def __init__(self, wanted: str, known: list[str]) -> None:
        super().__init__(wanted)
        self.wanted = wanted
        self.known = known


@dataclass(frozen=True)
class SiteFacts:
    """The editable values of a site; None: that of the configuration."""

    name: str
    address: str = ""
    timezone: str | None = None
    locale: str | None = None
    cooldown_seconds: int | None = None
    sharing_needs_reason: bool = False


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


def common_zone(actor: Actor) -> ZoneInfo:
    """Return the time zone that all sites of an actor have, else the configured one."""
    query = select(Site.timezone).where(actor.scope(Site.id)).distinct().limit(2)
    names = list(db.session.scalars(query))
    known = len(names) == 1 and names[0] is not None and is_zone(names[0])
    return ZoneInfo(names[0]) if known and names[0] else config().timezone


def zone_for(actor: Actor, site_id: int) -> ZoneInfo:
    """Return the time zone of a site; raises NotFound."""
    return zone_of(find_site(actor, site_id))


def facts_of(site: Site) -> SiteFacts:
    """Return the current values of a site."""
    return SiteFacts(
        site.name,
        site.address or "",
        site.timezone,
        site.locale,
        site.cooldown_seconds,
        site.sharing_needs_reason,
    )


def mistakes_in(facts: SiteFacts) -> list[Mistake]:
    """Return what is wrong with the values of a site."""
    found = []
    if not facts.name or len(facts.name) > LONGEST_NAME:
        found.append(Mistake(MistakeCode.NAME_LENGTH, "name", {"most": LONGEST_NAME}))
    if len(facts.address) > LONGEST_ADDRESS:
        found.append(Mistake(MistakeCode.TOO_LONG, "address", {"most": LONGEST_ADDRESS}))
    if facts.timezone is not None and not is_zone(facts.timezone):
        found.append(Mistake(MistakeCode.UNKNOWN_TIMEZONE, "timezone"))
    if facts.locale is not None and facts.locale not in LOCALES:
        known = {"names": ", ".join(LOCALES)}
        found.append(Mistake(MistakeCode.UNKNOWN_LOCALE, "locale", known))
    seconds = facts.cooldown_seconds
    if seconds is not None and not 0 <= seconds <= LONGEST_COOL_DOWN:
        limits: dict[str, str | int] = {"least": 0, "most": LONGEST_COOL_DOWN}
        found.append(Mistake(MistakeCode.NOT_A_WHOLE_NUMBER, "cooldown_seconds", limits))
    return found


def add_site(actor: Actor, wanted: SiteFacts | str, slug: str | None = None) -> Site:
    """Add a site.

    Args:
        wanted: its values, or only its name.
        slug: its short name; None: made from its name.

    Raises:
        Invalid: every mistake at once.
        Conflict: another site has this name, or this short name.
    """
    facts = SiteFacts(wanted) if isinstance(wanted, str) else wanted
    _refuse_mistakes(facts)
    with transaction() as session:
        _require_free(facts.name)
        if slug is not None and slug in _slugs():
            raise Conflict
        site = Site(slug=slug or free_slug(facts.name, _slugs()), **columns_of(facts))
        session.add(site)
        session.flush()
        given = {
            name: value for name, value in asdict(facts).items() if value not in (None, "", False)
        }
        trail.record(actor, "site:added", f"site:{site.id}", site_id=site.id, **given)
    return site


def edit_site(actor: Actor, site_id: int, wanted: SiteFacts) -> Site:
    """Change the values of a site; its contents are unaffected.

    Raises:
        NotFound: it does not exist for this actor.
        Invalid: every mistake at once.
        Conflict: another site has this name.
    """
    _refuse_mistakes(wanted)
    with transaction() as session:
        site = find_site(actor, site_id)
        session.refresh(site, with_for_update=True)
        before, after = asdict(facts_of(site)), asdict(wanted)
        changed = {
            name: [before[name], after[name]] for name in after if before[name] != after[name]
        }
        if "name" in changed:
            _require_free(wanted.name, but=site_id)
        if changed:
            for name, value in columns_of(wanted).items():
                setattr(site, name, value)
            trail.record(actor, "site:edited", f"site:{site_id}", site_id=site_id, **changed)
    return site


def columns_of(facts: SiteFacts) -> dict[str, Any]:
    """Return the columns of a site with these values."""
    return {**asdict(facts), "address": facts.address or None}


def _refuse_mistakes(facts: SiteFacts) -> None:
    mistakes = mistakes_in(facts)
    if mistakes:
        raise Invalid(mistakes)


def _require_free(name: str, but: int = 0) -> None:
    taken = select(Site.id).where(func.lower(Site.name) == name.lower(), Site.id != but)
    if db.session.scalar(taken.limit(1)) is not None:
        raise Conflict


def free_slug(name: str, taken: Container[str]) -> str:
    """Return a short name for a site that is not taken, for the command line."""
    plain = normalized("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:48].strip("-") or "site"
    return f"{slug}-{secrets.token_hex(3)}" if slug in taken else slug


def _slugs() -> set[str]:
    return set(db.session.scalars(select(Site.slug)))
