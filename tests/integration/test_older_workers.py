"""Processes of the version before work on while this one starts: they know the columns alone."""

import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from tests.alike import of_columns, of_rows
from tests.helpers import Footage, incident_document, post_incident, renew, stored_files
from tests.library import ACTOR, Library
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.jobs import scheduler
from vigint_web.models import Video, VideoStatus
from vigint_web.services.core.runtime import storage
from vigint_web.services.core.transactions import transaction
from vigint_web.services.operations import database_dump
from vigint_web.services.processing import pipeline
from vigint_web.services.retention import purge
from vigint_web.services.sources.sources import begin_upload, retry_source
from vigint_web.services.videos import late_files, storage_check
from vigint_web.services.videos.late_files import copy_late_files

pytestmark = pytest.mark.both_databases(reason="upserts, row locks, cascades")

AT_ONCE = -5.0  # seconds: younger than anything is
DIGEST = "5" * 64


@pytest.fixture(autouse=True)
def _everything_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the sweep take all that nothing names, however young."""
    monkeypatch.setattr(purge, "_ABANDONED_SECONDS", AT_ONCE)


def _put(key: str, data: bytes = b"12345") -> str:
    draft = storage().new_temp()
    draft.write_bytes(data)
    storage().publish(draft, key)
    return key


def _write(video_id: int, **values: Any) -> None:
    """Write columns as the version before does, which has no rows of files."""
    named = ", ".join(f"{name} = :{name}" for name in values)
    with transaction() as session:
        session.execute(
            text(f"UPDATE videos SET {named} WHERE id = :id"),  # noqa: S608 - names of this file
            {"id": video_id, **values},
        )
    renew()


def _publish(video: Video, attempt: int = 1) -> list[str]:
    """Publish what an older worker makes of a source; return the files."""
    base = f"videos/{video.public_id}/a{attempt}"
    keys = [_put(f"{base}/{name}") for name in ("rendition.mp4", "poster.jpg", "track2.mp4")]
    tracks = [
        {
            "number": 2, "key": keys[2], "size": 5, "sha256": DIGEST,
            "width": 320, "height": 240, "duration": 1.0,
        }
    ]  # fmt: skip
    _write(
        video.id,
        status="ready",
        attempt=attempt,
        playable_key=keys[0], playable_size=5, playable_sha256=DIGEST, playable_type="video/mp4",
        poster_key=keys[1], poster_size=5, poster_sha256=DIGEST,
        tracks=json.dumps(tracks),
    )  # fmt: skip
    return keys


def _in_backup() -> set[str]:
    found = {file.key for file in database_dump.stored_files(db.session.connection())}
    db.session.rollback()
    return found


def _all_is_well(config: Config) -> None:
    """What is stored is named, counted, in a backup, and stays."""
    before = stored_files(config)
    found = storage_check.check(AT_ONCE)
    assert found.is_well, found
    assert found.files == len(before)
    assert _in_backup() == set(before)
    assert purge.sweep_orphans() == 0
    assert stored_files(config) == before


def test_an_older_worker_publishes_and_nothing_is_swept(
    library: Library, config: Config, client: FlaskClient
) -> None:
    source = library.source(status=VideoStatus.PROCESSING, playable_key=None, poster_key=None)
    poster = f"videos/{source.video.public_id}/a1/poster.jpg"
    storage().delete(poster)  # the library's own
    keys = _publish(source.video, attempt=2)
    assert not {key for key, *_ in of_rows().values()} & set(keys)
    _all_is_well(config)
    token = library.program_token(source)
    for track in ("", "?track=2"):
        assert client.get(f"/stream/{token}/{track}").data == b"12345"
    assert client.get(f"/api/video/{token}/thumbnail/").data == b"12345"
    renew()
    assert set(db.session.query(Video).one().stored_keys) == set(stored_files(config))

    scheduler._LateFiles().go_on()
    assert of_rows() == of_columns()
    assert set(keys) < {key for key, *_ in of_rows().values()}
    _all_is_well(config)


def test_an_older_worker_keeps_the_manifest_alone(
    client: FlaskClient, api_key: str, footage: Footage, config: Config
) -> None:
    """It deletes the frames, which a row of this version's web names still."""
    post_incident(client, api_key, incident_document(footage.frames(2)))
    video = db.session.query(Video).one()
    [frames] = stored_files(config)
    manifest = _put(f"videos/{video.public_id}/a1/manifest.json")
    _write(video.id, frames_key=manifest, frames_size=5)
    storage().delete(frames)
    assert of_rows()[video.id, "frames", 1][0] == frames
    _all_is_well(config)
    assert not db.session.get_one(Video, video.id, populate_existing=True).keeps_frames
    assert copy_late_files() == 0
    assert of_rows() == of_columns()
    assert stored_files(config) == [manifest]


def test_a_file_that_the_newer_row_names_stays_until_rows_and_columns_agree(
    client: FlaskClient, api_key: str, footage: Footage, config: Config
) -> None:
    post_incident(client, api_key, incident_document(footage.frames(2)))
    video = db.session.query(Video).one()
    manifest = _put(f"videos/{video.public_id}/a1/manifest.json")
    _write(video.id, frames_key=manifest, frames_size=5)
    both = stored_files(config)
    assert purge.sweep_orphans() == 0
    assert stored_files(config) == both
    copy_late_files()
    assert purge.sweep_orphans() == 1
    assert stored_files(config) == [manifest]


def test_an_older_web_stores_and_this_worker_processes(
    app: Flask, footage: Footage, config: Config
) -> None:
    source = begin_upload(ACTOR, "a.mp4", "", "")
    data = footage.clip("a.mp4").read_bytes()
    key = _put(f"videos/{source.video.public_id}/original.mp4", data)
    _write(
        source.video_id, status="processing", original_key=key, original_size=len(data),
        original_sha256=DIGEST, stored_size=len(data),
    )  # fmt: skip
    assert of_rows() == {}
    _all_is_well(config)
    pipeline.process_video(source.video_id)
    renew()
    video = db.session.query(Video).one()
    assert video.status == VideoStatus.READY, video.error_detail
    assert video.stored_size == video.files_size == sum(h.size for h in storage().list_files())
    _all_is_well(config)
    copy_late_files()
    assert of_rows() == of_columns()


def test_what_an_older_web_stored_and_failed_is_retried_here(app: Flask, config: Config) -> None:
    source = begin_upload(ACTOR, "a.mp4", "", "")
    key = _put(f"videos/{source.video.public_id}/original.mp4")
    _write(
        source.video_id, status="failed", original_key=key, original_size=5, original_sha256=DIGEST
    )
    assert retry_source(ACTOR, source.source_id).video.status == VideoStatus.PROCESSING


def test_fewer_pictures_than_rows(library: Library, config: Config) -> None:
    """An older worker's last word on how many pictures a file has counts."""
    source = library.source()
    library.keep_track(source.video)
    for key in source.video.stored_keys:
        if "2." in key:
            storage().delete(key)
    _write(source.video_id, tracks="[]")
    _all_is_well(config)
    copy_late_files()
    assert of_rows() == of_columns()


def test_an_older_process_deletes(library: Library, config: Config) -> None:
    """It knows nothing of the rows that go with the video's, and fails on none of them."""
    kept, gone = library.source(), library.source()
    keys = gone.video.stored_keys
    with transaction() as session:
        for table in ("links", "sources", "videos"):
            column = "id" if table == "videos" else "video_id"
            session.execute(
                text(f"DELETE FROM {table} WHERE {column} = :id"),  # noqa: S608 - names above
                {"id": gone.video_id},
            )
    assert {video_id for video_id, *_ in of_rows()} == {kept.video_id}
    assert purge.sweep_orphans() == len(keys)
    _all_is_well(config)


def test_all_videos_are_compared_again_and_again(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late_files, "_BATCH", 2)
    monkeypatch.setattr(scheduler, "_LATE_FILES_SECONDS", 0.0)
    sources = [library.source(status=VideoStatus.PROCESSING) for _ in range(5)]
    rounds = scheduler._LateFiles()
    for attempt in (2, 3):
        for source in sources:
            _publish(source.video, attempt)
        assert of_rows() != of_columns()
        for _ in range(3):
            rounds.go_on()
        assert of_rows() == of_columns()


def test_after_one_round_videos_are_compared_rarely(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late_files, "_BATCH", 2)
    sources = [library.source(status=VideoStatus.PROCESSING) for _ in range(3)]
    rounds = scheduler._LateFiles()
    for _ in range(2):
        rounds.go_on()
    for source in sources:
        _publish(source.video, 2)
    rounds.go_on()
    assert of_rows() != of_columns(), "it is not time yet"
    monkeypatch.setattr(rounds, "_next", 0.0)
    monkeypatch.setattr(scheduler, "_LATE_FILES_SECONDS", 0.0)
    for _ in range(2):
        rounds.go_on()
    assert of_rows() == of_columns()


def test_rows_that_are_alike_are_not_written(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.keep_track(library.source().video)
    library.incident()

    def refuse(_ids: object) -> int:
        raise AssertionError("written again")

    monkeypatch.setattr(late_files, "copy_files_of", refuse)
    assert copy_late_files() == 0


def test_a_row_that_another_process_changes_is_not_waited_for(
    library: Library, database: dict[str, str]
) -> None:
    """On SQLite, which has one writer at a time, a process that reads holds nothing up."""
    busy, idle = library.source(), library.source()
    for source in (busy, idle):
        _publish(source.video, 2)
    locked = "VIGINT_DATABASE_URL" in database
    held = "UPDATE videos SET progress = 7 WHERE id = :id"
    with db.engine.connect() as other, other.begin():
        other.execute(
            text(held if locked else "SELECT * FROM videos WHERE id = :id"), {"id": busy.video_id}
        )
        copy_late_files()
        seen = {key[0] for key, file in of_rows().items() if "/a2/" in file[0]}
        assert seen == ({idle.video_id} if locked else {busy.video_id, idle.video_id})
    copy_late_files()
    assert of_rows() == of_columns()
