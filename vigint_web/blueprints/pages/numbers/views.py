"""Show the numbers of incidents of a period, and export them."""

from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, render_template
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from vigint_web.blueprints.pages.numbers.sheets import Line, Words, line_of, sheets_of
from vigint_web.clock import utcnow
from vigint_web.http.pages.csv_tables import csv_answer
from vigint_web.http.pages.paging import asked_number
from vigint_web.http.pages.periods import CHOICES, LONGEST_DAYS, AskedPeriod, asked_period
from vigint_web.http.security.identity import actor
from vigint_web.models import Site
from vigint_web.services.accounts.sites import common_zone, list_sites
from vigint_web.services.core.site_settings import zone_of
from vigint_web.services.reports.counts import is_behind
from vigint_web.services.reports.histograms import Usual
from vigint_web.services.reports.numbers import (
    MOST_DAYS,
    Numbers,
    Period,
    is_anything_counted,
    numbers,
)

blueprint = Blueprint("numbers", __name__, url_prefix="/incidents/numbers")


@blueprint.get("/")
def index() -> str:
    """Show the numbers of the requested period."""
    period, site, known, found = _asked()
    return render_template(
        "numbers/index.html",
        period=period,
        choices=CHOICES,
        longest=LONGEST_DAYS,
        site=site,
        sites=[(str(one.id), one.name) for one in known],
        kept={**period.arguments, **_of_site(site)},
        of_site=_of_site(site),
        zone=_zone(site).key,
        total=line_of("", found.total),
        sheets=sheets_of(found),
        words=Words(),
        is_empty=not found.total.incidents and not is_anything_counted(actor()),
        is_behind=is_behind(),
    )


@blueprint.get("/export.csv")
def export() -> Response:
    """Return all tables of the requested period as one: each day, and durations in seconds."""
    period, _site, _known, found = _asked(LONGEST_DAYS)
    titles = [
        _("Numbers"),
        _("Part"),
        _("Incidents"),
        _("To decide"),
        _("Confirmed"),
        _("False alarms"),
        _("Detection to mail, median (s)"),
        _("Detection to mail, 90th percentile (s)"),
        _("Detection to first viewing, median (s)"),
        _("Detection to first viewing, 90th percentile (s)"),
        _("Detection to decision, median (s)"),
        _("Detection to decision, 90th percentile (s)"),
    ]
    rows = [[_("In all"), "", *_cells(line_of("", found.total))]]
    for sheet in sheets_of(found):
        rows += [[sheet.title, line.label, *_cells(line)] for line in sheet.lines]
    name = f"vigint-numbers-{period.first:%Y%m%d}-{period.last:%Y%m%d}.csv"
    return csv_answer(name, titles, rows)


def _asked(most_days: int = MOST_DAYS) -> tuple[AskedPeriod, Site | None, list[Site], Numbers]:
    known, wanted = list_sites(actor()), asked_number("site")
    site = next((one for one in known if one.id == wanted), None)
    period = asked_period(utcnow().astimezone(_zone(site)).date())
    found = numbers(
        actor(), Period(period.first, period.last), site.id if site else None, most_days
    )
    return period, site, known, found


def _zone(site: Site | None) -> ZoneInfo:
    """Return the zone of a site; of all sites the one that they have in common."""
    return zone_of(site) if site is not None else common_zone(actor())


def _of_site(site: Site | None) -> dict[str, Any]:
    return {} if site is None else {"site": site.id}


def _cells(line: Line) -> list[str]:
    counts = line.counts
    cells = [counts.incidents, counts.undecided, counts.confirmed, counts.false_alarms]
    return [*map(str, cells), *_seconds(line.times)]


def _seconds(found: Iterable[Usual]) -> list[str]:
    seconds = [part for usual in found for part in (usual.median, usual.nine_tenths)]
    return ["" if part is None else f"{part:.0f}" for part in seconds]
