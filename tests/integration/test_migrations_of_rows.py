"""Migrating a database with content: every row of the first revision is in the last."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import flask_migrate
import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy import text

from tests.helpers import close_pool
from vigint_web import create_app
from vigint_web.clock import utcnow
from vigint_web.config.config import load_config
from vigint_web.extensions import db

pytestmark = pytest.mark.both_databases(reason="migrations")

FIRST = "0001"
# Columns removed by a later revision; no other column may be lost.
GONE = {("users", "session_nonce")}
AT = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture
def first(empty_database: dict[str, str]) -> Iterator[Flask]:
    """Give the application on a database of the first revision."""
    app = create_app(load_config(empty_database))
    with app.app_context():
        flask_migrate.upgrade(revision=FIRST)
        yield app
        db.session.remove()
        close_pool(db.engine)


def _tables() -> sa.MetaData:
    found = sa.MetaData()
    found.reflect(db.engine)
    return found


def _value(column: sa.Column[Any], number: int) -> Any:
    """Return a value unique among rows, if the type has enough."""
    match column.type:
        case sa.Boolean():
            return number % 2 == 0
        case sa.DateTime() if db.engine.dialect.name == "sqlite":
            return AT.replace(tzinfo=None, microsecond=number)
        case sa.DateTime():
            return AT.replace(microsecond=number)
        case sa.JSON():
            return {"é": number}
        case sa.Integer():
            return number
        case sa.Float():
            return number / 4
        case sa.LargeBinary():
            return bytes([number])
        case _:
            return f"{column.name[:6]} {number}"[: getattr(column.type, "length", None)]


def _fill(tables: sa.MetaData, count: int) -> None:
    """Put rows in every table, a value in every column, each referencing existing rows."""
    with db.engine.begin() as connection:
        for table in tables.sorted_tables:
            if table.name == "alembic_version":
                continue
            for number in range(1, count + 1):
                row = {
                    column.name: number if column.foreign_keys else _value(column, number)
                    for column in table.columns
                }
                connection.execute(table.insert().values(row))


def _rows(columns: Mapping[str, Sequence[str]] | None = None) -> Rows:
    """Return the content of the tables, or of some columns."""
    tables = _tables()
    with db.engine.connect() as connection:
        held: Rows = {}
        for table in tables.sorted_tables:
            if table.name == "alembic_version" or (columns and table.name not in columns):
                continue
            names = columns[table.name] if columns else table.columns.keys()
            chosen = [table.columns[name] for name in names]
            found = connection.execute(sa.select(*chosen).order_by(*table.primary_key.columns))
            held[table.name] = [dict(row) for row in found.mappings()]
    return held


def _shape() -> dict[str, Any]:
    """Return the schema of the tables: columns, keys, indexes, constraints."""
    made = sa.inspect(db.engine)
    return {
        table: {
            "columns": {
                (column["name"], str(column["type"]), column["nullable"])
                for column in made.get_columns(table)
            },
            "key": made.get_pk_constraint(table)["constrained_columns"],
            "unique": {
                (found["name"], *found["column_names"])
                for found in made.get_unique_constraints(table)
            },
            "indexes": {
                (found["name"], *found["column_names"]) for found in made.get_indexes(table)
            },
            "references": {
                (
                    found["name"],
                    found["referred_table"],
                    found["options"].get("ondelete"),
                    *found["constrained_columns"],
                )
                for found in made.get_foreign_keys(table)
            },
        }
        for table in made.get_table_names()
    }


def test_every_row_of_the_first_revision_is_kept(first: Flask) -> None:
    tables = _tables()
    _fill(tables, 3)
    kept = {
        table.name: [
            name
            for name in table.columns.keys()  # noqa: SIM118 - iterating gives columns
            if (table.name, name) not in GONE
        ]
        for table in tables.sorted_tables
    }
    before = _rows(kept)
    assert {"users", "user_sites", "videos", "links", "playbacks", "alerts"} <= set(before)
    assert all(len(rows) == 3 for rows in before.values())
    flask_migrate.upgrade()
    assert _rows(kept) == before
    flask_migrate.downgrade(revision=FIRST)
    assert _rows(kept) == before
    flask_migrate.upgrade()
    assert _rows(kept) == before


def test_names_are_folded_and_sizes_added_up_for_what_is_there(first: Flask) -> None:
    """Sources of the previous version are sorted, found and counted like new ones."""
    tables = _tables()
    _fill(tables, 1)
    videos, sources = tables.tables["videos"], tables.tables["sources"]
    with db.engine.begin() as connection:
        connection.execute(
            sa.update(videos).values(
                original_key="a", original_size=5, playable_key="a", playable_size=5,
                poster_size=2, frames_size=None,
            )
        )  # fmt: skip
        values = {"source_id": "file_001", "name": "Été 2", "description": "À  l'Est"}
        connection.execute(sa.update(sources).values(**values))
    flask_migrate.upgrade()
    with db.engine.connect() as connection:
        row = connection.execute(sa.text("SELECT sort_name, search_text FROM sources")).one()
        assert tuple(row) == ("ete 000000000002", "file_001 ete 2 a l'est")
        assert connection.scalar(sa.text("SELECT stored_size FROM videos")) == 7


def test_incidents_from_before_the_review_are_closed_and_those_of_the_day_are_not(
    first: Flask,
) -> None:
    flask_migrate.upgrade(revision="0021")
    before = _tables()
    incidents = before.tables["incidents"]
    _fill(before, 3)
    recent = utcnow() - timedelta(hours=23)
    # As the database stores it; the reflected type does not convert.
    stored = recent.replace(tzinfo=None) if db.engine.dialect.name == "sqlite" else recent
    with db.engine.begin() as connection:
        connection.execute(
            sa.update(incidents).where(incidents.c.id == 2).values(created_at=stored)
        )
    flask_migrate.upgrade()
    with db.engine.begin() as connection:
        rows = connection.execute(sa.text("SELECT state FROM incidents ORDER BY id")).all()
        assert [row.state for row in rows] == ["closed", "new", "closed"]
        # A process of the version before knows no state.
        row = {column.name: _value(column, 4) for column in incidents.columns}
        unset = ("video_id", "camera_id", "api_key_id", "link_id", "grouped_under_id")
        known = {"site_id": 1, "idempotency_key": None, "hosted_id": None}
        connection.execute(incidents.insert().values(**row | known | dict.fromkeys(unset)))
        state = connection.scalar(sa.text("SELECT state FROM incidents WHERE id = 4"))
        assert state == "new"


def test_every_incident_from_before_the_counts_is_to_be_counted_once(first: Flask) -> None:
    _fill(_tables(), 7)
    flask_migrate.upgrade()
    with db.engine.connect() as connection:
        noted = connection.scalars(text("SELECT incident_id FROM count_changes ORDER BY id"))
        assert list(noted) == [7, 6, 5, 4, 3, 2, 1]


def test_what_was_received_before_unread_incidents_were_known_is_read(first: Flask) -> None:
    flask_migrate.upgrade(revision="0021")
    _fill(_tables(), 2)
    flask_migrate.upgrade()
    with db.engine.begin() as connection:
        rows = connection.execute(_tables().tables["users"].select()).all()
    assert len(rows) == 2
    for row in rows:
        assert row.unread_since is not None
        assert (row.list_seen_at, row.alert_sound, row.autoplay) == (None, False, True)


def test_only_the_alerts_that_the_dashboard_sent_itself_become_tests(first: Flask) -> None:
    flask_migrate.upgrade(revision="0021")
    _fill(_tables(), 4)
    flask_migrate.upgrade(revision="0032")
    incidents = _tables().tables["incidents"]
    own = {1: (None, "Test"), 2: (2, "Test"), 3: (None, "Vol"), 4: (4, "test")}
    with db.engine.begin() as connection:
        for number, (key, kind) in own.items():
            values = {"api_key_id": key, "incident_type": kind}
            chosen = sa.update(incidents).where(incidents.c.id == number)
            connection.execute(chosen.values(**values))
    flask_migrate.upgrade()
    with db.engine.begin() as connection:
        marked = sa.text("SELECT is_test FROM incidents ORDER BY id")
        assert [bool(row.is_test) for row in connection.execute(marked)] == [True, *[False] * 3]
        # A process of the version before knows no mark.
        row = {column.name: _value(column, 5) for column in incidents.columns}
        unset = ("video_id", "camera_id", "api_key_id", "link_id", "grouped_under_id")
        known = {"site_id": 1, "idempotency_key": None, "hosted_id": None}
        connection.execute(incidents.insert().values(**row | known | dict.fromkeys(unset)))
        assert not connection.scalar(sa.text("SELECT is_test FROM incidents WHERE id = 5"))


def test_sharing_before_reasons_needs_none(first: Flask) -> None:
    flask_migrate.upgrade(revision="0021")
    _fill(_tables(), 2)
    flask_migrate.upgrade(revision="0033")
    before = _tables()
    flask_migrate.upgrade()
    sites = before.tables["sites"]
    with db.engine.begin() as connection:
        # A process of the version before knows no such setting.
        row = {column.name: _value(column, 3) for column in sites.columns}
        connection.execute(sites.insert().values(**row))
        required = connection.scalars(sa.text("SELECT sharing_needs_reason FROM sites")).all()
        assert [bool(value) for value in required] == [False] * 3
        reasons = connection.scalars(sa.text("SELECT reason FROM links")).all()
        assert list(reasons) == [None, None]


def test_no_limit_of_a_camera_is_in_force_by_the_upgrade(first: Flask) -> None:
    """What was stated when it was a record only is proposed, and deletes nothing by itself."""
    _fill(_tables(), 2)
    flask_migrate.upgrade(revision="0028")
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE cameras SET least_days = 7, most_days = 20"))
    kept = {"cameras": ("id", "least_days", "most_days")}
    before = _rows(kept)
    flask_migrate.upgrade()
    assert _rows(kept) == before
    with db.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM camera_limits")).scalar() == 0


def test_videos_from_before_the_totals_are_in_them(first: Flask) -> None:
    _fill(_tables(), 3)
    flask_migrate.upgrade()
    counted = sa.text("SELECT sum(videos), sum(size) FROM video_totals")
    with db.engine.begin() as connection:
        size = connection.scalar(sa.text("SELECT sum(stored_size) FROM videos"))
        assert tuple(connection.execute(counted).one()) == (3, size)
        # A process of the version before knows no totals.
        connection.execute(sa.text("UPDATE videos SET stored_size = stored_size + 5"))
        assert tuple(connection.execute(counted).one()) == (3, size + 15)


def test_the_way_down_leads_back_to_the_first_revision(first: Flask) -> None:
    before = _shape()
    flask_migrate.upgrade()
    flask_migrate.downgrade(revision=FIRST)
    assert _shape() == before
    flask_migrate.downgrade(revision="base")
    assert set(_shape()) == {"alembic_version"}


@pytest.mark.only_sqlite(reason="PostgreSQL never lets a reference break")
def test_a_broken_reference_is_told_and_nothing_changed(
    first: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    _fill(_tables(), 2)
    with db.engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        raw.execute("PRAGMA foreign_keys=OFF")
        raw.execute("DELETE FROM links WHERE id = 2")
        raw.execute("PRAGMA foreign_keys=ON")
    rows, shape = _rows(), _shape()
    with pytest.raises(SystemExit):
        flask_migrate.upgrade()
    assert "references; nothing changed" in caplog.text
    assert _rows() == rows
    assert _shape() == shape
    with db.engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).all() == [
            (FIRST,)
        ]
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
