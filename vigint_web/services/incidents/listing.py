"""Search the list of incidents."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, extract, func, literal, or_, select
from sqlalchemy.orm import InstrumentedAttribute, aliased

from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import (
    Camera,
    Incident,
    IncidentState,
    Link,
    Notification,
    RiskLevel,
    Site,
)
from vigint_web.models.incident import LATE
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.keyset_pagination import (
    PAGE,
    SORTED_TOP,
    Mark,
    Order,
    SortedCursor,
    SortedPage,
    count_up_to,
    merge_marks,
    read_merged,
    turn,
)
from vigint_web.services.core.text_search import contains

# Counted no further: the cost of a page must not grow with the table.
MOST_COUNTED = 1000
RECENT = timedelta(hours=24)
# Up to here each site is read from its own index.
_MOST_SITES = 50


@dataclass(frozen=True)
class RankedMark(Mark):
    """The position of an incident in the order of risk."""

    risk: RiskLevel

    def __str__(self) -> str:
        """Return the form used in addresses: `HIGH~2026-11-28T22:00:00+00:00~17`."""
        return f"{self.risk}~{super().__str__()}"


@dataclass(frozen=True)
class IncidentFilter:
    """A filter for incidents; times are those of the list, `until` excluded."""

    text: str = ""
    risk: RiskLevel | None = None
    since: datetime | None = None
    until: datetime | None = None
    state: IncidentState | None = None
    assignee_id: int | None = None
    site_id: int | None = None
    camera_id: int | None = None
    # The last judgement, which a closed incident keeps.
    decision: IncidentState | None = None
    incident_type: str = ""
    # Received then or later, whenever it was detected.
    received_since: datetime | None = None
    # Without the repeats of an incident that the list has too.
    folded: bool = False
    # Test alerts instead of incidents: no list shows both.
    tests: bool = False
    # Received later than this one: left out.
    newest_id: int | None = None
    # The address of someone who was alerted, or has a link to the footage.
    recipient: str = ""
    # Whether it was received long after its detection.
    late: bool | None = None


class IncidentList:
    """The incidents of a filter in the order of detection, the last first.

    Those of a fast clock, detected after their receipt, are in the order of receipt.

    Args:
        by_risk: the highest risk comes first, then the order of detection.
    """

    def __init__(self, actor: Actor, wanted: IncidentFilter, *, by_risk: bool = False) -> None:
        self._wanted = wanted
        self._by_risk = by_risk
        # Known once a page was read that is the first and the last one.
        self._number: int | None = None
        self._sites = sites_of(actor, wanted.site_id)
        if wanted.camera_id is not None:
            camera = find_camera(actor, wanted.camera_id)
            self._sites = [id for id in self._sites if camera and camera.site_id == id]

    def marks(self, cursor: SortedCursor = SORTED_TOP, size: int = PAGE) -> SortedPage[Mark]:
        """Return the places of a page of them, without reading the rows."""
        ranked = self._by_risk
        page = self._ranked(cursor, size) if ranked else merge_marks(self._parts(), cursor, size)
        if cursor.is_top and page.next is None:
            self._number = len(page.rows)
        return page

    def _ranked(self, cursor: SortedCursor, size: int) -> SortedPage[Mark]:
        """Return a page in the order of risk: each level is a list of its own."""
        levels = [level for level in RiskLevel if self._wanted.risk in (None, level)]

        def read(
            order: list[RiskLevel], start: RankedMark | None, limit: int, *, forward: bool
        ) -> list[RankedMark]:
            found: list[RankedMark] = []
            if start is not None:
                order = order[order.index(start.risk) :] if start.risk in order else []
            for level in order:
                here = start if start is not None and level == start.risk else None
                marks = read_merged(
                    self._parts(replace(self._wanted, risk=level)),
                    here,
                    limit - len(found),
                    forward=forward,
                )
                found += [RankedMark(mark.value, mark.id, level) for mark in marks]
                if len(found) == limit:
                    break
            return found

        def below(above: RankedMark | None, limit: int) -> list[RankedMark]:
            return read(levels[::-1], above, limit, forward=True)

        def upwards(from_here: RankedMark, limit: int) -> list[RankedMark]:
            return read(levels, from_here, limit, forward=False)

        # A position in the other order is none in this one.
        before, after = (
            mark if isinstance(mark, RankedMark) else None for mark in (cursor.before, cursor.after)
        )
        rows, previous, following = turn(below, upwards, before, after, size)
        return SortedPage(list[Mark](rows), previous, following)

    def page(self, cursor: SortedCursor = SORTED_TOP, size: int = PAGE) -> SortedPage[Incident]:
        """Return a page of them."""
        page = self.marks(cursor, size)
        ids = [mark.id for mark in page.rows]
        rows = db.session.scalars(select(Incident).where(Incident.id.in_(ids)))
        found = {row.id: row for row in rows}
        # One that was deleted since its mark was read is left out.
        return SortedPage(
            [found[number] for number in ids if number in found], page.previous, page.next
        )

    def around(self, incident: Incident) -> tuple[str | None, str | None]:
        """Return the references of the incidents before and after one in this list, if any."""
        here = self.mark_of(incident)
        above = self.page(SortedCursor(after=here), size=1).rows
        below = self.page(SortedCursor(before=here), size=1).rows
        # At the top the first page is returned instead: it is below, or the incident itself.
        newer = [row for row in above if self.place_of(row) > self.place_of(incident)]
        return (
            newer[0].reference if newer else None,
            below[0].reference if below else None,
        )

    def mark_of(self, incident: Incident) -> Mark:
        """Return the position of an incident in this order."""
        if self._by_risk:
            return RankedMark(incident.listed_at, incident.id, RiskLevel(incident.risk_level))
        return Mark(incident.listed_at, incident.id)

    def place_of(self, incident: Incident) -> tuple[int, datetime, int]:
        """Return what orders the incidents of this list, the first one the largest."""
        rank = RiskLevel(incident.risk_level).rank if self._by_risk else 0
        return (rank, incident.listed_at, incident.id)

    def count(self) -> int:
        """Return their number, counted up to `MOST_COUNTED` + 1.

        Not counted again if a page of this list was read before that has all of them: what is rare
        or nowhere takes longest to search for.
        """
        if self._number is not None:
            return min(self._number, MOST_COUNTED + 1)
        parts = []
        for query, order in self._parts():
            some = query.with_only_columns(order.row_id).limit(MOST_COUNTED + 1)
            if len(self._sites) <= _MOST_SITES and self._wanted.received_since is None:
                # In the order of the list, so that the same index is followed. Those received
                # since a moment are found by their receipt.
                some = some.order_by(order.column.desc(), order.row_id.desc())
            parts.append(some)
        return count_up_to(MOST_COUNTED + 1, parts)

    def _parts(self, wanted: IncidentFilter | None = None) -> list[tuple[Select[Any], Order]]:
        """Return queries that each follow an index, and have no row in common."""
        wanted = wanted or self._wanted
        fast = Incident.detected_at > Incident.created_at
        by_detection = Order(Incident.detected_at, Incident.id, descending=True)
        by_receipt = Order(Incident.created_at, Incident.id, descending=True)
        detected, received = (
            conditions_of(wanted, moment) for moment in (Incident.detected_at, Incident.created_at)
        )
        if wanted.camera_id is not None and not wanted.tests:
            # Its site was looked up: its own index is followed, not that of the site.
            own = conditions_of(replace(wanted, site_id=None), Incident.detected_at)
            steady = [own] if self._sites else []
        else:
            steady = [[one_of(Incident.site_id, group), *detected] for group in self._groups()]
        return [
            *((select(Incident.id).where(~fast, *met), by_detection) for met in steady),
            *(
                (
                    select(Incident.id).where(one_of(Incident.site_id, group), fast, *received),
                    by_receipt,
                )
                for group in self._groups()
            ),
        ]

    def _groups(self) -> list[list[int]]:
        """Return the sites that are read together: each alone, unless they are many."""
        return [self._sites] if len(self._sites) > _MOST_SITES else [[id] for id in self._sites]


def next_undecided(
    actor: Actor, wanted: IncidentFilter, incident: Incident, *, by_risk: bool = False
) -> str | None:
    """Return the incident after one in a filter's list, else the last one before it.

    An undecided one, unless the list is of another state, such as of confirmed ones to be closed.
    """
    state = wanted.state or IncidentState.NEW
    listed = IncidentList(actor, replace(wanted, state=state), by_risk=by_risk)
    newer, older = listed.around(incident)
    return older or newer


def find_camera(actor: Actor, camera_id: int) -> Camera | None:
    """Return a camera of the actor's sites, if it is one."""
    return db.session.scalar(
        select(Camera).where(Camera.id == camera_id, actor.scope(Camera.site_id))
    )


def cameras_of(actor: Actor, site_id: int | None = None, most: int = 500) -> list[Camera]:
    """Return the cameras of the actor's sites, or of one of them, by name."""
    query = select(Camera).where(one_of(Camera.site_id, sites_of(actor, site_id)))
    return list(db.session.scalars(query.order_by(Camera.name, Camera.id).limit(most)))


def types_of(actor: Actor, site_id: int | None = None, most: int = 100) -> list[str]:
    """Return the types of the incidents of the actor's sites, or of one of them, in their order.

    Each is looked up from the one before it: the cost is that of the types, not of the incidents.
    """
    found: set[str] = set()
    for one in sites_of(actor, site_id)[:_MOST_SITES]:
        here = Incident.site_id == one
        name = func.min(Incident.incident_type)
        known = select(name.label("name")).where(here).cte("types", recursive=True)
        following = select(name).where(here, Incident.incident_type > known.c.name)
        known = known.union_all(
            select(following.correlate(known).scalar_subquery()).where(known.c.name.is_not(None))
        )
        found.update(
            db.session.scalars(select(known.c.name).where(known.c.name.is_not(None)).limit(most))
        )
    return sorted(found, key=lambda name: (name.casefold(), name))[:most]


def count_tests(actor: Actor) -> int:
    """Return the number of test alerts in the last 24 hours, up to `MOST_COUNTED` + 1."""
    return IncidentList(actor, IncidentFilter(tests=True, since=utcnow() - RECENT)).count()


def count_undecided(actor: Actor, site_id: int | None = None) -> int:
    """Return the number of undecided incidents, counted up to `MOST_COUNTED` + 1.

    The undecided repeats of an undecided incident count with it.
    """
    undecided = IncidentFilter(state=IncidentState.NEW, site_id=site_id, folded=True)
    return IncidentList(actor, undecided).count()


def sites_of(actor: Actor, wanted: int | None) -> list[int]:
    query = select(Site.id).where(actor.scope(Site.id)).order_by(Site.id)
    if wanted is not None:
        query = query.where(Site.id == wanted)
    return list(db.session.scalars(query))


def one_of(column: InstrumentedAttribute[int], numbers: list[int]) -> ColumnElement[bool]:
    return column == numbers[0] if len(numbers) == 1 else column.in_(numbers)


def conditions_of(
    wanted: IncidentFilter,
    moment: ColumnElement[datetime] | InstrumentedAttribute[datetime],
    of: type[Incident] = Incident,
) -> list[ColumnElement[bool]]:
    """Return the conditions of a filter, whose times are those of a column or expression."""
    met = _simply_met(wanted, moment, of)
    if wanted.text:
        met.append(_mentions(wanted.text, of))
    elif wanted.folded:
        met.append(_first_is_not_listed(wanted, of))
    return met


def listed_at(of: type[Incident]) -> ColumnElement[datetime]:
    """Return the expression of `Incident.listed_at`."""
    return case((of.detected_at > of.created_at, of.created_at), else_=of.detected_at)


def _first_is_not_listed(wanted: IncidentFilter, of: type[Incident]) -> ColumnElement[bool]:
    """Return the condition that an incident is no repeat, or the list lacks the one it repeats.

    A scalar subquery: PostgreSQL might read the whole table for `NOT EXISTS`.
    """
    first = aliased(Incident)
    met = _simply_met(wanted, listed_at(first), first)
    query = select(first.id).where(first.id == of.grouped_under_id, *met)
    return query.correlate(of).scalar_subquery().is_(None)


def _simply_met(
    wanted: IncidentFilter,
    moment: ColumnElement[datetime] | InstrumentedAttribute[datetime],
    of: type[Incident],
) -> list[ColumnElement[bool]]:
    """Return the conditions about an incident's own columns."""
    met: list[ColumnElement[bool]] = [and_(of.is_test) if wanted.tests else ~of.is_test]
    if wanted.newest_id is not None:
        met.append(of.id <= wanted.newest_id)
    if wanted.risk is not None:
        met.append(of.risk_level == wanted.risk)
    if wanted.incident_type:
        met.append(of.incident_type == wanted.incident_type)
    if wanted.received_since is not None:
        met.append(of.created_at >= wanted.received_since)
    if wanted.since is not None:
        met.append(moment >= wanted.since)
    if wanted.until is not None:
        met.append(moment < wanted.until)
    if wanted.state is not None:
        # In the statement's text: no database proves for a parameter that a partial index is
        # enough.
        met.append(of.state == literal(wanted.state.value, literal_execute=True))
    if wanted.decision is not None:
        met.append(of.decision == wanted.decision)
    if wanted.assignee_id is not None:
        met.append(of.assignee_id == wanted.assignee_id)
    if wanted.camera_id is not None:
        met.append(of.camera_id == wanted.camera_id)
    if wanted.site_id is not None:
        met.append(of.site_id == wanted.site_id)
    if wanted.recipient:
        met.append(or_(*_told_to(wanted.recipient, of)))
    if wanted.late is not None:
        met.append(was_late(of) if wanted.late else ~was_late(of))
    return met


def was_late(of: type[Incident] = Incident) -> ColumnElement[bool]:
    """Return the condition of `Incident.is_late`."""
    seconds = extract("epoch", of.created_at) - extract("epoch", of.detected_at)
    return seconds > LATE.total_seconds()


def _told_to(address: str, of: type[Incident]) -> list[ColumnElement[bool]]:
    """Return the conditions that an address was alerted of an incident, or has a link to it."""
    alerted = select(Notification.incident_id).where(
        func.lower(Notification.recipient) == address.lower(), Notification.incident_id.is_not(None)
    )
    linked = select(Link.video_id).where(Link.recipient.in_({address, address.lower()}))
    return [of.id.in_(alerted), of.video_id.in_(linked)]


def _mentions(text: str, of: type[Incident]) -> ColumnElement[bool]:
    site = select(Site.id).where(contains(text, Site.name))
    camera = select(Camera.id).where(contains(text, Camera.name))
    return or_(
        *(_told_to(text.strip(), of) if "@" in text else ()),
        contains(text, of.reference, of.incident_type, of.message),
        # The place shown is the detector's name for it, else the site's name.
        contains(text, of.site_name),
        and_(of.site_name.is_(None), of.site_id.in_(site)),
        of.camera_id.in_(camera),
    )
