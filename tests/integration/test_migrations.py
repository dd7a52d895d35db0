"""Migrations: one head, and from an empty database they lead to the models."""

import sqlite3
from pathlib import Path

import flask_migrate
from alembic.autogenerate import compare_metadata
from alembic.config import Config as AlembicConfig
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask

import vigint_web
from vigint_web import create_app
from vigint_web.config import load_config
from vigint_web.extensions import Base, db

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
    """Alembic does not compare these on SQLite."""
    with db.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master").all()
    made = {name: sql or "" for name, sql in rows}
    for table in Base.metadata.sorted_tables:
        for constraint in table.constraints:
            if constraint.name is not None and type(constraint).__name__ == "UniqueConstraint":
                assert str(constraint.name) in made[table.name], f"{constraint.name} is missing"
        wanted = {f"REFERENCES {key.column.table.name}" for key in table.foreign_keys}
        for reference in wanted:
            assert reference in made[table.name], f"{table.name} lacks {reference}"
        cascades = {key.ondelete for key in table.foreign_keys if key.ondelete}
        for cascade in cascades:
            assert f"ON DELETE {cascade}" in made[table.name]


def test_migrating_again_changes_nothing(app: Flask) -> None:
    flask_migrate.upgrade()
    flask_migrate.upgrade()


def test_sqlite_is_tuned(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    app = create_app(load_config({"VIGINT_DATA_DIR": str(data_dir)}))
    with app.app_context():
        flask_migrate.upgrade()
        with db.engine.connect() as connection:
            values = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            }
        db.engine.dispose()
    assert values["journal_mode"] == "wal"
    assert values["synchronous"] == 2, "accepted means on the disk"
    assert values["foreign_keys"] == 1
    assert values["busy_timeout"] >= 5000
    path = data_dir / "vigint.sqlite3"
    plain = sqlite3.connect(path)
    try:
        assert plain.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    finally:
        plain.close()
