"""Transactions while the files of 100,000 videos get their rows, against those before.

Fills a database of its own (SQLite in a temporary folder, or the empty PostgreSQL database of the
URL) as the version before left it, then migrates it while another process changes, adds and deletes
videos as that version does. The peer of its transactions are those before the migration. Shows also
how long the migration took, and what comparing rows and columns costs afterwards.
"""

import argparse
import multiprocessing
import random
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import flask_migrate
from sqlalchemy import JSON, Column, MetaData, Table, func, insert, select, text

from bench.databases import add_database_options, migrated, settings_for
from bench.measuring import BenchmarkError, Comparison
from vigint_web import create_app
from vigint_web.config.config import load_config
from vigint_web.extensions import db
from vigint_web.models import Video, VideoFile, VideoKind, VideoStatus
from vigint_web.services.core.transactions import transaction
from vigint_web.services.videos.late_files import copy_late_files

_BATCH = 5000
_QUICK = 1000
# Seconds in which the other process works alone.
_ALONE, _ALONE_QUICK = 10.0, 0.2
_BEFORE = "0020"
_MIGRATION = "0021"
_PATIENCE = 120.0
_ADDED = datetime(2026, 1, 1, tzinfo=UTC)
_DETAILS = {"streams": [{"codec_type": "video", "tags": "x" * 1800}]}
# What the version before knows of files, and nothing else.
_NAMED = ("original", "playable", "poster", "thumbnail", "sprite")


def _video(number: int, site_id: int) -> dict[str, Any]:
    """Return a video as the version before writes it: every tenth failed, every 20th has two."""
    public_id = f"vid_{number:016x}"
    failed = number % 10 == 3
    files: dict[str, Any] = {}
    for kind in _NAMED:
        there = kind == "original" or not failed
        files[f"{kind}_key"] = f"videos/{public_id}/a1/{kind}" if there else None
        files[f"{kind}_size"] = number if there else None
        files[f"{kind}_sha256"] = f"{number:064x}" if there else None
    track = {
        "number": 2, "key": f"videos/{public_id}/a1/track2.mp4", "size": 7, "sha256": "0" * 64,
        "width": 640, "height": 480, "duration": 60.0,
    }  # fmt: skip
    return {
        "public_id": public_id,
        "site_id": site_id,
        "kind": VideoKind.SOURCE.value,
        "status": (VideoStatus.FAILED if failed else VideoStatus.READY).value,
        "original_name": f"camera_{number}.mp4",
        "playable_type": None if failed else "video/mp4",
        "tracks": None if failed else [track] if number % 20 == 0 else [],
        "details": _DETAILS,
        "created_at": _ADDED,
        "changed_at": _ADDED,
        "attempt": 1,
        "attempt_limit": 3,
        "stored_size": number,
        **files,
    }


def _table(name: str) -> Table:
    """Return a table as the database has it now: the models know columns of later versions."""
    columns = [Column("tracks", JSON(none_as_null=True))] if name == "videos" else []
    return Table(name, MetaData(), *columns, autoload_with=db.engine)


def _fill(total: int) -> int:
    """Add a site and videos; return the number of the site."""
    with transaction() as session:
        site = {"slug": "here", "name": "Here", "created_at": _ADDED}
        added = session.execute(insert(_table("sites")).values(site).returning(text("id")))
        site_id = int(added.scalar_one())
    videos = _table("videos")
    for start in range(1, total + 1, _BATCH):
        rows = [_video(number, site_id) for number in range(start, min(start + _BATCH, total + 1))]
        with transaction() as session:
            session.execute(insert(videos), rows)
    return site_id


def _write(
    settings: dict[str, str], total: int, site_id: int, begun: Event, ended: Event, results: Any
) -> None:
    """Change, add and delete videos as the version before does; return when each began and ended.

    The times are those of the clock that all processes of the machine share.
    """
    app = create_app(load_config(settings))
    dice = random.Random(2)
    times: list[tuple[float, float]] = []
    added = 0
    with app.app_context():
        videos = _table("videos")
        changed = text("UPDATE videos SET progress = :n, sprite_size = :n WHERE id = :id")
        deleted = text("DELETE FROM videos WHERE id = :id")
        while not ended.is_set():
            began = time.monotonic()
            with transaction() as session:
                match dice.randrange(10):
                    case 0:
                        added += 1
                        session.execute(insert(videos), [_video(total + added, site_id)])
                    case 1:
                        session.execute(deleted, {"id": dice.randrange(1, total)})
                    case _:
                        session.execute(changed, {"n": added, "id": dice.randrange(1, total)})
            times.append((began, time.monotonic()))
            begun.set()
            time.sleep(0.005)
        db.session.remove()
        db.engine.dispose()
    results.put(times)


def _migrate(
    settings: dict[str, str], total: int, site_id: int, alone: float
) -> Iterator[Comparison]:
    """Migrate while another process writes."""
    spawned = multiprocessing.get_context("spawn")
    begun, ended, results = spawned.Event(), spawned.Event(), spawned.Queue()
    arguments = (settings, total, site_id, begun, ended, results)
    writer = spawned.Process(target=_write, args=arguments, daemon=True)
    writer.start()
    if not begun.wait(_PATIENCE):
        raise BenchmarkError(f"the other process did nothing within {_PATIENCE:.0f} s")
    time.sleep(alone)
    began = time.monotonic()
    flask_migrate.upgrade(revision=_MIGRATION)
    finished = time.monotonic()
    ended.set()
    times = results.get(timeout=_PATIENCE)
    writer.join()
    before = [1000 * (end - start) for start, end in times if end <= began]
    meanwhile = [1000 * (end - start) for start, end in times if end > began and start < finished]
    if not before or not meanwhile:
        raise BenchmarkError("the other process wrote nothing before or during the migration")
    yield Comparison("transactions of others", "ms", meanwhile, before)
    yield Comparison("the longest of them", "ms", [max(meanwhile)], [max(before)])
    yield Comparison("migration", "s", [finished - began])


def _compare() -> Iterator[Comparison]:
    """Go round twice: the first copies what the other process wrote last, the second nothing."""
    rounds: list[list[float]] = []
    for _ in range(2):
        steps: list[float] = []
        last = 0
        while not steps or last:
            began = time.perf_counter()
            last = copy_late_files(last)
            steps.append(1000 * (time.perf_counter() - began))
        rounds.append(steps)
    first, second = rounds
    yield Comparison("steps of the first comparison, to a second", "ms", first, second)
    yield Comparison("all of its steps", "ms", [sum(first)], [sum(second)])


def _check() -> None:
    """Count what should be there: a row for each file that a column names."""
    with transaction() as session:
        named = sum(
            session.scalar(select(func.count(getattr(Video, f"{kind}_key")))) or 0
            for kind in _NAMED
        )
        tracks = session.scalars(select(Video.tracks).where(Video.tracks.is_not(None)))
        named += sum(len(several or []) for several in tracks)
        rows = session.scalar(select(func.count()).select_from(VideoFile)) or 0
    if rows != named:
        raise BenchmarkError(f"{named} files are named by columns, and {rows} by rows")


def add_options(parser: argparse._ActionsContainer) -> None:
    """Add the options of this benchmark."""
    add_database_options(parser)


def run(asked: argparse.Namespace) -> Iterator[Comparison]:
    """Fill, migrate and compare."""
    rows, alone = (_QUICK, _ALONE_QUICK) if asked.quick else (asked.rows, _ALONE)
    with (
        tempfile.TemporaryDirectory() as folder,
        migrated(Path(folder), asked.database, _BEFORE) as app,
        app.app_context(),
    ):
        site_id = _fill(rows)
        db.session.remove()
        settings = settings_for(Path(folder), asked.database)
        yield from _migrate(settings, rows, site_id, alone)
        flask_migrate.upgrade()
        yield from _compare()
        _check()
