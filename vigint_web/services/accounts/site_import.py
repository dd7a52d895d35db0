"""Import sites: plan what each row would do, then do exactly that."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace

from sqlalchemy import select

from vigint_web.errors import Invalid, Mistake, MistakeCode
from vigint_web.extensions import db
from vigint_web.models import Site
from vigint_web.services.accounts.import_plan import (
    Cells,
    Outcome,
    Plan,
    PlannedRow,
    differences,
)
from vigint_web.services.accounts.import_values import whole_number
from vigint_web.services.accounts.sites import (
    SiteFacts,
    columns_of,
    facts_of,
    free_slug,
    mistakes_in,
)
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.csv_input import Line
from vigint_web.services.core.transactions import transaction

COLUMNS = (
    "short_name", "name", "address", "time_zone", "language", "cool_down", "reason_for_sharing",
)  # fmt: skip
# Whether a reason is required, by what a cell says.
REASONS = {"required": True, "optional": False, "": False}
REQUIRED = ("name",)
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,63})", re.ASCII)


class _Known:
    """The sites as they are and as the rows before would make them."""

    def __init__(self) -> None:
        self.sites = list(db.session.scalars(select(Site).order_by(Site.id)))
        self.by_slug = {site.slug: site for site in self.sites}
        self.by_name = {site.name.lower(): site for site in self.sites}
        # The line that uses a name or is about a site, for rows that say the same.
        self.lines: dict[tuple[str, object], int] = {}

    def use(self, kind: str, value: object, line: int) -> int | None:
        """Return the line that was about it before, if any."""
        first = self.lines.setdefault((kind, value), line)
        return None if first == line else first


def export_sites() -> Iterator[dict[str, str]]:
    """Yield every site as a row that an import would leave unchanged, by name."""
    for site in db.session.scalars(select(Site).order_by(Site.name, Site.id)):
        seconds = site.cooldown_seconds
        yield {
            "short_name": site.slug,
            "name": site.name,
            "address": site.address or "",
            "time_zone": site.timezone or "",
            "language": site.locale or "",
            "cool_down": "" if seconds is None else str(seconds),
            "reason_for_sharing": "required" if site.sharing_needs_reason else "optional",
        }


def plan_sites(lines: Sequence[Line]) -> Plan:
    """Return what an import of sites would do."""
    known = _Known()
    rows = [_planned(line, known) for line in lines]
    return Plan([_with_free_name(row, known) for row in rows])


def apply_sites(actor: Actor, lines: Sequence[Line], digest: str) -> Plan:
    """Import sites as previewed, all or none.

    Raises:
        ImportOutdated: something else would be done than was previewed.
    """
    with transaction() as session:
        session.execute(select(Site.id).order_by(Site.id).with_for_update()).all()
        session.expire_all()
        plan = plan_sites(lines)
        plan.require(digest)
        taken = set(session.scalars(select(Site.slug)))
        added = []
        for row in plan.of(Outcome.CREATED):
            facts, slug = row.facts
            slug = slug or free_slug(facts.name, taken)
            taken.add(slug)
            added.append(Site(slug=slug, **columns_of(facts)))
        session.add_all(added)
        session.flush()
        for site in added:
            detail = {"name": site.name, "imported": True}
            trail.record(actor, "site:added", f"site:{site.id}", site_id=site.id, **detail)
        for row in plan.of(Outcome.CHANGED):
            site = session.get_one(Site, row.row_id)
            for name, value in columns_of(row.facts[0]).items():
                setattr(site, name, value)
            changes = {name: list(pair) for name, pair in row.changes.items()}
            trail.record(
                actor, "site:edited", f"site:{site.id}", site_id=site.id, **changes, imported=True
            )
    return plan


def _planned(line: Line, known: _Known) -> PlannedRow:
    cells = Cells(line.cells, line.mistakes)
    slug, name = cells.line("short_name"), cells.line("name")
    site = known.by_slug.get(slug) if slug else known.by_name.get(name.lower())
    if slug and site is None and not _SLUG.fullmatch(slug):
        cells.add(Mistake(MistakeCode.SHORT_NAME_MALFORMED))
    before = facts_of(site) if site is not None else SiteFacts(name)
    facts = replace(before, name=name)
    if cells.has("address"):
        facts = replace(facts, address=cells.text("address"))
    if cells.has("time_zone"):
        facts = replace(facts, timezone=cells.line("time_zone") or None)
    if cells.has("language"):
        facts = replace(facts, locale=cells.line("language") or None)
    if cells.has("reason_for_sharing"):
        needed = bool(cells.one_of("reason_for_sharing", REASONS))
        facts = replace(facts, sharing_needs_reason=needed)
    if cells.has("cool_down"):
        try:
            seconds = whole_number(cells.line("cool_down"), "cool_down")
            facts = replace(facts, cooldown_seconds=seconds)
        except Invalid as error:
            cells.add(error)
    for mistake in mistakes_in(facts):
        cells.add(mistake)
    about: tuple[str, object] = ("name", name.lower())
    if site is not None:
        about = ("site", site.id)
    elif slug:
        about = ("slug", slug)
    first = known.use(*about, line.number)
    if first is not None:
        cells.add(Mistake(MistakeCode.ROW_TWICE, None, {"line": first}))
    return PlannedRow(
        line.number,
        name,
        site.id if site is not None else None,
        (facts, slug),
        differences(asdict(before), asdict(facts)) if site is not None else {},
        tuple(cells.mistakes),
    )


def _with_free_name(row: PlannedRow, known: _Known) -> PlannedRow:
    """Return the row, refused if another site has its name or would have it."""
    if row.outcome not in {Outcome.CREATED, Outcome.CHANGED}:
        return row
    owner = known.by_name.get(row.name.lower())
    taken = owner is not None and owner.id != row.row_id
    first = known.use("new_name", row.name.lower(), row.number)
    if not taken and first is None:
        return row
    return replace(row, mistakes=(Mistake(MistakeCode.NAME_TAKEN),))
