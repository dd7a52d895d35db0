"""Open write transactions; what must follow a commit waits for it."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from sqlalchemy import CursorResult, Update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from vigint_web.errors import StorageFull
from vigint_web.extensions import db

log = logging.getLogger(__name__)

_OPEN = "vigint_open"


@contextmanager
def transaction() -> Iterator[Session]:
    """Run a block in one write transaction; join the one that is open, if there is one.

    On SQLite it begins immediately, so that a reader never has to become a writer half-way (which
    SQLite refuses without waiting).

    Raises:
        StorageFull: the database's disk is full; nothing was kept.
    """
    session: Session = db.session()
    if session.info.get(_OPEN) is not None:
        yield session
        return
    session.commit()  # ends the read transaction that the request may have begun
    callbacks: list[Callable[[], None]] = []
    session.info[_OPEN] = callbacks
    try:
        session.connection(execution_options={"vigint_write": True})
        yield session
        session.commit()
    except OperationalError as error:
        session.rollback()
        if "disk is full" in str(error.orig) or "No space left" in str(error.orig):
            raise StorageFull from error
        raise
    except BaseException:
        session.rollback()
        raise
    finally:
        session.info[_OPEN] = None
    for callback in callbacks:
        callback()


def after_commit(callback: Callable[[], None]) -> None:
    """Run something once the open transaction is committed, never if it is rolled back."""
    callbacks = db.session().info.get(_OPEN)
    if callbacks is None:
        raise RuntimeError("after_commit needs an open transaction")
    callbacks.append(callback)


def change(session: Session, statement: Update) -> int:
    """Run a conditional UPDATE and return how many rows it found."""
    # Loaded objects are refreshed by whoever needs them: what counts is the row.
    found = session.execute(statement.execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", found).rowcount
