"""Measure whether the parts of this installation are up."""

import shutil
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from redis.exceptions import RedisError
from rq import Worker
from rq.exceptions import NoSuchJobError
from rq.serializers import JSONSerializer
from sqlalchemy import ColumnElement, func, select, text
from sqlalchemy.exc import SQLAlchemyError

from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import Notification, NotificationState
from vigint_web.models.notification import WEBHOOK
from vigint_web.net.mail_reach import reachable
from vigint_web.services.accounts import users
from vigint_web.services.core import job_queue
from vigint_web.services.core.lapsing import SKEW
from vigint_web.services.core.listed_jobs import ListedJob
from vigint_web.services.core.runtime import config, runtime, storage
from vigint_web.services.operations.health_rules import Disk, Mails, Readings
from vigint_web.storage import NoRoom

# Workers send a heartbeat every 15 seconds.
_SILENT_SECONDS = 35
_LATELY = timedelta(hours=24)


def missing_parts() -> list[str]:
    """Return which of database, queue and worker are not up; empty when all are.

    An unavailable remote storage does not count: users want to read that in the dashboard.
    """
    missing = [] if _database_answers() else ["database"]
    try:
        workers = living_workers()
    except RedisError:
        # Without the queue the workers' state is unknown.
        return [*missing, "queue", "worker"]
    return missing if workers else [*missing, "worker"]


def living_workers() -> int:
    """Return the number of workers with a recent heartbeat; a killed one has none."""
    workers = Worker.all(connection=runtime().redis, serializer=JSONSerializer)
    now = utcnow()
    # Times in the future were written before the clock was set back.
    earliest, latest = now - timedelta(seconds=_SILENT_SECONDS), now + SKEW
    return sum(
        1
        for worker in workers
        if worker.last_heartbeat is not None
        and earliest < worker.last_heartbeat.replace(tzinfo=now.tzinfo) <= latest
    )


def measure() -> Readings:
    """Return the state of the whole installation; ends the current transaction."""
    settings = config()
    database = _database_answers()
    workers: int | None = None
    oldest: list[datetime | None] = [None, None]
    try:
        workers = living_workers()
        oldest = [oldest_job(*job_queue.URGENT_QUEUES), oldest_job(job_queue.SOURCES)]
    except RedisError:
        workers = None
    return Readings(
        now=utcnow(),
        database=database,
        workers=workers,
        oldest_alert_job=oldest[0],
        oldest_source_job=oldest[1],
        mails=_mails(),
        base_url=settings.base_url,
        links_open_here_only=settings.base_url_is_loopback,
        disk=read_disk(),
        storage=storage().describe() if settings.s3 is not None else None,
        storage_answers=storage().answers(),
        hosted_by=urlsplit(settings.sparse_url or "").hostname
        if settings.hosts_elsewhere
        else None,
    )


def _database_answers() -> bool:
    try:
        db.session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return False
    finally:
        db.session.rollback()
    return True


def oldest_job(*names: str) -> datetime | None:
    """Return since when the first job of these queues waits for a worker."""
    found = []
    for name in names:
        for job_id in job_queue.queue(name).get_job_ids(0, 1):
            try:
                job = ListedJob.fetch(job_id, connection=runtime().redis)
            except NoSuchJobError:
                continue  # taken by a worker meanwhile
            if job.enqueued_at is not None:
                # RQ uses UTC, in some releases without an offset.
                found.append(job.enqueued_at.replace(tzinfo=job.enqueued_at.tzinfo or UTC))
    return min(found, default=None)


def _mails() -> Mails:
    since = utcnow() - _LATELY
    given_up = select(func.count(Notification.id)).where(
        Notification.state == NotificationState.FAILED,
        Notification.changed_at >= since,
        Notification.told_by_id.is_(None),
        Notification.refused.is_(None),  # refused here, and the program was notified
    )
    number, first, error = _not_accepted(Notification.channel.is_distinct_from(WEBHOOK))
    calls, calls_since, call_error = _not_accepted(Notification.channel == WEBHOOK)
    email = config().email
    default = users.alerted_by_default(email)
    alerted = reachable(default, email.sender)
    return Mails(
        server=email.server,
        named=bool(email.recipients),
        alerted=tuple(alerted),
        nowhere=tuple(who for who in default if who not in alerted),
        # From the newest on: the first successful one is found at once.
        last_accepted=db.session.scalar(
            select(Notification.sent_at)
            .where(
                Notification.sent_at.is_not(None), Notification.channel.is_distinct_from(WEBHOOK)
            )
            .order_by(Notification.id.desc())
            .limit(1)
        ),
        not_accepted=number,
        not_accepted_since=first,
        last_error=error,
        given_up=db.session.scalar(given_up) or 0,
        calls=calls,
        calls_since=calls_since,
        last_call_error=call_error,
    )


def _not_accepted(which: ColumnElement[bool]) -> tuple[int, datetime | None, str]:
    """Return the number of failing ones, since when, and the last answer."""
    waiting = (
        Notification.state == NotificationState.PENDING,
        Notification.error.is_not(None),
        which,
    )
    number, since = db.session.execute(
        select(func.count(), func.min(Notification.created_at))
        .where(*waiting)
        .select_from(Notification)
    ).one()
    if not number:
        return 0, None, ""
    error = (
        select(Notification.error).where(*waiting).order_by(Notification.changed_at.desc()).limit(1)
    )
    return number, since, db.session.scalar(error) or ""


def read_disk() -> Disk:
    """Return the fill level of the disk under the data directory."""
    usage = shutil.disk_usage(config().data_dir)
    try:
        storage().require_room()
        refuses = False
    except NoRoom:
        refuses = True
    return Disk(free=usage.free, total=usage.total, refuses=refuses)
