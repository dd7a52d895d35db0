"""Migrations: one head, and from an empty database they lead to the models."""

import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config as AlembicConfig
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import Engine, ForeignKeyConstraint, UniqueConstraint, inspect, text

import vigint_web
from tests.functional.installation import clean_environment
from tests.functional.processes import PATIENCE_SECONDS, wait_until
from tests.helpers import close_pool
from tests.postgresql import PostgreSQL
from vigint_web import create_app
from vigint_web.config.config import load_config
from vigint_web.extensions import Base, db
from vigint_web.models import Audience, Video, VideoKind, VideoStatus
from vigint_web.services.accounts import sites
from vigint_web.services.core.actors import SYSTEM
from vigint_web.services.core.transactions import transaction
from vigint_web.services.links.links import mint_link

pytestmark = pytest.mark.both_databases(reason="migrations")

# The first of several revisions that change tables which every process reads.
_BEFORE = "0020"
FOLDER = Path(vigint_web.__file__).parent / "migrations"


def test_there_is_one_head() -> None:
    config = AlembicConfig()
    config.set_main_option("script_location", str(FOLDER))
    heads = ScriptDirectory.from_config(config).get_heads()
    assert len(heads) == 1, f"two migrations claim to be the newest: {heads}"


def test_an_empty_database_becomes_what_the_models_say(app: Flask) -> None:
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, Base.metadata)
    assert differences == [], "a model changed and no migration says so"


def test_constraints_are_in_the_database_too(app: Flask) -> None:
    """Alembic compares none of these on SQLite, and no ON DELETE anywhere."""
    made = inspect(db.engine)
    for table in Base.metadata.sorted_tables:
        unique = {
            (str(found["name"]), tuple(found["column_names"]))
            for found in made.get_unique_constraints(table.name)
        }
        references: set[tuple[Any, ...]] = {
            (
                tuple(found["constrained_columns"]),
                found["referred_table"],
                found["options"].get("ondelete"),
            )
            for found in made.get_foreign_keys(table.name)
        }
        for constraint in table.constraints:
            if not isinstance(constraint, UniqueConstraint | ForeignKeyConstraint):
                continue
            columns = tuple(column.name for column in constraint.columns)
            if isinstance(constraint, UniqueConstraint):
                assert (str(constraint.name), columns) in unique, f"{constraint.name} is missing"
            else:
                wanted = (columns, constraint.referred_table.name, constraint.ondelete)
                assert wanted in references, f"{table.name} lacks {wanted}"


def test_migrating_again_changes_nothing(app: Flask) -> None:
    flask_migrate.upgrade()
    flask_migrate.upgrade()


def _start_migrating(data_dir: Path, settings: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "vigint_web", "migrate"],
        cwd=FOLDER.parents[1],
        env=clean_environment(data_dir, **settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_two_starts_at_once_are_one_migration(empty_database: dict[str, str]) -> None:
    data_dir = Path(empty_database["VIGINT_DATA_DIR"])
    starts = [_start_migrating(data_dir, empty_database) for _ in range(3)]
    outputs = [start.communicate(timeout=PATIENCE_SECONDS)[0] for start in starts]
    assert [start.returncode for start in starts] == [0, 0, 0], "\n".join(outputs)


@pytest.mark.only_sqlite(reason="these settings are SQLite's")
def test_sqlite_is_tuned(empty_database: dict[str, str]) -> None:
    app = create_app(load_config(empty_database))
    with app.app_context():
        flask_migrate.upgrade()
        with db.engine.connect() as connection:
            values = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            }
        close_pool(db.engine)
    assert values["journal_mode"] == "wal"
    assert values["synchronous"] == 2, "accepted means on the disk"
    assert values["foreign_keys"] == 1
    assert values["busy_timeout"] >= 5000
    plain = sqlite3.connect(Path(empty_database["VIGINT_DATA_DIR"]) / "vigint.sqlite3")
    try:
        assert plain.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    finally:
        plain.close()


def test_the_id_of_a_deleted_row_never_comes_back(app: Flask) -> None:
    """A worker that still owns a deleted video must not settle the next one."""
    made = []
    for number in range(2):
        site_id = sites.default_site().id
        video = Video(
            public_id=f"vid_{number}",
            site_id=site_id,
            kind=VideoKind.CLIP,
            status=VideoStatus.READY,
            original_name="clip.mp4",
        )
        with transaction() as session:
            session.add(video)
            session.flush()
            link = mint_link(SYSTEM, video, Audience.PERSON, hours=1)
            made.append((video.id, link.id))
        with transaction() as session:
            session.delete(link)
            session.flush()
            session.delete(video)
    assert made[0][0] < made[1][0]
    assert made[0][1] < made[1][1]


def test_a_process_at_work_is_waited_for_and_never_ended(
    postgresql_server: PostgreSQL, tmp_path: Path
) -> None:
    """It reads one table, and then all others, in a transaction that began before."""
    with postgresql_server.database("while_at_work") as url:
        given = {"VIGINT_DATA_DIR": str(tmp_path), "VIGINT_DATABASE_URL": url}
        app = create_app(load_config(given))
        with app.app_context():
            flask_migrate.upgrade(revision=_BEFORE)
            tables = inspect(db.engine).get_table_names()
            with db.engine.connect() as at_work:
                at_work.execute(text("SELECT count(*) FROM links"))
                start = _start_migrating(tmp_path, given)
                wait_until(lambda: _waits_for_a_lock(db.engine), "a migration that waits")
                for table in tables:
                    at_work.execute(text(f"SELECT count(*) FROM {table}"))  # noqa: S608 - no input
                at_work.commit()
            output = start.communicate(timeout=PATIENCE_SECONDS)[0]
            assert start.returncode == 0, output
            assert _revision(db.engine) == _newest()
            close_pool(db.engine)


def _waits_for_a_lock(engine: Engine) -> bool:
    with engine.connect() as connection:
        asked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        return bool(connection.scalar(text(asked)))


def _revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def _newest() -> str | None:
    config = AlembicConfig()
    config.set_main_option("script_location", str(FOLDER))
    return ScriptDirectory.from_config(config).get_current_head()
