"""Bind the database: SQLite tuned for many readers and one writer, PostgreSQL as it is."""

import sqlite3
from typing import Any

from flask import Flask
from sqlalchemy import Connection, Engine, event

from vigint_web import models
from vigint_web.config import Config
from vigint_web.extensions import db, migrate

__all__ = ["models", "set_up_database"]  # importing the models tells the metadata every table


def set_up_database(app: Flask, config: Config) -> None:
    """Bind engine and migrations to the application."""
    options: dict[str, Any] = {
        # Parameters hold handles and password hashes: they stay out of error messages.
        "hide_parameters": True,
        "pool_pre_ping": True,
    }
    if not config.database_url.startswith("sqlite"):
        # PostgreSQL takes 100 by default, for all processes of all machines together.
        options |= {"pool_size": 5, "max_overflow": 15, "pool_timeout": 10}
        options["connect_args"] = {"connect_timeout": 5}
    else:
        # A thread that serves bytes holds no connection; pages hold one for milliseconds.
        options |= {"pool_size": 16, "max_overflow": 112, "connect_args": {"timeout": 15}}
    app.config["SQLALCHEMY_DATABASE_URI"] = config.database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = options
    db.init_app(app)
    migrate.init_app(app, db, directory=f"{app.root_path}/migrations")
    if config.database_url.startswith("sqlite"):
        with app.app_context():
            _tune_sqlite(db.engine)


def _tune_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def connect(connection: sqlite3.Connection, _record: object) -> None:
        # SQLAlchemy begins transactions itself, below; the driver would begin them too late.
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            # Accepted means stored: every commit is on the disk before anybody is told.
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=15000",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A reader that becomes a writer half-way is refused without waiting (SQLITE_BUSY).
        writes = connection.get_execution_options().get("vigint_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
