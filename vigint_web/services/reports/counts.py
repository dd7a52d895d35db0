"""Keep the counts of incidents: compare each changed one with what was counted of it.

Only one process counts at a time. The difference is written in the transaction that deletes the
noted changes, so that after any interruption an incident is counted exactly once.
"""

import time
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, delete, exists, func, select, tuple_
from sqlalchemy.orm import Session

from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import (
    ConfidentialIncident,
    CountChange,
    CountedIncident,
    Incident,
    IncidentCount,
    Link,
    Notification,
    NotificationState,
    Site,
)
from vigint_web.models.notification import WEBHOOK
from vigint_web.services.core.site_settings import zone_of
from vigint_web.services.core.transactions import transaction
from vigint_web.services.reports.count_groups import (
    Counts,
    Dimension,
    Group,
    Span,
    groups_of,
    stored_histogram,
)
from vigint_web.services.reports.histograms import bucket_of

_LOCK = 0x56494743  # any number that no other lock of this application has
_BATCH = 200
_SOON = timedelta(minutes=1)

_FACTS = (
    Incident.id, Incident.site_id, Incident.camera_id, Incident.risk_level,
    Incident.incident_type, Incident.detected_at, Incident.created_at, Incident.state,
    Incident.decision, Incident.decided_at,
)  # fmt: skip


def count_changed(seconds: float = 1.0) -> int:
    """Count the incidents that changed, for some seconds at most; return their number."""
    began, number = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        counted = _count_next()
        number += counted
        if counted == 0:
            break
    return number


def count_again(after: int, size: int = _BATCH) -> int:
    """Compare the next incidents with their counts, whatever changed them without a note.

    Args:
        after: the id of the last one compared.

    Returns:
        The id of the last one of these; 0: there are no more.
    """
    ids = _next_ids(Incident.id, after, size) | _next_ids(CountedIncident.incident_id, after, size)
    chosen = sorted(ids)[:size]
    if not chosen:
        return 0
    with transaction() as session:
        if not _lock(session):
            return after
        _count(session, set(chosen))
    return chosen[-1]


def is_behind() -> bool:
    """Return whether changes wait to be counted for longer than a minute."""
    waiting = select(CountChange.id).where(CountChange.at < utcnow() - _SOON)
    return db.session.scalar(waiting.limit(1)) is not None


def _next_ids(column: Any, after: int, size: int) -> set[int]:
    return set(
        db.session.scalars(select(column).where(column > after).order_by(column).limit(size))
    )


def _count_next() -> int:
    if db.session.scalar(select(CountChange.id).limit(1)) is None:
        return 0
    with transaction() as session:
        if not _lock(session):
            return 0
        changes = session.execute(
            select(CountChange.id, CountChange.incident_id).order_by(CountChange.id).limit(_BATCH)
        ).all()
        _count(session, {change.incident_id for change in changes})
        done = delete(CountChange).where(CountChange.id.in_([change.id for change in changes]))
        session.execute(done)
    return len(changes)


def _lock(session: Session) -> bool:
    """Return whether no other process counts; on SQLite the transaction is already a lock."""
    if session.get_bind().dialect.name != "postgresql":
        return True
    return bool(session.scalar(select(func.pg_try_advisory_xact_lock(_LOCK))))


def _count(session: Session, ids: Collection[int]) -> None:
    """Bring the counts of some incidents up to date, in the caller's transaction."""
    known = {
        row.incident_id: row
        for row in session.scalars(
            select(CountedIncident)
            .where(CountedIncident.incident_id.in_(ids))
            .execution_options(populate_existing=True)
        )
    }
    present = {row.id: row for row in session.execute(_facts(ids))}
    zones = {site.id: zone_of(site) for site in session.scalars(select(Site))}
    changed: defaultdict[Group, Counts] = defaultdict(Counts)
    for incident_id in ids:
        before, row = known.get(incident_id), present.get(incident_id)
        now = None if row is None else _counted(row, zones[row.site_id], before)
        if _content(before) == _content(now):
            continue
        for incident, times in ((before, -1), (now, 1)):
            if incident is not None:
                for group in groups_of(incident):
                    changed[group].count(incident, times)
        if before is None:
            session.add(now)
        elif now is None:
            session.delete(before)
        else:
            session.merge(now)
    _write(session, changed)


def _facts(ids: Collection[int]) -> Select[Any]:
    """Query what is counted of incidents."""
    mailed = (
        select(func.min(Notification.sent_at))
        .where(
            Notification.incident_id == Incident.id,
            Notification.state == NotificationState.SENT,
            Notification.channel.is_distinct_from(WEBHOOK),
        )
        .scalar_subquery()
    )
    viewed = (
        select(func.min(Link.first_played_at))
        .where(Link.video_id == Incident.video_id)
        .scalar_subquery()
    )
    apart = exists().where(ConfidentialIncident.incident_id == Incident.id)
    columns: tuple[Any, ...] = (
        *_FACTS,
        mailed.label("mailed"),
        viewed.label("viewed"),
        apart.label("apart"),
    )
    # Test alerts are in no number.
    return select(*columns).where(Incident.id.in_(ids), ~Incident.is_test)


def _counted(row: Any, zone: ZoneInfo, before: CountedIncident | None) -> CountedIncident:
    """Return what is to be counted of an incident.

    Its first mail and play stay when they are deleted with its footage; both are otherwise the
    earliest there was.
    """
    # As in lists: that of receipt where the clock is fast.
    began = min(row.detected_at, row.created_at)
    local = began.astimezone(zone)
    return CountedIncident(
        incident_id=row.id,
        site_id=row.site_id,
        day=local.date(),
        hour=local.hour,
        risk=row.risk_level,
        incident_type=row.incident_type,
        camera_id=row.camera_id,
        state=row.state,
        decision=row.decision,
        apart=row.apart,
        mailed=_earliest(_bucket(began, row.mailed), before.mailed if before else None),
        viewed=_earliest(_bucket(began, row.viewed), before.viewed if before else None),
        decided=_bucket(began, row.decided_at),
    )


def _bucket(began: datetime, ended: datetime | None) -> int | None:
    return None if ended is None else bucket_of((ended - began).total_seconds())


def _earliest(*buckets: int | None) -> int | None:
    return min((bucket for bucket in buckets if bucket is not None), default=None)


def _content(incident: CountedIncident | None) -> tuple[Any, ...] | None:
    if incident is None:
        return None
    return tuple(getattr(incident, column.key) for column in CountedIncident.__table__.columns)


def _write(session: Session, changed: dict[Group, Counts]) -> None:
    """Add differences to the stored counts; delete what became empty."""
    stored = {_group(row): row for row in _rows(session, changed)}
    for group, difference in changed.items():
        row = stored.get(group)
        counts = Counts()
        if row is not None:
            counts.add_stored([row])
        counts.add(difference)
        if counts.is_empty:
            if row is not None:
                session.delete(row)
            continue
        if row is None:
            row = IncidentCount(
                site_id=group.site_id,
                span=group.span,
                dimension=group.dimension,
                start=group.start,
                value=group.value,
            )
            session.add(row)
        row.incidents, row.undecided = counts.incidents, counts.undecided
        row.confirmed, row.false_alarms = counts.confirmed, counts.false_alarms
        row.mailed = stored_histogram(counts.mailed)
        row.viewed = stored_histogram(counts.viewed)
        row.decided = stored_histogram(counts.decided)


def _rows(session: Session, groups: Iterable[Group]) -> list[IncidentCount]:
    keys = [
        (group.site_id, group.span.value, group.dimension.value, group.start, group.value)
        for group in groups
    ]
    key = tuple_(
        IncidentCount.site_id,
        IncidentCount.span,
        IncidentCount.dimension,
        IncidentCount.start,
        IncidentCount.value,
    )
    if not keys:
        return []
    query = select(IncidentCount).where(key.in_(keys)).execution_options(populate_existing=True)
    return list(session.scalars(query))


def _group(row: IncidentCount) -> Group:
    return Group(row.site_id, Span(row.span), Dimension(row.dimension), row.start, row.value)
