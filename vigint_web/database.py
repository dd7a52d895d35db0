"""Bind the database: SQLite tuned for many readers and one writer, PostgreSQL with its defaults."""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import OperationalError

from vigint_web import models
from vigint_web.config.config import Config
from vigint_web.extensions import db, migrate
from vigint_web.system.private_files import private_database

__all__ = ["models", "set_up_database"]  # importing the models registers every table

# The maximum time a writer waits for SQLite's lock, and its polling interval.
_LOCK_SECONDS = 15.0
_LOOK_SECONDS = 0.002


def set_up_database(app: Flask, config: Config) -> None:
    """Bind engine and migrations to the application."""
    options: dict[str, Any] = {
        # Parameters contain handles and password hashes: keep them out of error messages.
        "hide_parameters": True,
        "pool_pre_ping": True,
    }
    if not config.database_url.startswith("sqlite"):
        # PostgreSQL allows 100 by default, for all processes of all machines together.
        options |= {"pool_size": 5, "max_overflow": 15, "pool_timeout": 10}
        options["connect_args"] = {"connect_timeout": 5}
    else:
        # A thread that serves bytes uses no connection; pages use one for milliseconds.
        options |= {
            "pool_size": 16,
            "max_overflow": 112,
            "connect_args": {"timeout": _LOCK_SECONDS},
        }
    app.config["SQLALCHEMY_DATABASE_URI"] = config.database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = options
    db.init_app(app)
    migrate.init_app(app, db, directory=f"{app.root_path}/migrations")
    if config.database_url.startswith("sqlite"):
        with app.app_context():
            _tune_sqlite(db.engine)


def _tune_sqlite(engine: Engine) -> None:
    path = Path(engine.url.database or "").absolute()

    @event.listens_for(engine, "do_connect")
    def make_private(*_: object) -> None:
        if engine.url.database not in {None, "", ":memory:"} and path.parent.is_dir():
            private_database(path)

    @event.listens_for(engine, "connect")
    def connect(connection: sqlite3.Connection, _record: object) -> None:
        # SQLAlchemy begins transactions itself, below; the driver would begin them too late.
        connection.isolation_level = None
        # Connections that create a new file's journal concurrently fail without waiting.
        _until_unlocked(lambda: connection.execute("PRAGMA journal_mode=WAL"))
        for pragma in (
            # Accepted means stored: every commit is on disk before it is acknowledged.
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={int(_LOCK_SECONDS * 1000)}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A reader that starts writing in its transaction fails without waiting (SQLITE_BUSY).
        if connection.get_execution_options().get("vigint_write", False):
            _begin_writing(connection)
        else:
            connection.exec_driver_sql("BEGIN")


def _begin_writing(connection: Connection) -> None:
    """Begin as the only writer; poll the lock often enough to get it beside busy processes.

    SQLite's own busy handler polls ten times a second, and beside a process that writes
    continuously finds the lock free by chance only.
    """
    connection.exec_driver_sql("PRAGMA busy_timeout=0")
    try:
        _until_unlocked(lambda: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={int(_LOCK_SECONDS * 1000)}")


def _until_unlocked(statement: Callable[[], object]) -> None:
    """Repeat a statement while the database is locked, up to `_LOCK_SECONDS`."""
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            statement()
        except (OperationalError, sqlite3.OperationalError) as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(_LOOK_SECONDS)
        else:
            return
