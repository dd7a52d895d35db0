"""Let one worker or sender at a time own a row, for as long as it shows signs of life."""

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar, NoReturn

from sqlalchemy import ColumnElement, Engine, Update, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from vigint_web.clock import utcnow
from vigint_web.errors import LeaseLost
from vigint_web.extensions import db
from vigint_web.models import AccountMail, Hosting, Notification, Upload, Video
from vigint_web.services.core.lapsing import lapsed
from vigint_web.services.core.transactions import change, transaction

log = logging.getLogger(__name__)

Table = type[Video] | type[Notification] | type[AccountMail] | type[Hosting]
LEASE = timedelta(seconds=20)
# Times further in the future were written before the clock was set back. Older versions let a video
# wait for its storage by a lease of a minute.
LONGEST_LEASE = timedelta(minutes=1)
_MOST_DUE = 500
# The pause after a failed attempt.
_FIRST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(minutes=30)
_BEAT_SECONDS = 5.0
# Checking the ownership costs less than renewing, and cancelled work ends soon.
_LOOK_SECONDS = 1.0


@dataclass
class Ownership(ABC):
    """The right to change one row: of the owner whom the row names, until the end it names.

    The owner extends it; anyone takes a row whose end has passed, or lies further ahead than one is
    ever set. `lost` is set when that happened.
    """

    # How long it lasts without being extended.
    length: ClassVar[timedelta]

    table: Table | type[Upload]
    row_id: int
    lost: threading.Event = field(default_factory=threading.Event, kw_only=True)
    # Wakes the owner, who may wait for something, when it is lost.
    expel: Callable[[], object] = field(default=lambda: None, kw_only=True)
    # Known here, because the thread that extends has no application.
    engine: Engine = field(default_factory=lambda: db.engine, kw_only=True, repr=False)

    @abstractmethod
    def held(self) -> ColumnElement[bool]:
        """Return the condition under which the row has this owner, so that results may be kept."""

    def _may_go_on(self, session: Session) -> bool:  # noqa: ARG002 - as below
        """Return whether it may be extended."""
        return True

    def extend(self) -> bool:
        """Move the end on if it is still ours; return whether it is."""
        with Session(self.engine) as session, session.begin():
            session.connection(execution_options={"vigint_write": True})
            if not self._may_go_on(session):
                return False
            ours = update(self.table).where(self.held(), self.table.lease_until.is_not(None))
            return change(session, ours.values(lease_until=utcnow() + self.length)) == 1

    def is_ours(self) -> bool:
        """Return whether the row still names this owner."""
        ours = select(self.table.id).where(self.held(), self.table.lease_until.is_not(None))
        with Session(self.engine) as session:
            return session.scalar(ours) is not None

    def end(self, session: Session, *also: ColumnElement[bool], **values: Any) -> int:
        """Give the row back with what became of it; return how many rows that were.

        Args:
            also: what else is to be true of the row.
        """
        ours = update(self.table).where(self.held(), *also)
        return change(session, ours.values(lease_until=None, **values))

    def keep(self, session: Session, *also: ColumnElement[bool], **values: Any) -> int:
        """Change the row and remain its owner; return how many rows that were.

        Args:
            also: what else is to be true of the row.
        """
        ours = update(self.table).where(self.held(), *also)
        return change(session, ours.values(lease_until=utcnow() + self.length, **values))

    def require(self, updated_rows: int) -> None:
        """Raise LeaseLost if a conditional update found that another worker owns the row."""
        if updated_rows != 1:
            self.lose()

    def lose(self) -> NoReturn:
        """Record that another worker owns the row."""
        self.lost.set()
        raise LeaseLost(f"{self.table.__tablename__} {self.row_id}")

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Extend it from a thread of its own for as long as the block runs.

        Leave the block before the row is released, so that the lease is not reported as lost.
        """
        ended = threading.Event()
        name = f"{self.table.__tablename__}-{self.row_id}"
        thread = threading.Thread(target=self._keep, args=(ended,), name=name, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _keep(self, ended: threading.Event) -> None:
        while not ended.wait(self._pause_between_beats()):
            try:
                ours = self._beat()
            except SQLAlchemyError as error:
                # It outlives some missed beats; writing to the row checks it anyway.
                named = (self.table.__tablename__, type(error).__name__)
                log.warning("a lease in %s not renewed: %s", *named)
                continue
            if not ours and not ended.is_set():
                self.lost.set()
                self.expel()
                return

    @abstractmethod
    def _pause_between_beats(self) -> float: ...

    @abstractmethod
    def _beat(self) -> bool:
        """Extend it if it is time to; return whether it is still ours."""


@dataclass
class Lease(Ownership):
    """One worker's ownership of one row: the row's attempt number is the owner."""

    table: Table
    attempt: int
    _next_beat: float = field(default_factory=lambda: time.monotonic() + _BEAT_SECONDS)

    length = LEASE

    def held(self) -> ColumnElement[bool]:
        """Return the condition under which results may be published."""
        return (self.table.id == self.row_id) & (self.table.attempt == self.attempt)

    def _pause_between_beats(self) -> float:
        return min(_LOOK_SECONDS, _BEAT_SECONDS)

    def _beat(self) -> bool:
        if time.monotonic() < self._next_beat:
            return self.is_ours()
        ours = self.extend()
        self._next_beat = time.monotonic() + _BEAT_SECONDS
        return ours


def is_free(table: Table | type[Upload], longest: timedelta = LONGEST_LEASE) -> ColumnElement[bool]:
    """Return the condition under which a row has no owner.

    Args:
        longest: the maximum distance of its lease's end; a later one was written before the clock
        was set back.
    """
    return lapsed(table.lease_until, longest)


def taking(
    table: Table | type[Upload],
    row_id: int,
    takeable: ColumnElement[bool],
    length: timedelta,
    **owner: Any,
) -> Update:
    """Return the statement that makes a worker the owner of a row, if it may be taken."""
    takes = update(table).where(table.id == row_id, takeable)
    return takes.values(lease_until=utcnow() + length, **owner)


def find_due(
    table: type[Notification] | type[AccountMail] | type[Hosting],
    waits: ColumnElement[bool],
    longest: timedelta,
) -> list[tuple[int, int]]:
    """Return id and attempt of unfinished rows without a lease, oldest first.

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
            is_free(table),
        )
        .order_by(table.id)
        .limit(_MOST_DUE)
    )
    return [(row.id, row.attempt) for row in rows]


def claim(table: Table, row_id: int, claimable: ColumnElement[bool]) -> Lease | None:
    """Take a row if it is due and has no valid lease; count the attempt."""
    with transaction() as session:
        attempt = session.scalar(
            taking(table, row_id, claimable & is_free(table), LEASE, attempt=table.attempt + 1)
            .returning(table.attempt)
            .execution_options(synchronize_session=False)
        )
    return None if attempt is None else Lease(table, row_id, attempt)


def pause_before(attempt: int) -> timedelta:
    """Return the pause after a failed attempt (counted from 1): growing, then constant."""
    doubled: int = 2 ** min(max(attempt - 1, 0), 12)
    return min(LONGEST_PAUSE, _FIRST_PAUSE * doubled)
