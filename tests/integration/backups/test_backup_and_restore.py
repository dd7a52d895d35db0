"""Back up, destroy, restore: everything is there again."""

import hashlib
import os
import shutil
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
from flask.testing import FlaskClient

from tests.alike import of_columns, of_rows
from tests.helpers import (
    Browser,
    Footage,
    close_pool,
    incident_document,
    post_incident,
    renew,
    stored_files,
)
from tests.library import ACTOR, STREAMED, Library
from tests.shell import Shell, here
from vigint_web import create_app
from vigint_web.config.config import Config, load_config
from vigint_web.extensions import Base, db
from vigint_web.models import AuditEvent, Link, Source, Video
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import SYSTEM
from vigint_web.services.core.runtime import runtime, storage
from vigint_web.services.links import links
from vigint_web.services.operations import backup, database_dump
from vigint_web.services.sources import sources
from vigint_web.services.videos import lifecycle
from vigint_web.services.videos.lifecycle import detach_and_delete_video

pytestmark = pytest.mark.both_databases(reason="dumps")
ONE_DATABASE = pytest.mark.only_sqlite(reason="others here ask of the database what it asks")

Work = Callable[[], None]
Rows = dict[str, list[tuple[Any, ...]]]


def _rows() -> Rows:
    renew()
    found = {
        table.name: sorted((tuple(row) for row in db.session.execute(table.select())), key=repr)
        for table in Base.metadata.sorted_tables
    }
    db.session.rollback()
    return found


def _hashes(data_dir: Path) -> dict[str, str]:
    root = data_dir / "media"
    paths = (path for path in root.rglob("*") if path.is_file() and ".incoming" not in path.parts)
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
    }


def _key_of(video: Video, name: str) -> str:
    [key] = [key for key in video.stored_keys if key.endswith(name)]
    return key


def test_what_was_destroyed_is_there_again(
    shell: Shell,
    elsewhere: Shell,
    lived: Source,
    config: Config,
    tmp_path: Path,
    client: FlaskClient,
    api_key: str,
    work: Work,
    footage: Footage,
) -> None:
    post_incident(client, api_key, incident_document(footage.frames(3)))
    work()
    before, hashes, video_id = _rows(), _hashes(config.data_dir), lived.video_id
    tokens = {link.id: links.token_of(link) for link in db.session.query(Link)}
    outbox = {path.name: path.read_bytes() for path in config.outbox_dir.iterdir()}
    target = tmp_path / "backup.tar"
    output = shell.does("backup", target)
    assert str(target) in output
    assert "3 incidents, 1 source," in output
    assert target.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup.tar", "data"]
    assert "right" in shell.does("backup", "--verify", target)
    db.session.remove()
    close_pool(db.engine)
    shutil.rmtree(config.data_dir)

    output = elsewhere.does("restore", target)
    assert "3 incidents, 1 source," in output
    assert "open again" in output
    restored = create_app(load_config(elsewhere.environ))
    restored.test_client_class = Browser
    with restored.app_context():
        after = _rows()
        kept, events = after.pop("audit_events"), before.pop("audit_events")
        assert after == before
        assert [row for row in events if row not in kept] == []
        assert trail.first_broken_event() is None
        last = db.session.query(AuditEvent).order_by(AuditEvent.id.desc()).first()
        assert last is not None
        assert (last.action, last.actor) == ("backup:restored", "command line")
        assert _hashes(here(elsewhere)) == hashes
        mails = here(elsewhere) / "outbox"
        assert {path.name: path.read_bytes() for path in mails.iterdir()} == outbox
        assert {link.id: links.token_of(link) for link in db.session.query(Link)} == tokens
        token = links.token_of(links.program_link(video_id) or pytest.fail("no link"))
        answer = restored.test_client().get(f"/stream/{token}/")
        assert (answer.status_code, answer.data) == (200, STREAMED)
        assert restored.test_client().get(f"/stream/{token}/?track=2").data == STREAMED[:1000]
        db.session.remove()
        close_pool(db.engine)
    for path in (here(elsewhere) / "secret-key", *mails.iterdir()):
        assert path.stat().st_mode & 0o777 == 0o600
    assert here(elsewhere).stat().st_mode & 0o777 == 0o700


def test_a_backup_is_told_and_holds_no_queue_log_or_socket(
    shell: Shell, lived: Source, config: Config, tmp_path: Path
) -> None:
    for name in ("vigint.log", "first-admin-password", "address", ".secret-key.1.x"):
        (config.data_dir / name).write_text("x")
    (config.data_dir / "queue").mkdir()
    (config.data_dir / "queue" / "appendonly").write_text("x")
    shell.does("backup", tmp_path)
    [target] = tmp_path.glob("vigint-*.tar")
    with tarfile.open(target) as tar:
        names = tar.getnames()
    allowed = ("media/", "outbox/", "database.", "secret-key", "vigint-backup", "manifest.")
    assert [name for name in names if not name.startswith(allowed)] == []
    assert {name.removeprefix("media/") for name in names if name.startswith("media/")} == set(
        stored_files(config)
    )
    renew()
    event = db.session.query(AuditEvent).filter_by(action="backup:made").one()
    assert event.detail["bytes"] == target.stat().st_size


@pytest.mark.only_sqlite(reason="about the keys alone")
def test_all_keys_of_the_ring_come_along(
    shell: Shell, elsewhere: Shell, lived: Source, tmp_path: Path
) -> None:
    old = runtime().config.secret_key
    shell.does("rotate-signing-key")
    shell.does("backup", tmp_path / "b.tar")
    elsewhere.does("restore", tmp_path / "b.tar")
    ring = (here(elsewhere) / "secret-key").read_text().split()
    assert ring[1:] == [old]


def test_nothing_is_overwritten(shell: Shell, made: Path, config: Config, tmp_path: Path) -> None:
    content = made.read_bytes()
    assert "is there already" in shell.is_refused("backup", made)
    assert made.read_bytes() == content
    assert "no folder" in shell.is_refused("backup", tmp_path / "nowhere" / "b.tar")
    inside = config.media_dir / "b.tar"
    assert "belongs to the videos" in shell.is_refused("backup", inside)
    shell.environ["VIGINT_DATA_DIR"] = str(tmp_path / "none")
    assert "no data directory" in shell.is_refused("backup", tmp_path / "c.tar")
    assert not (tmp_path / "c.tar").exists()
    assert not (tmp_path / "none").exists()


def test_a_file_that_came_meanwhile_is_not_overwritten(
    shell: Shell, lived: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, real = tmp_path / "b.tar", backup._write

    def slow(*arguments: Any) -> None:
        real(*arguments)
        target.write_text("somebody else's")

    monkeypatch.setattr(backup, "_write", slow)
    assert "is there already" in shell.is_refused("backup", target)
    assert target.read_text() == "somebody else's"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_footage_deleted_meanwhile_is_left_out_and_stays_deleted(
    shell: Shell,
    elsewhere: Shell,
    lived: Source,
    library: Library,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other, real = library.source(b"another one").source_id, backup._write
    video_id, source_id = library.incident(b"a third one").id, lived.source_id

    def delete_first(*arguments: Any) -> None:
        sources.delete_source(ACTOR, source_id)
        detach_and_delete_video(SYSTEM, db.session.get_one(Video, video_id))
        db.session.remove()
        real(*arguments)

    monkeypatch.setattr(backup, "_write", delete_first)
    output = shell.does("backup", tmp_path / "b.tar")
    assert "Deleted meanwhile" in output
    assert "right" in shell.does("backup", "--verify", tmp_path / "b.tar")
    output = elsewhere.does("restore", tmp_path / "b.tar")
    assert "not there: 2 videos" in output
    with create_app(load_config(elsewhere.environ)).app_context():
        assert [source.source_id for source in db.session.query(Source)] == [other]
        named = {file.key for file in database_dump.read_contents(db.session.connection()).files}
        db.session.remove()
        close_pool(db.engine)
    assert set(_hashes(here(elsewhere))) == named


def test_a_video_that_lacks_but_a_further_picture_stays_deleted_too(
    shell: Shell, elsewhere: Shell, lived: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source_id, real = lived.source_id, backup._write

    def delete_first(*arguments: Any) -> None:
        sources.delete_source(ACTOR, source_id)
        db.session.remove()
        real(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(
            lifecycle, "delete_video_files", lambda keys: _delete_one(keys, "track2.mp4")
        )
        patched.setattr(backup, "_write", delete_first)
        shell.does("backup", tmp_path / "b.tar")
    assert "not there: 1 video" in elsewhere.does("restore", tmp_path / "b.tar")
    with create_app(load_config(elsewhere.environ)).app_context():
        assert db.session.query(Source).count() == 0
        db.session.remove()
        close_pool(db.engine)


def _delete_one(keys: Iterable[str], name: str) -> None:
    [found] = [key for key in keys if key.endswith(name)]
    storage().delete(found)


def test_every_file_of_a_row_is_in_the_list_of_its_database(lived: Source) -> None:
    video = lived.video
    found = database_dump.stored_files(db.session.connection())
    assert sorted(file.key for file in found if file.video_id == video.id) == video.stored_keys


@pytest.mark.parametrize("name", ["original.mp4", "track2.mp4"])
def test_a_missing_file_that_a_row_names_stops_a_backup(
    shell: Shell, elsewhere: Shell, lived: Source, config: Config, tmp_path: Path, name: str
) -> None:
    key = _key_of(lived.video, name)
    (config.media_dir / key).unlink()
    refusal = shell.is_refused("backup", tmp_path / "b.tar")
    assert key in refusal
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]
    output = shell.does("backup", "--leave-out-missing", tmp_path / "b.tar")
    assert "Attention" in output
    assert "lacks" in shell.is_refused("backup", "--verify", tmp_path / "b.tar")
    elsewhere.does("restore", tmp_path / "b.tar")


@pytest.mark.parametrize("name", ["original.mp4", "track2.mp4"])
@ONE_DATABASE
def test_a_file_that_is_not_what_its_row_says_is_told(
    shell: Shell, lived: Source, config: Config, tmp_path: Path, name: str
) -> None:
    key = _key_of(lived.video, name)
    (config.media_dir / key).write_bytes(b"bits rot")
    output = shell.does("backup", tmp_path / "b.tar")
    assert f"Attention: {key}" in output
    assert "not what its row says" in shell.is_refused("backup", "--verify", tmp_path / "b.tar")


@pytest.mark.only_sqlite(reason="an older file is what an upgrade begins with")
def test_a_database_of_an_older_version_is_backed_up_and_migrated_when_restored(
    elsewhere: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = {"VIGINT_DATA_DIR": str(tmp_path / "old")}
    with create_app(load_config(environ)).app_context():
        flask_migrate.upgrade(revision="0001")
        close_pool(db.engine)
    Shell(monkeypatch, environ).does("backup", tmp_path / "old.tar")
    elsewhere.does("backup", "--verify", tmp_path / "old.tar")
    elsewhere.does("restore", tmp_path / "old.tar")
    with create_app(load_config(elsewhere.environ)).app_context():
        revision = database_dump.read_contents(db.session.connection()).revision
        assert revision in backup._newest()
        assert trail.first_broken_event() is None
        db.session.remove()
        close_pool(db.engine)


def test_a_backup_of_the_version_before_is_restored_by_this_one(
    shell: Shell, elsewhere: Shell, lived: Source, config: Config, tmp_path: Path
) -> None:
    """It names files by columns alone; once it is restored each has its row."""
    named, stored = of_columns(), stored_files(config)
    db.session.remove()
    flask_migrate.downgrade(revision="0020")
    shell.does("backup", tmp_path / "before.tar")
    elsewhere.does("backup", "--verify", tmp_path / "before.tar")
    elsewhere.does("restore", tmp_path / "before.tar")
    restored = load_config(elsewhere.environ)
    with create_app(restored).app_context():
        assert of_rows() == of_columns() == named
        assert stored_files(restored) == stored
        db.session.remove()
        db.engine.dispose()


def test_without_postgresqls_programs_a_sentence_says_what_to_install(
    shell: Shell, lived: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    if "VIGINT_DATABASE_URL" in shell.environ:
        assert "postgresql-client" in shell.is_refused("backup", tmp_path / "b.tar")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]
    else:
        shell.does("backup", tmp_path / "b.tar")


def test_a_password_is_not_seen_in_the_list_of_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "pg_restore"
    program.write_text('#!/bin/sh\necho "$* $PGPASSWORD" >&2\nexit 1\n')
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    url = database_dump.parse_url("postgresql+psycopg://vigint:geheim@db.example.com/vigint?a=b")
    with pytest.raises(database_dump.DatabaseRefused) as refused:
        database_dump.restore_postgresql(url, tmp_path / "dump")
    message = str(refused.value)
    assert "--dbname=postgresql://vigint@db.example.com/vigint?a=b" in message
    assert message.endswith("dump geheim")
