"""Provide the installation's metrics for Prometheus.

No label contains a name, an address or a token, and each has a few values known in advance.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from redis.exceptions import RedisError
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import InstrumentedAttribute

from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import (
    Hosting,
    HostingState,
    Incident,
    Link,
    Notification,
    NotificationState,
    Video,
    VideoStatus,
)
from vigint_web.services.core import job_queue
from vigint_web.services.core.counters import SUM, Family, Series
from vigint_web.services.core.event_metrics import (
    DELIVERY_LAG,
    JOB_SECONDS,
    JOBS,
    MEDIA_ANSWERS,
    MEDIA_BYTES,
    REQUEST_SECONDS,
    REQUESTS,
    count,
    observe,
)
from vigint_web.services.core.runtime import runtime, storage
from vigint_web.services.operations import health
from vigint_web.services.retention.changes import find_waiting
from vigint_web.services.videos.retention_rules import Setting
from vigint_web.services.videos.totals import numbers_by_status, stored_bytes

log = logging.getLogger(__name__)

_COUNTED = (
    REQUESTS,
    REQUEST_SECONDS,
    MEDIA_ANSWERS,
    MEDIA_BYTES,
    JOBS,
    JOB_SECONDS,
    DELIVERY_LAG,
)


@contextmanager
def measured_job(
    table: type[Video] | type[Notification] | type[Hosting], row_id: int, queue: str
) -> Iterator[None]:
    """Measure the work on one row; nothing is counted if another worker already owned it."""
    before, began, crashed = _attempt(table, row_id), time.monotonic(), True
    try:
        yield
        crashed = False
    finally:
        if crashed:
            db.session.rollback()
        if _attempt(table, row_id) != before:
            outcome = "crashed" if crashed else _outcome(table, row_id)
            count(JOBS, queue, outcome)
            observe(JOB_SECONDS, time.monotonic() - began, queue)
        # A work-horse ends without running exit handlers.
        runtime().counters.send()


def registry() -> CollectorRegistry:
    """Return the registry for Prometheus's library; values are read while it is rendered."""
    found = CollectorRegistry()
    found.register(_Installation())
    return found


class _Installation(Collector):
    def collect(self) -> Iterable[Metric]:
        """Yield every family, except those of a part that is down."""
        up = GaugeMetricFamily("vigint_up", "Whether a part answers.", labels=["part"])
        for part, read in (("database", _of_rows), ("queue", _of_queue)):
            try:
                families = list(read())
            except (SQLAlchemyError, RedisError) as error:
                log.warning("no metrics of the %s: %s", part, type(error).__name__)
                families = []
            finally:
                db.session.rollback()
            up.add_metric([part], float(bool(families)))
            yield from families
        free = storage().free_bytes()
        if free is None:  # it is not on this machine
            up.add_metric(["storage"], float(storage().answers()))
        yield up
        if free is not None:
            yield _gauge("vigint_storage_free_bytes", "Room left for footage.", free)


def _of_rows() -> Iterator[Metric]:
    incidents = _number(Incident.id, ~Incident.is_test)
    yield _gauge("vigint_incidents", "Incidents recorded, without test alerts.", incidents)
    videos = {status: float(number) for status, number in numbers_by_status().items()}
    yield _by("vigint_videos", "Videos by status.", "status", VideoStatus, videos)
    yield _by(
        "vigint_mails", "Mails by state.", "state", NotificationState, _numbers(Notification.state)
    )
    yield _waiting_retention()
    yield _gauge("vigint_links_live", "Links that are valid now.", _number(Link.id, _live()))
    yield _gauge("vigint_storage_used_bytes", "Footage stored, by the database.", stored_bytes())


def _of_queue() -> Iterator[Metric]:
    depths, ages = {}, {}
    for name in job_queue.QUEUES:
        depths[name] = float(job_queue.queue(name).count)
        since = health.oldest_job(name)
        ages[name] = (utcnow() - since).total_seconds() if since is not None else 0.0
    names = job_queue.QUEUES
    yield _by("vigint_queue_jobs", "Jobs that wait for a worker.", "queue", names, depths)
    yield _by(
        "vigint_queue_oldest_job_seconds", "How long the oldest job waits.", "queue", names, ages
    )
    yield _gauge("vigint_workers", "Workers alive.", health.living_workers())
    totals = runtime().counters.read()
    for family in _COUNTED:
        own = {series[1:]: total for series, total in totals.items() if series[0] == family.name}
        yield _histogram(family, own) if family.buckets else _counter(family, own)


def _counter(family: Family, totals: Mapping[Series, float]) -> Metric:
    metric = CounterMetricFamily(family.name, family.about, labels=family.labels)
    for labels, total in sorted(totals.items()):
        metric.add_metric(labels, total)
    return metric


def _histogram(family: Family, totals: Mapping[Series, float]) -> Metric:
    metric = HistogramMetricFamily(family.name, family.about, labels=family.labels)
    by_labels: dict[Series, dict[str, float]] = defaultdict(dict)
    for series, total in totals.items():
        by_labels[series[:-1]][series[-1]] = total
    bounds = [*(str(float(bound)) for bound in family.buckets), "+Inf"]
    for labels, found in sorted(by_labels.items()):
        numbers = accumulate(found.get(str(bucket), 0.0) for bucket in range(len(bounds)))
        buckets = list(zip(bounds, numbers, strict=True))
        metric.add_metric(labels, buckets, found.get(SUM, 0.0))
    return metric


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value=value)


def _by(
    name: str, about: str, label: str, values: Iterable[str], found: Mapping[str, float]
) -> Metric:
    metric = GaugeMetricFamily(name, about, labels=[label])
    for value in values:
        metric.add_metric([str(value)], found.get(str(value), 0.0))
    return metric


def _waiting_retention() -> Metric:
    waiting = {one.setting: one for one in find_waiting()}
    metric = GaugeMetricFamily(
        "vigint_retention_waiting_deletions",
        "Videos, or addresses of visits, that a shorter retention would delete at once; it waits.",
        labels=["setting"],
    )
    for setting in Setting:
        if setting in waiting:
            metric.add_metric([setting.value], waiting[setting].now)
    return metric


def _number(column: InstrumentedAttribute[int], *conditions: ColumnElement[bool]) -> int:
    return db.session.scalar(select(func.count(column)).where(*conditions)) or 0


def _numbers(column: InstrumentedAttribute[Any]) -> dict[str, float]:
    rows = db.session.execute(select(column, func.count()).group_by(column))
    return {str(value): float(number) for value, number in rows}


def _live() -> ColumnElement[bool]:
    now = utcnow()
    return (
        Link.revoked_at.is_(None)
        & or_(Link.expires_at.is_(None), Link.expires_at > now)
        & or_(Link.not_before.is_(None), Link.not_before <= now)
        & or_(Link.max_views.is_(None), Link.views < Link.max_views)
    )


def _attempt(table: type[Video] | type[Notification] | type[Hosting], row_id: int) -> int | None:
    found = db.session.scalar(select(table.attempt).where(table.id == row_id))
    db.session.rollback()
    return found


def _outcome(table: type[Video] | type[Notification] | type[Hosting], row_id: int) -> str:
    """Return the outcome of the work on a row: done, failed, or to be repeated."""
    column = {Video: Video.status, Notification: Notification.state, Hosting: Hosting.state}[table]
    found = db.session.scalar(select(column).where(table.id == row_id))
    db.session.rollback()
    if found in {VideoStatus.READY, NotificationState.SENT, HostingState.HOSTED}:
        return "done"
    return (
        "failed"
        if found in {VideoStatus.FAILED, NotificationState.FAILED, HostingState.FAILED}
        else "again"
    )
