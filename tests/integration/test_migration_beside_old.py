"""A migration that meets processes of the version before finishes, whatever they hold."""

import threading
from contextlib import suppress

import flask_migrate
import pytest
from flask import Flask
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from tests.functional.processes import wait_until
from vigint_web.cli.up import migrate_database
from vigint_web.extensions import db

BEFORE = "0022"
WAITS = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'")


@pytest.mark.parametrize(
    "tables",
    [("incidents", "incidents"), ("incident_acts", "incidents"), ("incidents", "incident_acts")],
)
@pytest.mark.both_databases(reason="SQLite has one lock for everything")
def test_a_process_that_reads_and_then_writes(app: Flask, tables: tuple[str, str]) -> None:
    if db.engine.dialect.name != "postgresql":
        pytest.skip("SQLite has one lock for everything")
    flask_migrate.downgrade(revision=BEFORE)
    db.session.remove()
    first, second = tables

    def migrate() -> None:
        with app.app_context():
            migrate_database(app)
            db.session.remove()

    with db.engine.connect() as old, old.begin():
        old.execute(text(f"LOCK TABLE {first} IN ACCESS SHARE MODE"))
        migration = threading.Thread(target=migrate)
        migration.start()
        with db.engine.connect() as looking:
            wait_until(
                lambda: _waits(looking) or not migration.is_alive(),
                "the migration waits for this process, or needs none of its tables",
            )
        # An old request may be the one that PostgreSQL ends.
        with suppress(OperationalError):
            old.execute(text(f"LOCK TABLE {second} IN ROW EXCLUSIVE MODE"))
    migration.join(60)
    assert not migration.is_alive()
    assert db.session.scalar(text("SELECT version_num FROM alembic_version")) > BEFORE


def _waits(connection: Connection) -> bool:
    found = bool(connection.scalar(WAITS))
    connection.rollback()
    return found
