"""Let one worker at a time own a row, for as long as it shows signs of life."""

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Engine, select, update
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from vigint_web.clock import utcnow
from vigint_web.errors import LeaseLost, StorageFull
from vigint_web.extensions import db
from vigint_web.models import AccountMail, Alert, Hosting, Video
from vigint_web.services.core.lapsing import lapsed
from vigint_web.services.core.transactions import change, transaction
from vigint_web.system.processes import Shield, shielded

log = logging.getLogger(__name__)

Table = type[Video] | type[Alert] | type[AccountMail] | type[Hosting]
LEASE = timedelta(seconds=20)
# What lies further ahead was written before the clock was set back. Older versions let a video wait
# for its storage by a lease of a minute.
LONGEST_HOLD = timedelta(minutes=1)
_MOST_DUE = 500
# How long a failed attempt is not repeated.
_FIRST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(minutes=30)
_BEAT_SECONDS = 5.0
# Looking whether the row is still ours costs less than renewing, and what was cancelled ends soon.
_LOOK_SECONDS = 1.0
# How long what was done elsewhere is tried to be written down.
_INSIST_SECONDS = 60.0


@dataclass
class Lease:
    """One worker's hold on one row; `lost` is set when somebody else has it."""

    table: Table
    row_id: int
    attempt: int
    lost: threading.Event = field(default_factory=threading.Event)

    def held(self) -> ColumnElement[bool]:
        """Return the condition under which whatever was made may be published."""
        return (self.table.id == self.row_id) & (self.table.attempt == self.attempt)

    def require(self, updated_rows: int) -> None:
        """Raise LeaseLost if a conditional update found the row in other hands."""
        if updated_rows != 1:
            self.lost.set()
            raise LeaseLost(f"{self.table.__tablename__} {self.row_id}")

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Renew the lease from a thread of its own for as long as the block runs."""
        ended = threading.Event()
        beat = threading.Thread(
            target=self._keep, args=(db.engine, ended), name=f"lease-{self.row_id}", daemon=True
        )
        beat.start()
        try:
            yield
        finally:
            ended.set()
            beat.join()

    def _keep(self, engine: Engine, ended: threading.Event) -> None:
        next_beat = time.monotonic() + _BEAT_SECONDS
        while not ended.wait(min(_LOOK_SECONDS, _BEAT_SECONDS)):
            try:
                if time.monotonic() < next_beat:
                    ours = self._is_ours(engine)
                else:
                    ours = self._renew(engine)
                    next_beat = time.monotonic() + _BEAT_SECONDS
            except SQLAlchemyError as error:
                # The lease outlives three missed beats; the publication checks it anyway.
                log.warning("lease not renewed: %s", type(error).__name__)
                continue
            if not ours and not ended.is_set():
                self.lost.set()
                return

    def _is_ours(self, engine: Engine) -> bool:
        alive = select(self.table.id).where(self.held(), self.table.lease_until.is_not(None))
        with Session(engine) as session:
            return session.scalar(alive) is not None

    def _renew(self, engine: Engine) -> bool:
        with Session(engine) as session, session.begin():
            session.connection(execution_options={"vigint_write": True})
            renewed = change(
                session,
                update(self.table)
                .where(self.held(), self.table.lease_until.is_not(None))
                .values(lease_until=utcnow() + LEASE),
            )
        return renewed == 1


def find_due(
    table: type[Alert] | type[AccountMail] | type[Hosting],
    waits: ColumnElement[bool],
    longest: timedelta,
) -> list[tuple[int, int]]:
    """Return id and attempt of what should be under way and is in nobody's hands, oldest first.

    Args:
        waits: the state in which a row waits for its next attempt.
        longest: the longest pause before an attempt.
    """
    rows = db.session.execute(
        select(table.id, table.attempt)
        .where(
            waits,
            table.on_hold.is_(False),
            lapsed(table.next_attempt_at, longest),
            lapsed(table.lease_until, LONGEST_HOLD),
        )
        .order_by(table.id)
        .limit(_MOST_DUE)
    )
    return [(row.id, row.attempt) for row in rows]


def let_go(session: Session, lease: Lease, waits: ColumnElement[bool], **values: Any) -> int:
    """Write an attempt's outcome if its lease still holds; return how many rows that were."""
    return change(
        session,
        update(lease.table).where(lease.held(), waits).values(lease_until=None, **values),
    )


def claim(table: Table, row_id: int, claimable: ColumnElement[bool]) -> Lease | None:
    """Take a row if it may be taken and nobody alive has it; count the attempt."""
    with transaction() as session:
        attempt = session.scalar(
            update(table)
            .where(
                table.id == row_id,
                claimable,
                lapsed(table.lease_until, LONGEST_HOLD),
            )
            .values(attempt=table.attempt + 1, lease_until=utcnow() + LEASE)
            .returning(table.attempt)
            .execution_options(synchronize_session=False)
        )
    return None if attempt is None else Lease(table, row_id, attempt)


def pause_before(attempt: int) -> timedelta:
    """Return how long to wait after a failed attempt (counted from 1): growing, then steady."""
    doubled: int = 2 ** min(max(attempt - 1, 0), 12)
    return min(LONGEST_PAUSE, _FIRST_PAUSE * doubled)


@dataclass(frozen=True, kw_only=True)
class _Written:
    """What is written once an attempt has ended, if the row is still in this worker's hands.

    `within` runs in the transaction that writes `columns`, and `afterwards` once it is committed.
    """

    columns: Mapping[str, Any] = field(default_factory=dict)
    within: Callable[[Session], object] = lambda _session: None
    afterwards: Callable[[], object] = lambda: None


@dataclass(frozen=True)
class Settled(_Written):
    """The work is done, and elsewhere too: it would be done twice if this were forgotten."""

    def values(self) -> dict[str, Any]:
        """Return what is written into the row."""
        return {"next_attempt_at": None, **self.columns}


@dataclass(frozen=True)
class Postponed(_Written):
    """The work is to be tried again, not before a moment."""

    until: datetime

    def values(self) -> dict[str, Any]:
        """Return what is written into the row."""
        return {"next_attempt_at": self.until, **self.columns}


@dataclass(frozen=True)
class GivenUp(_Written):
    """The work is not tried again, for a reason."""

    reason: str

    def values(self) -> dict[str, Any]:
        """Return what is written into the row."""
        return {"next_attempt_at": None, "error": self.reason, **self.columns}


Outcome = Settled | Postponed | GivenUp
Row = TypeVar("Row", Alert, AccountMail, Hosting)


class Work(ABC, Generic[Row]):
    """What a worker does with one row while the row is in its hands."""

    @abstractmethod
    def attempt(self, row: Row, lease: Lease, shield: Shield) -> Outcome:
        """Do it once; return what became of it, which is written down for this worker.

        Args:
            shield: to be held once another server may have accepted what cannot be taken back.
        """

    def failed(self, row: Row, lease: Lease, error: Exception) -> Outcome:  # noqa: ARG002 - for those who answer
        """Return what becomes of the row after an error, whose transaction is rolled back.

        Without an answer, which is to raise it, the lease runs out and the work is taken up again.
        """
        raise error

    def lost(self, lease: Lease) -> None:
        """Follow an attempt whose outcome was not written: the row is in other hands by now."""


def run_claimed(
    table: type[Row], row_id: int, state: StrEnum, due: ColumnElement[bool], work: Work[Row]
) -> Outcome | None:
    """Take one row that is due, do its work, and write down what became of it.

    Death at any line loses nothing: an outcome is one transaction, and a row without outcome is
    taken up again when its lease is over. What was accepted elsewhere is done twice only if death
    falls between that and the commit, which is insisted on.

    Args:
        state: in which the row is to be, when it is taken and when its outcome is written.
        due: what else is needed for it to be taken.

    Returns:
        What was written, None: nothing was, because the row was or is in other hands.
    """
    lease = claim(table, row_id, (table.state == state) & due)
    if lease is None:
        log.info("%s %s is settled, not due or in other hands", table.__tablename__, row_id)
        return None
    row = db.session.get_one(table, row_id, populate_existing=True)
    with lease.kept(), shielded() as shield:
        try:
            outcome = work.attempt(row, lease, shield)
        except Exception as error:
            db.session.rollback()
            outcome = work.failed(row, lease, error)
        write = _insist if isinstance(outcome, Settled) else _write
        if write(lease, table.state == state, outcome):
            outcome.afterwards()
            return outcome
        log.warning("%s %s: attempt %s was overtaken", table.__tablename__, row_id, lease.attempt)
        work.lost(lease)
    return None


def _write(lease: Lease, waits: ColumnElement[bool], outcome: Outcome) -> bool:
    with transaction() as session:
        done = let_go(session, lease, waits, **outcome.values()) == 1
        if done:
            outcome.within(session)
    return done


def _insist(lease: Lease, waits: ColumnElement[bool], outcome: Outcome) -> bool:
    """Commit what must not be forgotten, through a full disk or a locked database."""
    deadline = time.monotonic() + _INSIST_SECONDS
    while True:
        try:
            return _write(lease, waits, outcome)
        except (OperationalError, StorageFull):
            db.session.rollback()
            if time.monotonic() > deadline:
                raise
            log.exception("what was done is not recorded yet; trying again")
            time.sleep(1)
