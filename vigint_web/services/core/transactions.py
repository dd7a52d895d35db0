"""Open write transactions, with callbacks before and after the commit; insert what may exist."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import CursorResult, Delete, Update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError, InvalidRequestError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from vigint_web.errors import NotFound, StorageFull
from vigint_web.extensions import Base, db
from vigint_web.services.core.write_turns import write_turn

log = logging.getLogger(__name__)

_OPEN = "vigint_open"

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_FOREIGN_KEY_VIOLATION = "23503"

Hook = Callable[[], object]


@dataclass
class _Open:
    before: list[Hook] = field(default_factory=list)
    after: list[Hook] = field(default_factory=list)
    notes: dict[str, list[Any]] = field(default_factory=dict)


@contextmanager
def transaction() -> Iterator[Session]:
    """Run a block in one write transaction; join an open one.

    On SQLite it begins immediately, so that a reader never becomes a writer within a transaction
    (which SQLite refuses without waiting).

    Raises:
        StorageFull: the database's disk is full; nothing was kept.
        NotFound: a row that the block changes or refers to was deleted after the block read it.
    """
    session: Session = db.session()
    if session.info.get(_OPEN) is not None:
        yield session
        return
    release_connection()
    hooks = _Open()
    session.info[_OPEN] = hooks
    try:
        with write_turn():
            session.connection(execution_options={"vigint_write": True})
            yield session
            session.flush()
            for hook in hooks.before:
                hook()
            session.commit()
    except OperationalError as error:
        session.rollback()
        if is_disk_full(error):
            raise StorageFull from error
        raise
    except (StaleDataError, IntegrityError) as error:
        session.rollback()
        if isinstance(error, StaleDataError) or _refers_to_nothing(error):
            # Or a mistake of the program: the log tells them apart.
            log.warning("a row was deleted meanwhile: %s", str(error).partition("\n")[0])
            raise NotFound from error
        raise
    except BaseException:
        session.rollback()
        raise
    finally:
        session.info[_OPEN] = None
    for hook in hooks.after:
        try:
            hook()
        except Exception:
            # The commit stands, whatever follows; the reconciler does the rest.
            log.exception("a callback after a commit failed")


def before_commit(hook: Hook) -> None:
    """Run a callback in the open transaction, after everything else in it."""
    _hooks().before.append(hook)


def open_notes(name: str) -> list[Any]:
    """Return a list that lives as long as the open transaction."""
    return _hooks().notes.setdefault(name, [])


def after_commit(hook: Hook) -> None:
    """Run a callback once the open transaction is committed, never if it is rolled back."""
    _hooks().after.append(hook)


def is_disk_full(error: OperationalError) -> bool:
    """Return whether the database failed for lack of space (SQLite's and PostgreSQL's errors)."""
    return "disk is full" in str(error.orig) or "No space left" in str(error.orig)


def _refers_to_nothing(error: IntegrityError) -> bool:
    """Return whether a foreign key was violated (PostgreSQL's SQLSTATE, SQLite's message)."""
    state = getattr(error.orig, "sqlstate", None)
    return state == _FOREIGN_KEY_VIOLATION or "FOREIGN KEY constraint" in str(error.orig)


def read_again(session: Session, row: Base) -> None:
    """Refresh a row; raises NotFound when it was deleted."""
    try:
        session.refresh(row)
    except InvalidRequestError as error:
        raise NotFound from error


def release_connection() -> None:
    """End the current read transaction, so that waiting holds no connection."""
    db.session.commit()


def change(session: Session, statement: Update | Delete) -> int:
    """Run a conditional UPDATE or DELETE and return the number of rows."""
    # Loaded objects are not refreshed here: callers that need them do so.
    found = session.execute(statement.execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", found).rowcount


def _hooks() -> _Open:
    hooks = db.session().info.get(_OPEN)
    if not isinstance(hooks, _Open):
        raise RuntimeError("requires an open transaction")
    return hooks


def insert_into(session: Session, table: type[Base]) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT with ON CONFLICT, for the session's database."""
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)
