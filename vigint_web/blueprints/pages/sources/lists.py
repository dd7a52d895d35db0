"""Views of the list of sources: filtered, sorted, paged."""

from datetime import datetime

from flask import render_template, request
from flask_babel import LazyString
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from vigint_web.blueprints.pages.sources.blueprint import blueprint
from vigint_web.http.pages.live import live_page
from vigint_web.http.pages.paging import (
    asked_day,
    asked_number,
    beginning_of,
    chosen,
    search_text,
    sorted_cursor,
)
from vigint_web.http.security.identity import actor
from vigint_web.services.accounts.sites import list_sites
from vigint_web.services.core.keyset_pagination import Value
from vigint_web.services.sources import listing
from vigint_web.services.sources.listing import Sorting, SourceFilter, SourceList
from vigint_web.services.sources.tags import list_tags

# The key of each order, in the address and in words; the first is the default.
ORDERS: dict[str, LazyString] = {
    "-added": _("Newest first"),
    "added": _("Oldest first"),
    "name": _("Name, A to Z"),
    "-name": _("Name, Z to A"),
    "-size": _("Largest first"),
    "size": _("Smallest first"),
    "-duration": _("Longest first"),
    "duration": _("Shortest first"),
    "-recorded": _("Recorded: latest first"),
    "recorded": _("Recorded: earliest first"),
}
_FIRST = "-added"
_KINDS: dict[str, tuple[type[Value], bool]] = {
    "added": (datetime, True),
    "name": (str, True),
    "size": (int, False),
    "duration": (float, False),
    "recorded": (datetime, False),
}


@blueprint.get("/")
def index() -> str:
    """List the sources."""
    return render_template("sources/index.html", **_listed(), **_offered())


@blueprint.get("/live")
def live_list() -> Response:
    """Return the changing part of the list."""
    return live_page(lambda: render_template("sources/_list.html", **_listed()))


def _listed() -> dict[str, object]:
    since, until = asked_day("from"), asked_day("to")
    wanted = SourceFilter(
        text=search_text(),
        state=chosen("state", listing.STATES),
        format=request.args.get("format", "")[:16] or None,
        since=beginning_of(since),
        until=beginning_of(until, following=True),
        tag=request.args.get("tag", "")[:60] or None,
        camera_id=asked_number("camera"),
        site_id=asked_number("site"),
    )
    order = chosen("sort", tuple(ORDERS)) or _FIRST
    by = order.removeprefix("-")
    kind, known = _KINDS[by]
    here = sorted_cursor(kind, known=known)
    # The address keeps the filter; `from` is a keyword that templates cannot use.
    narrowed = {
        "q": wanted.text, "state": wanted.state, "format": wanted.format, "from": since,
        "to": until, "tag": wanted.tag, "camera": wanted.camera_id, "site": wanted.site_id,
    }  # fmt: skip
    asked = {name: str(value) for name, value in narrowed.items() if value}
    kept = {**asked, "sort": order} if order != _FIRST else asked
    found = SourceList(actor(), wanted)
    everything = SourceList(actor()).sum()
    return {
        "page": found.page(Sorting(by, order.startswith("-")), here),
        "here": here,
        "kept": kept,
        "asked": asked,
        "order": order,
        "everything": everything,
        "found": found.sum() if asked else everything,
    }


def _offered() -> dict[str, object]:
    """Return the choices, including chosen values that no longer exist."""
    who = actor()
    return {
        "orders": ORDERS,
        "formats": _options(listing.list_formats(who), request.args.get("format", "")[:16]),
        "tags": _options([tag.name for tag in list_tags(who)], request.args.get("tag", "")[:60]),
        "cameras": listing.list_cameras(who),
        "sites": list_sites(who),
    }


def _options(known: list[str], asked: str) -> list[tuple[str, str]]:
    return [(name, name) for name in dict.fromkeys([*known, asked]) if name]
