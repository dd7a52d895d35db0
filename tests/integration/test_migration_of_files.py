"""Migrating an installation in use: every file that a column names gets its row."""

import json
from collections.abc import Iterator
from typing import Any

import flask_migrate
import pytest
from flask import Flask
from sqlalchemy import text

from tests.alike import content_types, of_columns, of_rows
from vigint_web import create_app
from vigint_web.config.config import load_config
from vigint_web.extensions import db
from vigint_web.services.videos.late_files import copy_late_files

pytestmark = pytest.mark.both_databases(reason="migrations")

BEFORE = "0020"
DIGEST = "a" * 64
AT = "2026-11-30 00:00:00+00:00"


@pytest.fixture
def before(empty_database: dict[str, str]) -> Iterator[Flask]:
    """Give the application on a database of the version before, with a site."""
    app = create_app(load_config(empty_database))
    with app.app_context():
        flask_migrate.upgrade(revision=BEFORE)
        _run(
            "INSERT INTO sites (id, slug, name, created_at) VALUES (1, 'site', 'Site', :at)", at=AT
        )
        yield app
        db.session.remove()
        db.engine.dispose()


def _run(statement: str, **values: Any) -> None:
    with db.engine.begin() as connection:
        connection.execute(text(statement), values)


def _add(number: int, status: str, kinds: str = "", **values: Any) -> None:
    """Add a video as the version before writes it."""
    row: dict[str, Any] = {
        "id": number, "public_id": f"vid_{number}", "site_id": 1, "kind": "source",
        "status": status, "created_at": AT,
        "changed_at": AT, "original_name": "a.mp4", "attempt": 1,
        "attempt_limit": 5, "stored_size": 0,
    }  # fmt: skip
    for kind in kinds.split():
        row |= {f"{kind}_key": f"videos/vid_{number}/{kind}", f"{kind}_size": number}
        if kind != "frames":
            row[f"{kind}_sha256"] = DIGEST
    row |= values
    names = ", ".join(row)
    _run(f"INSERT INTO videos ({names}) VALUES ({', '.join(f':{n}' for n in row)})", **row)  # noqa: S608 - names above


def _track(number: int, of: int) -> dict[str, Any]:
    key = f"videos/vid_{of}/a1/track{number}.mp4"
    sizes = {"width": 640, "height": 480, "duration": 1.0}
    poster = {"key": key.replace(".mp4", ".jpg"), "size": 3, "sha256": DIGEST}
    more = {"poster": poster} if number == 2 else {}
    return {"number": number, "key": key, "size": 9, "sha256": DIGEST, **sizes, **more}


def _fill() -> None:
    """Add a video in every state in which the version before leaves one."""
    ready = "original playable poster thumbnail sprite"
    _add(1, "ready", ready, playable_type="video/mp4", tracks="[]")
    _add(2, "uploading")
    _add(3, "processing", "original")
    _add(4, "failed", "original", error_code="broken")
    _add(5, "failed", "frames", kind="frames", error_code="no_usable_frame")
    _add(6, "ready", f"frames {ready}", kind="frames", frames_key="videos/vid_6/a1/manifest.json",
         playable_type="video/mp4")  # fmt: skip
    _add(7, "ready", "original playable", playable_type="video/webm",
         tracks=json.dumps([_track(2, 7), _track(3, 7)]))  # fmt: skip
    _add(8, "ready", ready, playable_type="video/mp4", tracks="null")
    _add(9, "ready", ready, playable_type="video/mp4")
    _run("DELETE FROM videos WHERE id = 9")


def test_every_file_that_a_column_names_gets_its_row(before: Flask) -> None:
    _fill()
    flask_migrate.upgrade()
    rows = of_rows()
    assert rows == of_columns()
    assert {video_id for video_id, *_ in rows} == {1, 3, 4, 5, 6, 7, 8}
    assert rows[7, "playable", 3] == ("videos/vid_7/a1/track3.mp4", 9, DIGEST)
    assert rows[5, "frames", 1] == ("videos/vid_5/frames", 5, None)
    assert copy_late_files() == 0
    assert of_rows() == rows, "which is what this version writes"
    assert content_types() | {"frames 1": None} == {
        "original 1": None, "frames 1": None, "playable 1": content_types()["playable 1"],
        "playable 2": "video/mp4", "playable 3": "video/mp4", "poster 1": "image/jpeg",
        "thumbnail 1": "image/jpeg", "sprite 1": "image/jpeg", "poster 2": "image/jpeg",
    }  # fmt: skip


def test_what_is_not_copied_yet_is_copied_later(
    before: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The migration is cut off after its first step, or older processes write at that moment."""
    _fill()

    def die(*_: object) -> None:
        raise RuntimeError("the power went")

    with monkeypatch.context() as patched:
        patched.setattr("time.sleep", die)
        with pytest.raises((RuntimeError, SystemExit)):
            flask_migrate.upgrade()
    _run("DELETE FROM video_files WHERE kind <> 'poster'")
    flask_migrate.upgrade()
    assert of_rows() != of_columns()
    copy_late_files()
    assert of_rows() == of_columns()


def test_back_and_forth(before: Flask) -> None:
    _fill()
    flask_migrate.upgrade()
    flask_migrate.downgrade(revision=BEFORE)
    _run("UPDATE videos SET poster_key = 'videos/vid_1/a2/poster.jpg' WHERE id = 1")
    flask_migrate.upgrade()
    assert of_rows() == of_columns()
    assert of_rows()[1, "poster", 1][0] == "videos/vid_1/a2/poster.jpg"


def test_older_processes_insert_change_and_delete_afterwards(before: Flask) -> None:
    _fill()
    flask_migrate.upgrade()
    _add(10, "processing", "original")
    _run("UPDATE videos SET playable_key = 'videos/vid_3/a2/rendition.mp4' WHERE id = 3")
    _run("DELETE FROM videos WHERE id = 7")
    assert {video_id for video_id, *_ in of_rows()} == {1, 3, 4, 5, 6, 8}
    copy_late_files()
    assert of_rows() == of_columns()
