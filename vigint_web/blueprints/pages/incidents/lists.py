"""Views of the list of incidents: the page, its changing part, and what arrived since."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from flask import render_template, request
from markupsafe import Markup
from werkzeug.wrappers import Response

from vigint_web.blueprints.pages.incidents.blueprint import blueprint
from vigint_web.http.pages.incident_filters import (
    FROM_LIST,
    asked_incidents,
    is_by_risk,
    page_arguments,
)
from vigint_web.http.pages.incident_groups import RowGroup, by_risk, by_shift
from vigint_web.http.pages.live import live_page
from vigint_web.http.pages.paging import asked_number, ranked_cursor, sorted_cursor
from vigint_web.http.pages.picture_crops import Crop, crop_around
from vigint_web.http.security.identity import actor
from vigint_web.i18n.formats import reader_zone
from vigint_web.models import Incident, IncidentState, RiskLevel
from vigint_web.services.accounts.sites import list_sites
from vigint_web.services.core.keyset_pagination import SORTED_TOP, SortedCursor, SortedPage
from vigint_web.services.dispatch import digests
from vigint_web.services.incidents import reading
from vigint_web.services.incidents.arrivals import (
    find_arrivals,
    keep_in_place,
    newest_id,
    shown_rows,
)
from vigint_web.services.incidents.late_arrivals import late_arrivals
from vigint_web.services.incidents.listing import (
    MOST_COUNTED,
    IncidentFilter,
    IncidentList,
    cameras_of,
    count_undecided,
    types_of,
)
from vigint_web.services.review import assignment, confidentiality

# The filters that the bar of the list offers; each in either order.
PLAIN: list[dict[str, Any]] = [
    {},
    {"state": IncidentState.NEW.value},
    {"state": IncidentState.NEW.value, "mine": "1"},
    {"night": "1"},
]
# More than a page holds: what a poll may say that its list holds back.
_MOST_HELD = 50
# The rows above an incident that is beside its list.
_ABOVE = 5


@blueprint.get("/")
def index() -> str:
    """List the incidents."""
    reading.begin_visit(actor())
    listed = list_now()
    return render_template("incidents/index.html", chosen="", **listed, **choices(listed["wanted"]))


def pane(reference: str, beside: Incident | None = None) -> Markup:
    """Return the list from which an incident was opened.

    Args:
        beside: it was opened otherwise: the list is one that has it.
    """
    listed = list_now(beside)
    return Markup(  # noqa: S704 - a rendered template
        render_template(
            "incidents/_pane.html", chosen=reference, **listed, **choices(listed["wanted"])
        )
    )


def _list_with(incident: Incident) -> tuple[IncidentFilter, dict[str, Any]]:
    """Return the filter of a list that has an incident, and its arguments: what is to decide."""
    undecided = incident.state == IncidentState.NEW and not incident.is_test
    wanted = IncidentFilter(
        state=IncidentState.NEW if undecided else None,
        folded=incident.grouped_under_id is None,
        tests=incident.is_test,
    )
    asked = {
        "state": undecided and IncidentState.NEW.value,
        "repeats": not wanted.folded and "1",
        "tests": wanted.tests and "1",
    }
    return wanted, {name: value for name, value in asked.items() if value}


def _page_with(listed: IncidentList, incident: Incident) -> SortedCursor:
    """Return the start of a page that has an incident: the first one, else one near it."""
    if incident.id in {mark.id for mark in listed.marks().rows}:
        return SORTED_TOP
    above = listed.marks(SortedCursor(after=listed.mark_of(incident)), _ABOVE).rows
    return SortedCursor(before=above[0]) if above else SORTED_TOP


def choices(wanted: IncidentFilter) -> dict[str, Any]:
    """Return what the filters offer."""
    known = list_sites(actor())
    return {
        "sites": [(str(site.id), site.name) for site in known],
        "cameras": _cameras(wanted, {site.id: site.name for site in known}),
        "types": [(one, one) for one in types_of(actor(), wanted.site_id)],
        "assignable": [(str(one.id), one.email) for one in assignment.assignable_by(actor())],
        "visited": reading.last_visit(actor()),
    }


def _cameras(wanted: IncidentFilter, sites: dict[int, str]) -> list[tuple[str, str]]:
    """Return the cameras to choose from; those of several sites with the site's name."""
    several = wanted.site_id is None and len(sites) > 1
    return [
        (str(one.id), f"{one.name} ({sites.get(one.site_id, '')})" if several else one.name)
        for one in cameras_of(actor(), wanted.site_id)
    ]


@blueprint.get("/live")
def live_list() -> Response:
    """Return the changing part of the list.

    `upto` is the last incident received before the page was loaded, `shown` the rows that the page
    shows: they stay, and nothing is inserted between them. Without these the list is as new.
    """
    return live_page(lambda: render_template("incidents/_list.html", chosen="", **list_now()))


@blueprint.get("/arrivals")
def arrivals() -> Response:
    """Return how many rows the list lacks: those received after `upto`, and those it holds back."""
    wanted, kept = asked_incidents()
    found = find_arrivals(actor(), wanted, asked_number("upto") or 0)
    held = min(asked_number("held") or 0, _MOST_HELD)
    is_top = not page_arguments()

    def render() -> str:
        return render_template(
            "incidents/_arrivals.html",
            number=found.number + held,
            high=found.high,
            is_more=found.is_more,
            wanted=wanted,
            kept=kept,
            is_top=is_top,
        )

    return live_page(render, instead=(found, held))


def list_now(beside: Incident | None = None) -> dict[str, Any]:
    """Return what the list shows for the request's filter and page, or beside an incident."""
    wanted, kept = asked_incidents() if beside is None else _list_with(beside)
    ranked = is_by_risk(kept)
    listed = IncidentList(actor(), wanted, by_risk=ranked)
    if beside is None:
        here = ranked_cursor() if ranked else sorted_cursor(datetime, known=True)
        on_page = page_arguments()
    else:
        here = _page_with(listed, beside)
        on_page = {"before": str(here.before)} if here.before else {}
    upto = asked_number("upto", least=0)
    # Before the rows: what is committed in between is announced, not lost.
    newest = newest_id(actor()) if upto is None else upto
    page, held = listed.page(here), 0
    if upto is not None:
        shown = request.args.get("shown", "").split(",")
        rows = shown_rows(actor(), [one for one in shown if one], tests=wanted.tests)
        page, held = keep_in_place(listed, page, rows, upto)
    else:
        newest = max(newest, *(row.id for row in page.rows), 0)
    narrowed = {name: value for name, value in kept.items() if name != "sort"}
    repeats = digests.count_repeats([row.id for row in page.rows])
    # On top of the whole list, and of what is to decide.
    shows_late = here.is_top and narrowed in ({}, {"state": IncidentState.NEW.value})
    late, more_late = late_arrivals(actor(), newest=newest) if shows_late else ([], 0)
    undecided = count_undecided(actor())
    if narrowed == {"state": IncidentState.NEW.value}:
        found: int | None = undecided  # the same list
    else:
        found = listed.count() if narrowed else None
    return {
        "wanted": wanted,
        "page": page,
        "newest": newest,
        "held": held,
        "further": _further(wanted, page, is_late_shown=shows_late),
        "groups": _groups(page, wanted, ranked=ranked),
        "narrowed": narrowed,
        "is_plain": narrowed in PLAIN,
        "late": late,
        "more_late": more_late,
        "keeps_late": shows_late and request.args.get("late") == "1",
        "repeats": repeats,
        "folded": digests.latest_repeats(repeats) if wanted.folded else {},
        "unread": reading.unread_of(actor(), page.rows),
        "assignees": assignment.assignees_of(page.rows),
        "confidential": confidentiality.confidential_among([row.id for row in page.rows]),
        "crops": {row.id: crop for row in page.rows if (crop := _crop_of(row)) is not None},
        "here": here,
        "kept": kept,
        "walk": {**kept, FROM_LIST: "1", **on_page},
        "found": found,
        "undecided": undecided,
        "most": MOST_COUNTED,
    }


def _crop_of(incident: Incident) -> Crop | None:
    """Return how the picture of its row is cropped, where it has one and a box in it."""
    box = (incident.focus_x, incident.focus_y, incident.focus_w, incident.focus_h)
    video = incident.video
    if video is None or not (video.width and video.height) or None in box:
        return None
    x, y, w, h = (side or 0.0 for side in box)
    return crop_around((x, y, w, h), video.width, video.height)


def _further(wanted: IncidentFilter, page: SortedPage[Incident], *, is_late_shown: bool) -> int:
    """Return how many of those received after `since` this page does not show.

    Not of a page that lists what was received late.
    """
    since = asked_number("since", least=0)
    if since is None or is_late_shown:
        return 0
    arrived = find_arrivals(actor(), wanted, since).number
    return max(0, arrived - sum(row.id > since for row in page.rows))


def _groups(page: SortedPage[Incident], wanted: IncidentFilter, *, ranked: bool) -> list[RowGroup]:
    """Return the rows by night and day, or by risk, with how many of each are undecided."""

    def of_risk(level: RiskLevel) -> int:
        return _undecided_of(replace(wanted, risk=level))

    def of_time(begin: datetime, end: datetime) -> int:
        since = max(begin, wanted.since) if wanted.since else begin
        until = min(end, wanted.until) if wanted.until else end
        return _undecided_of(replace(wanted, since=since, until=until))

    counts = wanted.state in (None, IncidentState.NEW)
    if ranked:
        return by_risk(page.rows, of_risk if counts else None)
    return by_shift(
        page.rows,
        reader_zone(),
        of_time if counts else None,
        begins_above=page.previous is not None,
        ends_below=page.next is not None,
    )


def _undecided_of(wanted: IncidentFilter) -> int:
    return IncidentList(actor(), replace(wanted, state=IncidentState.NEW)).count()
