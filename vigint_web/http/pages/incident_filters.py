"""Read the requested filter for incidents; invalid values select everything."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import request

from vigint_web.clock import utcnow
from vigint_web.http.pages.paging import (
    asked_day,
    asked_number,
    beginning_of,
    chosen,
    last_night,
    search_text,
)
from vigint_web.http.security.identity import actor
from vigint_web.i18n.formats import reader_zone
from vigint_web.models import IncidentState, RiskLevel
from vigint_web.services.accounts.sites import list_sites
from vigint_web.services.incidents.listing import IncidentFilter, find_camera

# Says that an incident was opened from the list, whose filter may be empty.
FROM_LIST = "list"
_NAMES = ("q", "risk", "from", "to", "state", "mine", "site", "camera", "night")


def asked_incidents() -> tuple[IncidentFilter, dict[str, Any]]:
    """Return the filter in the request's query, and the arguments that keep it."""
    since, until = asked_day("from"), asked_day("to")
    night = None if since or until else chosen("night", ("1",))
    risk = chosen("risk", tuple(level.value for level in RiskLevel))
    state = chosen("state", tuple(one.value for one in IncidentState))
    mine = chosen("mine", ("1",))
    site, camera = _asked_site(), _asked_camera()
    begin, end = beginning_of(since), beginning_of(until, following=True)
    if night:
        begin, end = last_night(utcnow(), reader_zone())
    wanted = IncidentFilter(
        text=search_text(),
        risk=RiskLevel(risk) if risk else None,
        since=begin,
        until=end,
        state=IncidentState(state) if state else None,
        assignee_id=actor().user_id if mine else None,
        site_id=site,
        camera_id=camera,
    )
    # The address keeps the filter; `from` is a keyword that templates cannot use.
    asked = {
        "q": wanted.text, "risk": risk, "from": since, "to": until, "state": state, "mine": mine,
        "site": site, "camera": camera, "night": night,
    }  # fmt: skip
    return wanted, {name: str(value) for name, value in asked.items() if value}


def is_whole(kept: Mapping[str, Any]) -> bool:
    """Return whether every part of the requested filter is valid, hence among the kept arguments.

    A list shows everything otherwise; what acts on all of a filter must not.
    """
    return all(name in kept for name in _NAMES if request.args.get(name, "").strip())


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
    def arguments(self) -> dict[str, Any]:
        """Return the arguments with which an incident's address keeps the list."""
        return {**self.listed, FROM_LIST: "1"} if self.is_from_list else {}


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
