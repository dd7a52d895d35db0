"""Read the numbers of incidents of a period from the kept counts."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, TypeVar

from sqlalchemy import Select, func, select, true, union_all

from vigint_web.extensions import db
from vigint_web.models import (
    Camera,
    ConfidentialIncident,
    CountedIncident,
    Incident,
    IncidentCount,
    RiskLevel,
    Site,
)
from vigint_web.models.incident_count import EVERY_SITE
from vigint_web.services.core.actors import Actor
from vigint_web.services.reports.count_groups import (
    Counts,
    Dimension,
    Span,
    monday_of,
    pieces_of,
    values_of,
)

_Key = TypeVar("_Key", str, date)

# A detector may invent types without end; the rest is counted together.
MOST_SHOWN = 20
# A page shows days one by one up to this number, then weeks: more are neither read nor drawn well.
MOST_DAYS = 45


@dataclass(frozen=True)
class Period:
    """Consecutive days of the calendar of the sites; the last one belongs to it."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """Return the number of days."""
        return (self.last - self.first).days + 1


@dataclass(frozen=True)
class Row:
    """The counts of one part of the incidents.

    Args:
        value: the first day; an hour; a RiskLevel; a type; the name of a camera, with its site
            where there are several; "" for incidents without a camera; None: all further ones.
    """

    value: Any
    counts: Counts


@dataclass(frozen=True)
class Numbers:
    """The counts of a period: of all incidents, and by each of their properties."""

    total: Counts
    # The days, or the weeks by their Monday.
    spans: list[Row]
    by_week: bool
    hours: list[Row]
    risks: list[Row]
    types: list[Row]
    cameras: list[Row]


def numbers(
    actor: Actor, period: Period, site_id: int | None = None, most_days: int = MOST_DAYS
) -> Numbers:
    """Return the numbers of an actor's sites, or of one of them.

    Times are those of the sites' calendar. Nothing is counted here: the cost depends on the length
    of the period, and not on the number of incidents.

    Args:
        most_days: a longer period is shown by week.
    """
    sites = _sites(actor, site_id)
    asked = _Asked(sites, period, _corrections(sites, period))
    spans, by_week = _spans(asked, most_days)
    hours = asked.read(Dimension.HOUR)
    risks = asked.read(Dimension.RISK)
    total = Counts()
    for counts in risks.values():
        total.add(counts)
    return Numbers(
        total=total,
        spans=spans,
        by_week=by_week,
        hours=[Row(hour, hours.get(str(hour), Counts())) for hour in range(24)],
        risks=[
            Row(level, risks[level.value]) for level in reversed(RiskLevel) if level.value in risks
        ],
        types=list(asked.greatest(Dimension.TYPE, total)),
        cameras=_named(list(asked.greatest(Dimension.CAMERA, total))),
    )


def is_anything_counted(actor: Actor) -> bool:
    """Return whether an actor's sites ever had an incident that was counted."""
    query = select(IncidentCount.site_id).where(
        IncidentCount.site_id.in_(_sites(actor, None)), IncidentCount.span == Span.WEEK
    )
    return db.session.scalar(query.limit(1)) is not None


def _sites(actor: Actor, site_id: int | None) -> list[int]:
    if site_id is not None:
        return [site_id] if actor.sees(site_id) else []
    return [EVERY_SITE] if actor.site_ids is None else sorted(actor.site_ids)


def _corrections(sites: Sequence[int], period: Period) -> list[tuple[CountedIncident, int]]:
    """Return the confidential incidents that the reader sees, to be added to the kept counts.

    Those that became confidential since the last counting are taken away, and those that are so no
    longer are added.
    """
    of_period = select(CountedIncident).where(
        CountedIncident.day.between(period.first, period.last),
        true() if EVERY_SITE in sites else CountedIncident.site_id.in_(sites),
    )
    apart = list(db.session.scalars(of_period.where(CountedIncident.apart)))
    marked = ConfidentialIncident.incident_id == CountedIncident.incident_id
    fresh = of_period.join(ConfidentialIncident, marked).where(~CountedIncident.apart)
    kept = list(db.session.scalars(fresh))
    if not apart and not kept:
        return []
    ids = [row.incident_id for row in (*apart, *kept)]
    # Of the reader's: services/core/hidden_rows.py adds the condition.
    seen = set(db.session.scalars(select(Incident.id).where(Incident.id.in_(ids))))
    added = [(row, 1) for row in (*apart, *kept) if row.incident_id in seen]
    return [*((row, -1) for row in kept), *added]


@dataclass(frozen=True)
class _Asked:
    """The sites and the period whose counts are read."""

    sites: Sequence[int]
    period: Period
    # Incidents to add to the kept counts (1), or to take away (-1).
    corrections: Sequence[tuple[CountedIncident, int]]

    def read(self, dimension: Dimension, values: Iterable[str] | None = None) -> dict[str, Counts]:
        """Return the counts by value, of some values or of all."""
        chosen = None if values is None else list(values)
        rows: defaultdict[str, list[Any]] = defaultdict(list)
        for query in self._queries(dimension):
            wanted = query if chosen is None else query.where(IncidentCount.value.in_(chosen))
            for row in db.session.execute(_columns(wanted)):
                rows[row.value].append(row)
        found = _summed(rows)
        for incident, times in self.corrections:
            value = values_of(incident)[dimension]
            if chosen is None or value in chosen:
                found.setdefault(value, Counts()).count(incident, times)
        return {value: counts for value, counts in found.items() if not counts.is_empty}

    def greatest(self, dimension: Dimension, total: Counts) -> Iterator[Row]:
        """Yield the counts of the values with the most incidents, then those of the others."""
        parts = union_all(
            *(
                query.with_only_columns(IncidentCount.value, IncidentCount.incidents)
                for query in self._queries(dimension)
            )
        ).subquery()
        number = func.sum(parts.c.incidents)
        ranked = (
            select(parts.c.value)
            .group_by(parts.c.value)
            .order_by(number.desc(), parts.c.value)
            .limit(MOST_SHOWN + len(self.corrections))
        )
        values = set(db.session.scalars(ranked))
        values |= {values_of(incident)[dimension] for incident, _times in self.corrections}
        found, others = self.read(dimension, values), Counts()
        others.add(total)
        for value in sorted(found, key=lambda one: (-found[one].incidents, one))[:MOST_SHOWN]:
            others.add(found[value], -1)
            yield Row(value, found[value])
        if not others.is_empty:
            yield Row(None, others)

    def by_start(self, span: Span, first: date, last: date) -> dict[date, Counts]:
        """Return the counts of all incidents by the beginning of their day or week."""
        query = self._of(Dimension.ALL, span).where(IncidentCount.start.between(first, last))
        rows: defaultdict[date, list[Any]] = defaultdict(list)
        for row in db.session.execute(_columns(query)):
            rows[row.start].append(row)
        found = _summed(rows)
        for incident, times in self.corrections:
            if first <= incident.day <= last:
                start = incident.day if span == Span.DAY else monday_of(incident.day)
                found.setdefault(start, Counts()).count(incident, times)
        return found

    def _queries(self, dimension: Dimension) -> Iterator[Select[Any]]:
        pieces = pieces_of(self.period.first, self.period.last)
        days = self._of(dimension, Span.DAY)
        yield days.where(IncidentCount.start.in_(pieces.days))
        if pieces.weeks is not None:
            weeks = self._of(dimension, Span.WEEK)
            yield weeks.where(IncidentCount.start.between(*pieces.weeks))

    def _of(self, dimension: Dimension, span: Span) -> Select[Any]:
        return select(IncidentCount).where(
            IncidentCount.site_id.in_(self.sites),
            IncidentCount.span == span,
            IncidentCount.dimension == dimension,
        )


def _columns(query: Select[Any]) -> Select[Any]:
    return query.with_only_columns(*IncidentCount.__table__.columns)


def _summed(rows: Mapping[_Key, Collection[Any]]) -> dict[_Key, Counts]:
    """Return the sums of rows by what they have in common."""
    found: dict[_Key, Counts] = {}
    for key, some in rows.items():
        found[key] = Counts()
        found[key].add_stored(some)
    return found


def _spans(asked: _Asked, most_days: int) -> tuple[list[Row], bool]:
    """Return the counts by day, or by week where the days are many."""
    first, last = asked.period.first, asked.period.last
    if asked.period.days <= most_days:
        found = asked.by_start(Span.DAY, first, last)
        days = [first + timedelta(days=number) for number in range(asked.period.days)]
        return [Row(day, found.get(day, Counts())) for day in days], False
    found = asked.by_start(Span.WEEK, first, last)
    # Of weeks that are not whole only the days of the period count.
    pieces = pieces_of(first, last).days
    for day in pieces:
        found.pop(monday_of(day), None)
    for edge in {monday_of(day) for day in pieces}:
        begin, end = max(edge, first), min(edge + timedelta(days=6), last)
        for counts in asked.by_start(Span.DAY, begin, end).values():
            found.setdefault(edge, Counts()).add(counts)
    number = (monday_of(last) - monday_of(first)).days // 7 + 1
    weeks = [monday_of(first) + timedelta(weeks=week) for week in range(number)]
    return [Row(week, found.get(week, Counts())) for week in weeks], True


def _named(rows: list[Row]) -> list[Row]:
    """Return rows of cameras with their names in place of their ids."""
    ids = [int(row.value) for row in rows if row.value]
    found = db.session.execute(
        select(Camera.id, Camera.name, Site.name.label("site"))
        .join(Site, Site.id == Camera.site_id)
        .where(Camera.id.in_(ids))
    ).all()
    several = len({camera.site for camera in found}) > 1
    names = {
        str(camera.id): f"{camera.name} ({camera.site})" if several else camera.name
        for camera in found
    }
    # The incidents of a camera that was deleted since keep its number.
    return [Row(names.get(row.value, row.value), row.counts) for row in rows]
