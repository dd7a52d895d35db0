"""Something else happens between two statements of a request."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from sqlalchemy import Connection, event

from vigint_web.extensions import db


@contextmanager
def interleaved(app: Flask, number: int, work: Callable[[], object]) -> Iterator[list[int]]:
    """Run a function in another thread at this thread's point of that number.

    Points are before each statement, and before the end of each transaction that only reads; none
    after the first statement that locks something, because others wait for its end from there on.
    Yields a list that stays empty if there was no such point.
    """
    outer = threading.get_ident()
    seen, done, locked = [0], list[int](), list[str]()

    def at_a_point() -> None:
        seen[0] += 1
        if seen[0] == number:
            done.append(number)
            other = threading.Thread(target=work)
            other.start()
            other.join()

    def before_statement(connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if threading.get_ident() != outer or locked or done:
            return
        if _locks(connection, statement):
            locked.append(statement)
        else:
            at_a_point()

    def before_commit(connection: Connection) -> None:
        writes = connection.get_execution_options().get("vigint_write")
        if threading.get_ident() == outer and not (writes or locked or done):
            at_a_point()

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", before_statement)
    event.listen(engine, "commit", before_commit)
    try:
        yield done
    finally:
        event.remove(engine, "before_cursor_execute", before_statement)
        event.remove(engine, "commit", before_commit)


def _locks(connection: Connection, statement: str) -> bool:
    if connection.dialect.name == "sqlite":
        # A transaction that writes locks everything at its beginning.
        return bool(connection.get_execution_options().get("vigint_write"))
    reads = statement.lstrip().startswith("SELECT")
    return not reads or " FOR " in statement or "pg_advisory" in statement
