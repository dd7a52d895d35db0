"""Do the work on a row that is claimed, and write down what became of it."""

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from vigint_web.errors import StorageFull
from vigint_web.extensions import db
from vigint_web.models import AccountMail, Hosting, Notification
from vigint_web.services.core.leases import Lease, claim
from vigint_web.services.core.transactions import transaction
from vigint_web.system.processes import Shield, shielded

log = logging.getLogger(__name__)

# How long what was done elsewhere is tried to be written down.
_INSIST_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class _Written:
    """The result of an attempt, written if this worker still owns the row.

    `within` runs in the transaction that writes `columns`, and `afterwards` once it is committed.
    """

    columns: Mapping[str, Any] = field(default_factory=dict)
    within: Callable[[Session], object] = lambda _session: None
    afterwards: Callable[[], object] = lambda: None


@dataclass(frozen=True)
class Settled(_Written):
    """The work is done, and elsewhere too: it would be done twice if this were forgotten."""

    def values(self) -> dict[str, Any]:
        """Return the columns to write."""
        return {"next_attempt_at": None, **self.columns}


@dataclass(frozen=True)
class Postponed(_Written):
    """The work is to be tried again, not before a moment."""

    until: datetime

    def values(self) -> dict[str, Any]:
        """Return the columns to write."""
        return {"next_attempt_at": self.until, **self.columns}


@dataclass(frozen=True)
class GivenUp(_Written):
    """The work is not tried again, for a reason."""

    reason: str

    def values(self) -> dict[str, Any]:
        """Return the columns to write."""
        return {"next_attempt_at": None, "error": self.reason, **self.columns}


Outcome = Settled | Postponed | GivenUp
Row = TypeVar("Row", Notification, AccountMail, Hosting)


class Work(ABC, Generic[Row]):
    """The work on one row by its owner."""

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
        """Handle an attempt whose outcome was not written, because another worker owns the row."""


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
        log.info(
            "%s %s is settled, not due or owned by another worker", table.__tablename__, row_id
        )
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
        done = lease.end(session, waits, **outcome.values()) == 1
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
