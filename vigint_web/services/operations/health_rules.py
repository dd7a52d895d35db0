"""Evaluate the measurements of an installation. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

GIB = 1024**3
_LOW_SHARE = 0.10
_LOW_BYTES = 2 * GIB
_BAD_BYTES = 1 * GIB
# An alert must be sent within seconds; a source may wait behind another's long transcode.
_ALERT_LATE = timedelta(minutes=1)
_ALERT_STUCK = timedelta(minutes=10)
_SOURCE_LATE = timedelta(minutes=30)


class Level(StrEnum):
    """The condition of a part."""

    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


class Part(StrEnum):
    """The monitored parts."""

    DATABASE = "database"
    QUEUE = "queue"
    WORKERS = "workers"
    BACKLOG = "backlog"
    MAIL = "mail"
    RECIPIENTS = "recipients"
    UNDELIVERABLE = "undeliverable"
    WEBHOOKS = "webhooks"
    LINKS = "links"
    HOSTING = "hosting"
    STORAGE = "storage"
    DISK = "disk"


class State(StrEnum):
    """The state of a part; each has its sentence."""

    ANSWERS = "answers"
    SILENT = "silent"
    NONE_UP = "none_up"
    UP = "up"
    NOTHING_WAITS = "nothing_waits"
    ALERTS_LATE = "alerts_late"
    SOURCES_LATE = "sources_late"
    OUTBOX = "outbox"
    UNTRIED = "untried"
    ACCEPTED = "accepted"
    NOT_ACCEPTED = "not_accepted"
    NO_RECIPIENTS = "nobody_named"
    NO_MAILBOX = "no_mailbox"
    GIVEN_UP = "given_up"
    LOOPBACK = "loopback"
    ELSEWHERE = "elsewhere"
    ROOM = "room"
    LITTLE_ROOM = "little_room"
    HARDLY_ROOM = "hardly_room"
    REFUSED = "refused"


@dataclass(frozen=True)
class Disk:
    """The disk under the data directory; sizes in bytes."""

    free: int
    total: int
    refuses: bool  # footage is refused, so that users can still log in and free space

    @property
    def free_share(self) -> float:
        """Return the free share, from 0 to 1."""
        return self.free / self.total if self.total else 0.0


@dataclass(frozen=True)
class Mails:
    """The state of mail: the last one accepted, and those not accepted yet."""

    server: str | None
    last_accepted: datetime | None
    not_accepted: int
    not_accepted_since: datetime | None
    last_error: str
    # Whether [Email] to_email names the default recipients; which of them can have a mailbox, and
    # which cannot.
    named: bool = True
    alerted: tuple[str, ...] = ()
    nowhere: tuple[str, ...] = ()
    # Mails and calls that failed recently and were not sent since.
    given_up: int = 0
    # Webhook calls that were not accepted yet.
    calls: int = 0
    calls_since: datetime | None = None
    last_call_error: str = ""


@dataclass(frozen=True)
class Readings:
    """The measurements, all at one time."""

    now: datetime
    database: bool
    workers: int | None  # None: unknown, because the queue server does not answer
    oldest_alert_job: datetime | None
    oldest_source_job: datetime | None
    mails: Mails
    base_url: str
    links_open_here_only: bool
    disk: Disk
    # The storage of footage, if not on that disk, and whether it answers.
    storage: str | None = None
    storage_answers: bool = True
    # The other server that hosts the videos of incidents, if any.
    hosted_by: str | None = None

    def waited(self, since: datetime | None) -> timedelta:
        """Return the waiting time."""
        return max(self.now - since, timedelta(0)) if since is not None else timedelta(0)


@dataclass(frozen=True)
class Finding:
    """The evaluation of one part."""

    part: Part
    state: State
    level: Level

    @property
    def stops_work(self) -> bool:
        """Return whether new footage or mail does not get through, or does not reach its reader."""
        return self.level == Level.BAD or self.state == State.LOOPBACK


def examine(readings: Readings) -> list[Finding]:
    """Return a finding for each part of this installation, always in the same order."""
    return [
        *_machinery(readings),
        *_backlog(readings),
        *_mail(readings),
        *_hosting(readings),
        *_storage(readings),
        judge_disk(readings.disk),
    ]


def _machinery(readings: Readings) -> Iterator[Finding]:
    if readings.database:
        yield Finding(Part.DATABASE, State.ANSWERS, Level.GOOD)
    else:
        yield Finding(Part.DATABASE, State.SILENT, Level.BAD)
    if readings.workers is None:
        yield Finding(Part.QUEUE, State.SILENT, Level.BAD)
        return
    yield Finding(Part.QUEUE, State.ANSWERS, Level.GOOD)
    if readings.workers:
        yield Finding(Part.WORKERS, State.UP, Level.GOOD)
    else:
        yield Finding(Part.WORKERS, State.NONE_UP, Level.BAD)


def _backlog(readings: Readings) -> Iterator[Finding]:
    if readings.workers is None:
        return
    alert = readings.waited(readings.oldest_alert_job)
    if alert >= _ALERT_LATE:
        level = Level.BAD if alert >= _ALERT_STUCK else Level.WARN
        yield Finding(Part.BACKLOG, State.ALERTS_LATE, level)
    elif readings.waited(readings.oldest_source_job) >= _SOURCE_LATE:
        yield Finding(Part.BACKLOG, State.SOURCES_LATE, Level.WARN)
    else:
        yield Finding(Part.BACKLOG, State.NOTHING_WAITS, Level.GOOD)


def _mail(readings: Readings) -> Iterator[Finding]:
    mails = readings.mails
    if mails.not_accepted:
        stuck = readings.waited(mails.not_accepted_since) >= _ALERT_STUCK
        yield Finding(Part.MAIL, State.NOT_ACCEPTED, Level.BAD if stuck else Level.WARN)
    elif mails.server is None:
        yield Finding(Part.MAIL, State.OUTBOX, Level.WARN)
    elif mails.last_accepted is None:
        yield Finding(Part.MAIL, State.UNTRIED, Level.GOOD)
    else:
        yield Finding(Part.MAIL, State.ACCEPTED, Level.GOOD)
    if mails.server is not None and mails.nowhere:
        yield Finding(Part.RECIPIENTS, State.NO_MAILBOX, Level.WARN if mails.alerted else Level.BAD)
    elif mails.server is not None and not mails.named:
        yield Finding(Part.RECIPIENTS, State.NO_RECIPIENTS, Level.WARN)
    if mails.given_up:
        yield Finding(Part.UNDELIVERABLE, State.GIVEN_UP, Level.WARN)
    if mails.calls:
        stuck = readings.waited(mails.calls_since) >= _ALERT_STUCK
        yield Finding(Part.WEBHOOKS, State.NOT_ACCEPTED, Level.BAD if stuck else Level.WARN)
    if mails.server is not None and readings.links_open_here_only:
        yield Finding(Part.LINKS, State.LOOPBACK, Level.WARN)


def _hosting(readings: Readings) -> Iterator[Finding]:
    # Usually intended, but must be noticed: footage leaves this server.
    if readings.hosted_by is not None:
        yield Finding(Part.HOSTING, State.ELSEWHERE, Level.GOOD)


def _storage(readings: Readings) -> Iterator[Finding]:
    if readings.storage is not None and readings.storage_answers:
        yield Finding(Part.STORAGE, State.ANSWERS, Level.GOOD)
    elif readings.storage is not None:
        yield Finding(Part.STORAGE, State.SILENT, Level.BAD)


def judge_disk(disk: Disk) -> Finding:
    """Return the state of a disk: enough space, little, hardly any, or none."""
    if disk.refuses:
        return Finding(Part.DISK, State.REFUSED, Level.BAD)
    if disk.free < _BAD_BYTES:
        return Finding(Part.DISK, State.HARDLY_ROOM, Level.BAD)
    if disk.free < _LOW_BYTES or disk.free_share < _LOW_SHARE:
        return Finding(Part.DISK, State.LITTLE_ROOM, Level.WARN)
    return Finding(Part.DISK, State.ROOM, Level.GOOD)
