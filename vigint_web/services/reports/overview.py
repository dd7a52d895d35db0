"""Collect the data of the home page; every query uses an index."""

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from itertools import zip_longest
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, literal, select, true, union_all
from sqlalchemy.orm import InstrumentedAttribute

from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import (
    ApiKey,
    Audience,
    Hosting,
    HostingState,
    Incident,
    Link,
    MailedNight,
    Notification,
    NotificationState,
    Site,
    Source,
    Video,
    VideoKind,
    VideoStatus,
)
from vigint_web.models.notification import WEBHOOK
from vigint_web.services.core.actors import Actor
from vigint_web.services.incidents.listing import count_tests, count_undecided
from vigint_web.services.reports.trends import (
    DayCount,
    Tally,
    Trend,
    days_until,
    edges_of,
    series,
    trend,
)
from vigint_web.services.sources.sources import count_sources

_DAYS = 14
# Up to here each site is read from its own index.
_MOST_SITES = 50
_LATEST = 6
_SHOWN = 5
_SHOWN_FAILED = 3
_SOON = timedelta(hours=24)
# Older failures are found in the lists.
_RECENT = timedelta(days=7)


@dataclass(frozen=True)
class Expiring:
    """A person's link that expires soon."""

    link: Link
    incident: Incident | None


@dataclass(frozen=True)
class Shortened:
    """The first few of some things, and the number of further ones."""

    items: list[Any]
    more: int


@dataclass(frozen=True)
class Overview:
    """The home page's data about an actor's sites."""

    now: datetime
    day: Trend
    week: Trend
    days: tuple[DayCount, ...]
    sources: dict[str, int]
    mails_waiting: int
    # Counted up to a limit; see services/incidents/listing.py.
    undecided: int
    # Of the last 24 hours, counted likewise; in no other number.
    tests: int
    latest: list[Incident]
    sources_under_way: Shortened
    incidents_under_way: Shortened
    failed_sources: Shortened
    failed_incidents: Shortened
    failed_mails: Shortened
    # Videos that another host did not accept.
    not_hosted: Shortened
    expiring: Shortened

    @property
    def is_busy(self) -> bool:
        """Return whether something will change soon without user action."""
        waits = self.sources_under_way.items or self.incidents_under_way.items
        return bool(waits or self.mails_waiting)

    @property
    def has_failures(self) -> bool:
        """Return whether something needs attention."""
        failed = (
            self.failed_sources, self.failed_incidents, self.failed_mails, self.not_hosted,
        )  # fmt: skip
        return any(part.items for part in failed)

    @property
    def is_empty(self) -> bool:
        """Return whether nothing was ever received."""
        return not self.latest and not self.tests and not self.sources


@dataclass(frozen=True)
class FirstSteps:
    """The state of a new installation's first steps."""

    source: bool
    key: bool
    delivery: bool

    @property
    def are_done(self) -> bool:
        """Return whether all steps are done."""
        return self.source and self.key and self.delivery


def overview(actor: Actor, zone: tzinfo) -> Overview:
    """Return the overview of an actor's sites.

    Args:
        zone: the time zone of the series' days.
    """
    now = utcnow()
    days = days_until(now, zone, _DAYS)
    tally = _tally(actor, edges_of(now, days, zone))
    return Overview(
        now=now,
        day=trend(tally, now, timedelta(days=1)),
        week=trend(tally, now, timedelta(days=7)),
        days=series(tally, days, zone),
        sources=count_sources(actor),
        mails_waiting=_count_waiting_mails(actor),
        undecided=count_undecided(actor),
        tests=count_tests(actor),
        latest=_latest(actor),
        sources_under_way=_sources(actor, VideoStatus.UPLOADING, VideoStatus.PROCESSING),
        incidents_under_way=_incidents(actor, VideoStatus.UPLOADING, VideoStatus.PROCESSING),
        failed_sources=_sources(actor, VideoStatus.FAILED, limit=_SHOWN_FAILED),
        failed_incidents=_incidents(
            actor, VideoStatus.FAILED, since=now - _RECENT, limit=_SHOWN_FAILED
        ),
        failed_mails=_failed_mails(actor, now - _RECENT),
        not_hosted=_not_hosted(actor, now - _RECENT),
        expiring=_expiring(actor, now),
    )


def first_steps(actor: Actor) -> FirstSteps:
    """Return which of the first steps were done on an actor's sites."""
    delivered = (
        select(Notification.id)
        .join(Incident, Incident.id == Notification.incident_id)
        .where(Notification.state == NotificationState.SENT, actor.scope(Incident.site_id))
    )
    return FirstSteps(
        source=_is_there(select(Source.id).where(actor.scope(Source.site_id))),
        key=_is_there(select(ApiKey.id).where(actor.scope(ApiKey.site_id))),
        delivery=_is_there(delivered),
    )


def _is_there(query: Select[Any]) -> bool:
    return db.session.scalar(query.limit(1)) is not None


def _within(actor: Actor, column: InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """Return the condition that limits a query to an actor's sites, using an index on the site.

    Actors who see every site list them too, because the index begins with the site.
    """
    return column.in_(select(Site.id)) if actor.site_ids is None else actor.scope(column)


def _among(actor: Actor, column: InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """Return the condition that limits few rows to an actor's sites, without an index on them.

    As an expression instead of a column: otherwise SQLite scans all rows of a site to find a few.
    """
    return true() if actor.site_ids is None else (column + 0).in_(actor.site_ids)


def _tally(actor: Actor, edges: tuple[datetime, ...]) -> Tally:
    """Count the incidents between all edges in one query that reads the index alone, once.

    By time of detection, including alerts spooled during an outage. A detection later than its
    receipt is of a fast clock, and counts by receipt.
    """
    counts = [_count(actor, *span) for span in zip_longest(edges, edges[1:])]
    return Tally(edges, tuple(db.session.execute(select(*counts)).one()))


def _count(actor: Actor, start: datetime, end: datetime | None) -> ColumnElement[int]:
    def between(column: InstrumentedAttribute[datetime], when: ColumnElement[bool]) -> Any:
        query = select(func.count()).select_from(Incident)
        query = query.where(
            _within(actor, Incident.site_id), ~Incident.is_test, when, column >= start
        )
        return (query if end is None else query.where(column < end)).scalar_subquery()

    fast = Incident.detected_at > Incident.created_at
    both: ColumnElement[int] = between(Incident.detected_at, ~fast) + between(
        Incident.created_at, fast
    )
    return both


def _of_mails(actor: Actor, query: Select[Any]) -> Select[Any]:
    """Limit a query of few mails to an actor's sites: the incident's, else the link's."""
    if actor.site_ids is None:
        return query
    return (
        query.outerjoin(Incident, Notification.incident_id == Incident.id)
        .outerjoin(Link, Notification.link_id == Link.id)
        .outerjoin(MailedNight, Notification.night_id == MailedNight.id)
        .where(
            func.coalesce(Incident.site_id, Link.site_id, MailedNight.site_id).in_(actor.site_ids)
        )
    )


def _count_waiting_mails(actor: Actor) -> int:
    query = (
        select(func.count())
        .select_from(Notification)
        .where(
            Notification.state.in_([NotificationState.WAITING, NotificationState.PENDING]),
            Notification.on_hold.is_(False),
            Notification.channel.is_distinct_from(WEBHOOK),
        )
    )
    return db.session.scalar(_of_mails(actor, query)) or 0


def _latest(actor: Actor) -> list[Incident]:
    """Return the incidents received last, without test alerts."""
    query = select(Incident).where(~Incident.is_test)
    sites = _sites_of(actor)
    if len(sites) <= _MOST_SITES:
        # A few of each site, by its index; then the newest of these.
        newest = [
            select(
                select(Incident.id)
                .where(Incident.site_id == site_id, ~Incident.is_test)
                .order_by(Incident.id.desc())
                .limit(_LATEST)
                .subquery()
            )
            for site_id in sites
        ]
        if not newest:
            return []
        query = query.where(Incident.id.in_(union_all(*newest)))
    else:
        query = query.where(actor.scope(Incident.site_id))
    return list(db.session.scalars(query.order_by(Incident.id.desc()).limit(_LATEST)))


def _sites_of(actor: Actor) -> list[int]:
    return list(db.session.scalars(select(Site.id).where(actor.scope(Site.id)).order_by(Site.id)))


def _sources(actor: Actor, *states: VideoStatus, limit: int = _SHOWN) -> Shortened:
    query = (
        select(Source.id)
        .join(Video, Source.video_id == Video.id)
        .where(
            Video.status.in_(states),
            Video.kind == VideoKind.SOURCE,
            _among(actor, Source.site_id),
        )
    )
    return _shortened(query, Source, limit)


def _incidents(
    actor: Actor, *states: VideoStatus, since: datetime | None = None, limit: int = _SHOWN
) -> Shortened:
    query = (
        select(Incident.id)
        .join(Video, Incident.video_id == Video.id)
        .where(
            Video.status.in_(states),
            Video.kind.in_([VideoKind.FRAMES, VideoKind.CLIP]),
            _among(actor, Incident.site_id),
        )
    )
    if VideoStatus.FAILED not in states:
        # A test that fails shows that an alert would; its progress is no work.
        query = query.where(~Incident.is_test)
    if since is not None:
        # Both are received together; the index of states has the time of the video.
        query = query.where(
            Incident.created_at >= since, Video.created_at >= since - timedelta(hours=1)
        )
    return _shortened(query, Incident, limit)


def _failed_mails(actor: Actor, since: datetime) -> Shortened:
    query = select(Notification.id).where(
        # In the statement's text: no database proves for a parameter that a partial index is
        # enough.
        Notification.state == literal(NotificationState.FAILED.value, literal_execute=True),
        Notification.changed_at >= since,
        Notification.told_by_id.is_(None),
    )
    return _shortened(_of_mails(actor, query), Notification, _SHOWN_FAILED)


def _not_hosted(actor: Actor, since: datetime) -> Shortened:
    query = (
        select(Hosting.id)
        .join(Incident, Incident.id == Hosting.incident_id)
        .where(
            Hosting.state == HostingState.FAILED,
            Hosting.settled_at >= since,
            _among(actor, Incident.site_id),
        )
    )
    return _shortened(query, Hosting, _SHOWN_FAILED)


def _expiring(actor: Actor, now: datetime) -> Shortened:
    """Return persons' links that are valid now and expire soon, the next one first."""
    soon = (
        select(Link.id, func.count().over().label("every"))
        .where(
            Link.expires_at > now,
            Link.expires_at <= now + _SOON,
            Link.revoked_at.is_(None),
            Link.audience == Audience.PERSON,
            Link.recipient.is_not(None),
            (Link.max_views.is_(None)) | (Link.views < Link.max_views),
            (Link.not_before.is_(None)) | (Link.not_before <= now),
            _among(actor, Link.site_id),
            ~exists().where(Incident.video_id == Link.video_id, Incident.is_test),
        )
        .order_by(Link.expires_at, Link.id)
        .limit(_SHOWN)
        .subquery()
    )
    rows = db.session.execute(
        select(Link, Incident, soon.c.every)
        .join(soon, soon.c.id == Link.id)
        .outerjoin(Incident, Incident.video_id == Link.video_id)
        .order_by(Link.expires_at, Link.id)
    ).all()
    return Shortened(
        [Expiring(link, incident) for link, incident, _ in rows],
        rows[0].every - len(rows) if rows else 0,
    )


def _shortened(
    query: Select[Any], table: type[Source | Incident | Notification | Hosting], limit: int
) -> Shortened:
    """Return the newest of the rows whose ids a query returns."""
    ids = list(db.session.scalars(query.order_by(table.id.desc()).limit(limit)))
    rows = select(table).where(table.id.in_(ids)).order_by(table.id.desc())
    items = list(db.session.scalars(rows)) if ids else []
    if len(ids) < limit:
        return Shortened(items, 0)
    every = select(func.count()).select_from(query.subquery())
    return Shortened(items, (db.session.scalar(every) or 0) - limit)
