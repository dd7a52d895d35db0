"""Read the requested filter for incidents; invalid values select everything."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import request

from vigint_web.clock import utcnow
from vigint_web.http.pages.paging import (
    asked_clock,
    asked_day,
    asked_number,
    beginning_of,
    chosen,
    last_night,
    moment_of,
    search_text,
)
from vigint_web.http.security.identity import actor
from vigint_web.i18n.formats import reader_zone
from vigint_web.models import IncidentState, RiskLevel
from vigint_web.services.accounts.sites import list_sites
from vigint_web.services.incidents.listing import IncidentFilter, find_camera
from vigint_web.services.incidents.reading import last_visit

# Says that an incident was opened from the list, whose filter may be empty.
FROM_LIST = "list"
_NAMES = (
    "q", "risk", "from", "from_time", "to", "to_time", "state", "mine", "site", "camera", "night",
    "type", "assignee", "fresh", "repeats", "sort", "tests",
)  # fmt: skip
_BY_RISK = "risk"
_LONGEST_TYPE = 100


def asked_incidents() -> tuple[IncidentFilter, dict[str, Any]]:
    """Return the filter in the request's query, and the arguments that keep it."""
    since, until = asked_day("from"), asked_day("to")
    night = None if since or until else chosen("night", ("1",))
    risk = chosen("risk", tuple(level.value for level in RiskLevel))
    state = chosen("state", tuple(one.value for one in IncidentState))
    mine = chosen("mine", ("1",))
    tests = chosen("tests", ("1",))
    site, camera = _asked_site(), _asked_camera()
    from_time = asked_clock("from_time") if since else None
    to_time = asked_clock("to_time") if until else None
    begin = moment_of(since, from_time) or beginning_of(since)
    end = beginning_of(until, following=True)
    if (last := moment_of(until, to_time)) is not None:
        end = last + timedelta(minutes=1)  # that minute is included
    fresh = chosen("fresh", ("1",))
    visited = last_visit(actor()) if fresh else None
    repeats = chosen("repeats", ("1",))
    assignee = None if mine else asked_number("assignee")
    incident_type = request.args.get("type", "").strip()[:_LONGEST_TYPE]
    if night:
        begin, end = last_night(utcnow(), reader_zone())
    wanted = IncidentFilter(
        text=search_text(),
        risk=RiskLevel(risk) if risk else None,
        since=begin,
        until=end,
        state=IncidentState(state) if state else None,
        assignee_id=actor().user_id if mine else assignee,
        site_id=site,
        camera_id=camera,
        incident_type=incident_type,
        received_since=visited,
        folded=not repeats,
        tests=bool(tests),
    )
    # The address keeps the filter; `from` is a keyword that templates cannot use.
    asked = {
        "q": wanted.text, "risk": risk, "from": since, "to": until, "state": state, "mine": mine,
        "site": site, "camera": camera, "night": night, "type": incident_type,
        "assignee": assignee, "fresh": fresh, "repeats": repeats,
        "from_time": from_time and f"{from_time:%H:%M}", "to_time": to_time and f"{to_time:%H:%M}",
        "sort": chosen("sort", (_BY_RISK,)),
        "tests": tests,
    }  # fmt: skip
    return wanted, {name: str(value) for name, value in asked.items() if value}


def is_whole(kept: Mapping[str, Any]) -> bool:
    """Return whether every part of the requested filter is valid, hence among the kept arguments.

    A list shows everything otherwise; what acts on all of a filter must not.
    """
    return all(name in kept for name in _NAMES if request.args.get(name, "").strip())


def is_by_risk(kept: Mapping[str, Any]) -> bool:
    """Return whether the arguments of a list ask for the order of risk."""
    return kept.get("sort") == _BY_RISK


@dataclass(frozen=True)
class Walk:
    """The list from which an incident was opened, through which its page leads.

    Args:
        listed: the arguments of the list's address.
        is_from_list: False for an incident that was opened otherwise, which leads nowhere.
    """

    wanted: IncidentFilter
    listed: dict[str, Any]
    is_from_list: bool

    @property
    def is_by_risk(self) -> bool:
        """Return whether the list is in the order of risk."""
        return is_by_risk(self.listed)

    @property
    def arguments(self) -> dict[str, Any]:
        """Return the arguments with which an incident's address keeps the list."""
        return {**self.listed, FROM_LIST: "1", **page_arguments()} if self.is_from_list else {}


def page_arguments() -> dict[str, str]:
    """Return the arguments that say which page of a list was requested."""
    asked = {name: request.args.get(name, "")[:100] for name in ("before", "after")}
    return {name: value for name, value in asked.items() if value}


def asked_walk() -> Walk:
    """Return the list from which the requested incident was opened."""
    wanted, kept = asked_incidents()
    return Walk(wanted, kept, is_from_list=bool(kept) or request.args.get(FROM_LIST) == "1")


def _asked_site() -> int | None:
    number = asked_number("site")
    if number is None:
        return None
    return number if number in {site.id for site in list_sites(actor())} else None


def _asked_camera() -> int | None:
    number = asked_number("camera")
    return number if number is not None and find_camera(actor(), number) is not None else None
