"""Import cameras: plan what each row would do, then do exactly that."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from vigint_web.errors import Invalid, Mistake, MistakeCode
from vigint_web.extensions import db
from vigint_web.models import Camera, LegalRegime, Site
from vigint_web.services.accounts.cameras import (
    LONGEST_NAME,
    CameraFacts,
    columns_of,
    facts_of,
    mistakes_in,
    plain,
)
from vigint_web.services.accounts.import_plan import (
    Cells,
    Outcome,
    Plan,
    PlannedRow,
    differences,
)
from vigint_web.services.accounts.import_values import calendar_day, whole_number
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.csv_input import Line
from vigint_web.services.core.transactions import transaction

COLUMNS = (
    "site",
    "name",
    "detector_name",
    "films",
    "authorisation_number",
    "authorisation_ends",
    "least_days",
    "most_days",
    "sound",
)
REQUIRED = ("site", "name")
REGIMES = {"": None, **{regime.value: regime for regime in LegalRegime}}
SOUNDS = {"": True, "kept": True, "removed": False}


class _Known:
    """The sites, and the cameras by each name they have."""

    def __init__(self) -> None:
        self.sites: dict[str, Site] = {}
        for site in db.session.scalars(select(Site).order_by(Site.id)):
            self.sites.setdefault(site.name.lower(), site)
        for site in list(self.sites.values()):
            self.sites[site.slug] = site
        self.cameras: dict[tuple[int, str], Camera] = {}
        for camera in db.session.scalars(select(Camera).order_by(Camera.id)):
            self.cameras[camera.site_id, camera.detector_name] = camera
            if camera.shown_name:
                self.cameras.setdefault((camera.site_id, camera.shown_name), camera)
        # The names that cameras would have in the end, with the lines that say so.
        self.lines: dict[tuple[int, str], int] = {}


def export_cameras() -> Iterator[dict[str, str]]:
    """Yield every camera as a row that an import would leave unchanged, by site and name."""
    query = select(Camera).options(joinedload(Camera.site)).join(Site)
    for camera in db.session.scalars(query.order_by(Site.name, Camera.name, Camera.id)):
        ends = camera.authorisation_ends
        yield {
            "site": camera.site.slug,
            "name": camera.name,
            "detector_name": camera.detector_name,
            "films": camera.legal_regime or "",
            "authorisation_number": camera.authorisation_number or "",
            "authorisation_ends": ends.isoformat() if ends else "",
            "least_days": str(camera.least_days or ""),
            "most_days": str(camera.most_days or ""),
            "sound": "kept" if camera.keeps_sound else "removed",
        }


def plan_cameras(lines: Sequence[Line]) -> Plan:
    """Return what an import of cameras would do."""
    known = _Known()
    return Plan([_planned(line, known) for line in lines])


def apply_cameras(actor: Actor, lines: Sequence[Line], digest: str) -> Plan:
    """Import cameras as previewed, all or none.

    Raises:
        ImportOutdated: something else would be done than was previewed.
    """
    with transaction() as session:
        session.execute(select(Camera.id).order_by(Camera.id).with_for_update()).all()
        session.expire_all()
        plan = plan_cameras(lines)
        plan.require(digest)
        added = []
        for row in plan.of(Outcome.CREATED):
            facts, site_id, detector_name = row.facts
            shown = facts.name if facts.name != detector_name else None
            added.append(
                Camera(
                    site_id=site_id,
                    detector_name=detector_name,
                    shown_name=shown,
                    **columns_of(facts),
                )
            )
        session.add_all(added)
        session.flush()
        for camera in added:
            detail = {"name": camera.name, "imported": True}
            where = camera.site_id
            trail.record(actor, "camera:added", f"camera:{camera.id}", site_id=where, **detail)
        for row in plan.of(Outcome.CHANGED):
            camera, facts = session.get_one(Camera, row.row_id), row.facts[0]
            camera.shown_name = facts.name if facts.name != camera.detector_name else None
            for name, value in columns_of(facts).items():
                setattr(camera, name, value)
            changes = {name: list(pair) for name, pair in row.changes.items()}
            trail.record(
                actor,
                "camera:edited",
                f"camera:{camera.id}",
                site_id=camera.site_id,
                **changes,
                imported=True,
            )
    return plan


def _planned(line: Line, known: _Known) -> PlannedRow:
    cells = Cells(line.cells, line.mistakes)
    wanted, name, detector = (cells.line(key) for key in ("site", "name", "detector_name"))
    site = known.sites.get(wanted) or known.sites.get(wanted.lower())
    if site is None:
        cells.add(Mistake(MistakeCode.SITE_NOT_FOUND, "site", {"text": wanted[:60]}))
        return PlannedRow(line.number, name, mistakes=tuple(cells.mistakes))
    camera = known.cameras.get((site.id, detector or name))
    before = facts_of(camera) if camera is not None else CameraFacts(name)
    facts = _facts(cells, replace(before, name=name))
    found = mistakes_in(facts)
    if len(detector) > LONGEST_NAME:
        found.append(Mistake(MistakeCode.NAME_LENGTH, "detector_name", {"most": LONGEST_NAME}))
    for mistake in found:
        cells.add(mistake)
    names = {name, camera.detector_name if camera is not None else detector or name}
    for one in sorted(names):
        owner = known.cameras.get((site.id, one))
        if owner is not None and owner is not camera:
            cells.add(Mistake(MistakeCode.NAME_TAKEN, "name"))
        first = known.lines.setdefault((site.id, one), line.number)
        if first != line.number:
            cells.add(Mistake(MistakeCode.ROW_TWICE, None, {"line": first}))
            break
    return PlannedRow(
        line.number,
        name,
        camera.id if camera is not None else None,
        (facts, site.id, detector or name),
        differences(plain(before), plain(facts)) if camera is not None else {},
        tuple(cells.mistakes),
    )


def _facts(cells: Cells, facts: CameraFacts) -> CameraFacts:
    """Return the values with those of the columns that the file has."""
    number, day = whole_number, calendar_day
    if cells.has("films"):
        facts = replace(facts, legal_regime=cells.one_of("films", REGIMES))
    if cells.has("authorisation_number"):
        facts = replace(facts, authorisation_number=cells.line("authorisation_number"))
    if cells.has("sound"):
        facts = replace(facts, keeps_sound=bool(cells.one_of("sound", SOUNDS)))
    try:
        if cells.has("authorisation_ends"):
            ends = day(cells.line("authorisation_ends"), "authorisation_ends")
            facts = replace(facts, authorisation_ends=ends)
        if cells.has("least_days"):
            facts = replace(facts, least_days=number(cells.line("least_days"), "least_days"))
        if cells.has("most_days"):
            facts = replace(facts, most_days=number(cells.line("most_days"), "most_days"))
    except Invalid as error:
        cells.add(error)
    return facts
