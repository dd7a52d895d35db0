"""Measure how files of 100,000 videos get their rows while others write.

    .venv/bin/python -m bench.video_files [--rows N] [--database URL]

Fills a database of its own (SQLite in a temporary folder, or the empty PostgreSQL database of the
URL) as the version before left it, then migrates it while another process changes, adds and deletes
videos as that version does. Prints how long the migration took, how long the other process had to
wait at most, and what comparing rows and columns costs afterwards.
"""

import argparse
import json
import multiprocessing
import random
import tempfile
import time
from multiprocessing.synchronize import Event
from typing import Any

import flask_migrate
from sqlalchemy import func, insert, select, text

from vigint_web import create_app
from vigint_web.config.config import load_config
from vigint_web.extensions import db
from vigint_web.models import Video, VideoFile, VideoKind, VideoStatus
from vigint_web.services.accounts import sites
from vigint_web.services.core.transactions import transaction
from vigint_web.services.videos.late_files import copy_late_files

_BATCH = 5000
_BEFORE = "0020"
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
        "kind": VideoKind.SOURCE,
        "status": VideoStatus.FAILED if failed else VideoStatus.READY,
        "original_name": f"camera_{number}.mp4",
        "playable_type": None if failed else "video/mp4",
        "tracks": None if failed else [track] if number % 20 == 0 else [],
        "details": _DETAILS,
        **files,
    }


def _fill(total: int, site_id: int) -> None:
    for start in range(1, total + 1, _BATCH):
        rows = [_video(number, site_id) for number in range(start, min(start + _BATCH, total + 1))]
        with transaction() as session:
            session.execute(insert(Video), rows)


def _write(
    settings: dict[str, str], total: int, site_id: int, begun: Event, ended: Event, results: Any
) -> None:
    """Change, add and delete videos as the version before does; tell how long each took."""
    app = create_app(load_config(settings))
    dice = random.Random(2)
    times: list[float] = []
    added = 0
    with app.app_context():
        changed = text("UPDATE videos SET progress = :n, sprite_size = :n WHERE id = :id")
        deleted = text("DELETE FROM videos WHERE id = :id")
        while not ended.is_set():
            began = time.perf_counter()
            with transaction() as session:
                match dice.randrange(10):
                    case 0:
                        added += 1
                        session.execute(insert(Video), [_video(total + added, site_id)])
                    case 1:
                        session.execute(deleted, {"id": dice.randrange(1, total)})
                    case _:
                        session.execute(changed, {"n": added, "id": dice.randrange(1, total)})
            times.append(time.perf_counter() - began)
            begun.set()
            time.sleep(0.005)
        db.session.remove()
        db.engine.dispose()
    results.put(sorted(times))


def _migrate(settings: dict[str, str], total: int, site_id: int) -> dict[str, float]:
    """Migrate while another process writes."""
    spawned = multiprocessing.get_context("spawn")
    begun, ended, results = spawned.Event(), spawned.Event(), spawned.Queue()
    arguments = (settings, total, site_id, begun, ended, results)
    writer = spawned.Process(target=_write, args=arguments, daemon=True)
    writer.start()
    begun.wait()
    began = time.perf_counter()
    flask_migrate.upgrade()
    seconds = time.perf_counter() - began
    ended.set()
    times = results.get()
    writer.join()
    return {
        "migration s": seconds,
        "others' transactions": len(times),
        "half of them ms": 1000 * times[len(times) // 2],
        "99 of 100 ms": 1000 * times[len(times) * 99 // 100],
        "longest ms": 1000 * times[-1],
    }


def _compare() -> dict[str, float]:
    """Go round once: what the other process wrote last is brought over; then nothing is left."""
    measured: dict[str, float] = {}
    for name in ("first", "second"):
        began, last, longest = time.perf_counter(), 0, 0.0
        while True:
            step = time.perf_counter()
            last = copy_late_files(last)
            longest = max(longest, time.perf_counter() - step)
            if not last:
                break
        measured[f"{name} comparison s"] = time.perf_counter() - began
        measured[f"{name} longest step ms"] = 1000 * longest
    return measured


def _check() -> dict[str, float]:
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
        raise SystemExit(f"{named} files are named by columns, and {rows} by rows")
    return {"rows": rows}


def main() -> None:
    """Fill, migrate, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--database", help="of an empty PostgreSQL database; SQLite otherwise")
    parser.add_argument("--json", action="store_true", help="print the figures once more, as JSON")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = {"VIGINT_DATA_DIR": folder}
        if asked.database:
            settings["VIGINT_DATABASE_URL"] = asked.database
        app = create_app(load_config(settings))
        with app.app_context():
            flask_migrate.upgrade(revision=_BEFORE)
            site_id = sites.default_site().id
            _fill(asked.rows, site_id)
            print(f"{asked.rows} videos of revision {_BEFORE}, {db.engine.dialect.name}\n")
            db.session.remove()
            figures = _migrate(settings, asked.rows, site_id) | _compare() | _check()
            for name, figure in figures.items():
                print(f"{name:26}{figure:12.1f}")
            db.session.remove()
            db.engine.dispose()
    if asked.json:
        print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
