"""Back up, destroy, restore: everything is there again; what is damaged or strange is refused."""

import hashlib
import io
import json
import os
import random
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
from click.testing import CliRunner, Result
from flask import Flask
from flask.testing import FlaskClient

from tests.helpers import Browser, Footage, incident_document, post_incident, renew, stored_files
from tests.library import ACTOR, STREAMED, Library
from tests.postgresql import programs
from vigint_web import create_app
from vigint_web.cli import cli
from vigint_web.config import Config, load_config
from vigint_web.extensions import Base, db
from vigint_web.models import AuditEvent, Link, Source, Video
from vigint_web.services import archives, audit, backups, links, snapshots, sources
from vigint_web.services.runtime import runtime, storage
from vigint_web.services.videos import detach_and_delete_video

Work = Callable[[], None]
Rows = dict[str, list[tuple[Any, ...]]]


class Shell:
    """Run commands as somebody does at the shell of a machine."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]) -> None:
        self._monkeypatch = monkeypatch
        self.environ = environ

    def run(self, *arguments: str | Path) -> Result:
        """Run a command; its refusal is the result's exception."""
        with self._monkeypatch.context() as patch:
            for name, value in self.environ.items():
                patch.setenv(name, value)
            return CliRunner().invoke(cli, [str(argument) for argument in arguments])

    def does(self, *arguments: str | Path) -> str:
        """Run a command that works; return what it said."""
        result = self.run(*arguments)
        assert result.exception is None, result.exception
        assert result.exit_code == 0, result.output
        return result.output

    def is_refused(self, *arguments: str | Path) -> str:
        """Run a command that is refused; return the sentence."""
        result = self.run(*arguments)
        assert result.exception is not None, f"it was not refused: {result.output}"
        said = str(result.exception)
        assert not isinstance(result.exception, AssertionError | OSError | KeyError), said
        return said


@pytest.fixture
def shell(
    database: dict[str, str], queue_server: str, monkeypatch: pytest.MonkeyPatch, app: Flask
) -> Shell:
    monkeypatch.setenv("PATH", f"{programs()}{os.pathsep}{os.environ['PATH']}")
    return Shell(monkeypatch, {**database, "VIGINT_REDIS_URL": queue_server})


@pytest.fixture
def elsewhere(
    shell: Shell, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shell]:
    """Give the shell of another machine, where nothing is yet."""
    environ = {**shell.environ, "VIGINT_DATA_DIR": str(tmp_path / "elsewhere")}
    if "VIGINT_DATABASE_URL" not in environ:
        yield Shell(monkeypatch, environ)
        return
    server = request.getfixturevalue("postgresql_server")
    name = f"elsewhere{random.getrandbits(32)}"
    yield Shell(monkeypatch, {**environ, "VIGINT_DATABASE_URL": server.create(name)})


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


def _here(shell: Shell) -> Path:
    return Path(shell.environ["VIGINT_DATA_DIR"])


@pytest.fixture
def lived(client: FlaskClient, api_key: str, work: Work, library: Library) -> Source:
    """Let something of everything be there: incidents, a mail, a source; return the source."""
    source = library.source()
    library.incident()
    post_incident(client, api_key, {"message": "Alarme"})
    work()
    return source


@pytest.fixture
def made(shell: Shell, lived: Source, tmp_path: Path) -> Path:
    """Give a backup of it."""
    shell.does("backup", tmp_path / "backup.tar")
    return tmp_path / "backup.tar"


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
    said = shell.does("backup", target)
    assert str(target) in said
    assert "3 incidents, 1 sources" in said
    assert target.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup.tar", "data"]
    assert "right" in shell.does("backup", "--verify", target)
    db.session.remove()
    db.engine.dispose()
    shutil.rmtree(config.data_dir)

    said = elsewhere.does("restore", target)
    assert "3 incidents, 1 sources" in said
    assert "open again" in said
    restored = create_app(load_config(elsewhere.environ))
    restored.test_client_class = Browser
    with restored.app_context():
        after = _rows()
        told, events = after.pop("audit_events"), before.pop("audit_events")
        assert after == before
        assert [row for row in events if row not in told] == []
        assert audit.first_broken_event() is None
        last = db.session.query(AuditEvent).order_by(AuditEvent.id.desc()).first()
        assert last is not None
        assert (last.action, last.actor) == ("backup:restored", "command line")
        assert _hashes(_here(elsewhere)) == hashes
        mails = _here(elsewhere) / "outbox"
        assert {path.name: path.read_bytes() for path in mails.iterdir()} == outbox
        assert {link.id: links.token_of(link) for link in db.session.query(Link)} == tokens
        token = links.token_of(links.program_link(video_id) or pytest.fail("no link"))
        answer = restored.test_client().get(f"/stream/{token}/")
        assert (answer.status_code, answer.data) == (200, STREAMED)
        db.session.remove()
        db.engine.dispose()
    for path in (_here(elsewhere) / "secret-key", *mails.iterdir()):
        assert path.stat().st_mode & 0o777 == 0o600
    assert _here(elsewhere).stat().st_mode & 0o777 == 0o700


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
    ring = (_here(elsewhere) / "secret-key").read_text().split()
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
    target, real = tmp_path / "b.tar", backups._write

    def slow(*arguments: Any) -> None:
        real(*arguments)
        target.write_text("somebody else's")

    monkeypatch.setattr(backups, "_write", slow)
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
    other, real = library.source(b"another one").source_id, backups._write
    video_id, source_id = library.incident(b"a third one").id, lived.source_id

    def delete_first(*arguments: Any) -> None:
        sources.delete_source(ACTOR, source_id)
        detach_and_delete_video(db.session.get_one(Video, video_id))
        db.session.remove()
        real(*arguments)

    monkeypatch.setattr(backups, "_write", delete_first)
    said = shell.does("backup", tmp_path / "b.tar")
    assert "deleted meanwhile" in said
    assert "right" in shell.does("backup", "--verify", tmp_path / "b.tar")
    said = elsewhere.does("restore", tmp_path / "b.tar")
    assert "2 videos were deleted" in said
    with create_app(load_config(elsewhere.environ)).app_context():
        assert [source.source_id for source in db.session.query(Source)] == [other]
        named = {file.key for file in snapshots.read_contents(db.session.connection()).files}
        db.session.remove()
        db.engine.dispose()
    assert set(_hashes(_here(elsewhere))) == named


def test_a_missing_file_that_a_row_names_stops_a_backup(
    shell: Shell, elsewhere: Shell, lived: Source, config: Config, tmp_path: Path
) -> None:
    assert lived.video.original_key is not None
    (config.media_dir / lived.video.original_key).unlink()
    said = shell.is_refused("backup", tmp_path / "b.tar")
    assert lived.video.original_key in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]
    said = shell.does("backup", "--leave-out-missing", tmp_path / "b.tar")
    assert "Attention" in said
    assert "lacks" in shell.is_refused("backup", "--verify", tmp_path / "b.tar")
    elsewhere.does("restore", tmp_path / "b.tar")


def test_a_file_that_is_not_what_its_row_says_is_told(
    shell: Shell, lived: Source, config: Config, tmp_path: Path
) -> None:
    assert lived.video.original_key is not None
    (config.media_dir / lived.video.original_key).write_bytes(b"bits rot")
    said = shell.does("backup", tmp_path / "b.tar")
    assert f"Attention: {lived.video.original_key}" in said
    assert "not what its row says" in shell.is_refused("backup", "--verify", tmp_path / "b.tar")


def _nothing_is_there(place: Shell) -> bool:
    folder = _here(place)
    if "VIGINT_DATABASE_URL" in place.environ:
        app = create_app(load_config({**place.environ, "VIGINT_DATA_DIR": str(folder) + "-x"}))
        with app.app_context():
            empty = snapshots.is_empty(db.engine)
            db.engine.dispose()
        assert empty
    there = {path.name for path in folder.iterdir()} if folder.exists() else set()
    return there <= {"vigint.lock"}


def test_a_damaged_backup_is_refused_wherever_the_damage_is(
    elsewhere: Shell, made: Path, tmp_path: Path
) -> None:
    whole = made.read_bytes()
    with tarfile.open(made) as tar:
        places = [
            place
            for member in tar
            for place in (member.offset, member.offset + 130, member.offset_data)
        ]
        end = tar.getmembers()[-1].offset_data
    chance = random.Random(7)
    places += [chance.randrange(end) for _ in range(40)]
    damaged = tmp_path / "damaged.tar"
    missed = []
    for place in places:
        damaged.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        try:
            with archives.Archive(damaged) as archive:
                found = archive.check(lambda _: None)
        except archives.NotABackup:
            continue
        with archives.Archive(made) as archive:
            if found != archive.check(lambda _: None):
                missed.append(place)
    assert not missed, "bytes that count were changed and nobody noticed"
    damaged.write_bytes(whole[:5000] + b"\0" + whole[5001:])
    for length in (0, 1, 511, 512, 5000, len(whole) // 2, end - 1):
        damaged.write_bytes(whole[:length])
        said = elsewhere.is_refused("restore", damaged)
        assert said.endswith(".")
        assert _nothing_is_there(elsewhere)
    for strange in (b"", b"PK\x03\x04 not a tar", b"\0" * 10_240):
        damaged.write_bytes(strange)
        assert "backup" in elsewhere.is_refused("restore", damaged)
    assert "cannot be read" in elsewhere.is_refused("restore", tmp_path / "nothing.tar")
    assert "cannot be read" in elsewhere.is_refused("restore", tmp_path)
    assert _nothing_is_there(elsewhere)


def _forged(made: Path, target: Path, change: Callable[[dict[str, bytes]], Any]) -> None:
    """Write a backup whose members were changed and whose manifest is right all the same."""
    with tarfile.open(made) as tar:
        members = {name: _content(tar, name) for name in tar.getnames()}
    manifest = json.loads(members.pop("manifest.json"))
    members.pop("manifest.sha256")
    more = change(members)
    manifest["files"] = {
        name: [len(data), hashlib.sha256(data).hexdigest()] for name, data in members.items()
    }
    manifest["rows"] |= more if isinstance(more, dict) else {}
    sealed = json.dumps(manifest).encode()
    members |= {
        "manifest.json": sealed,
        "manifest.sha256": hashlib.sha256(sealed).hexdigest().encode(),
    }
    with tarfile.open(target, "w") as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


def _content(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    assert file is not None
    return file.read()


@pytest.mark.only_sqlite(reason="about the archive alone")
@pytest.mark.parametrize(
    "name",
    [
        "../evil", "/tmp/evil", "media/../../evil", "media//evil", "media/.incoming/evil",
        "outbox/../evil.eml", "outbox/.evil.eml", "outbox/evil.sh", "evil", "queue/evil",
        "vigint.sqlite3", "media/a\\..\\..\\b",
    ],
)  # fmt: skip
def test_a_name_that_leads_elsewhere_is_refused(
    elsewhere: Shell, made: Path, tmp_path: Path, name: str
) -> None:
    forged = tmp_path / "forged.tar"
    _forged(made, forged, lambda members: members.update({name: b"evil"}))
    assert "nothing of it is used" in elsewhere.is_refused("restore", forged)
    assert _nothing_is_there(elsewhere)
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.only_sqlite(reason="about the archive alone")
@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE]
)
def test_what_is_no_plain_file_is_refused(
    elsewhere: Shell, made: Path, tmp_path: Path, kind: bytes
) -> None:
    forged = tmp_path / "forged.tar"
    member = tarfile.TarInfo("media/videos/x/link")
    member.type, member.linkname = kind, "../../../secret-key"
    with tarfile.open(forged, "w") as tar, tarfile.open(made) as real:
        for known in real.getmembers():
            tar.addfile(known, real.extractfile(known))
        tar.addfile(member)
    assert "no plain file" in elsewhere.is_refused("restore", forged)
    assert _nothing_is_there(elsewhere)


@pytest.mark.only_sqlite(reason="about the archive alone")
def test_a_name_that_comes_twice_is_refused(elsewhere: Shell, made: Path, tmp_path: Path) -> None:
    forged = tmp_path / "forged.tar"
    with tarfile.open(forged, "w") as tar, tarfile.open(made) as real:
        for known in (*real.getmembers()[:3], *real.getmembers()):
            tar.addfile(known, real.extractfile(known))
    assert "twice" in elsewhere.is_refused("restore", forged)


def _set_head(**values: Any) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        head = json.loads(members["vigint-backup.json"]) | values
        members["vigint-backup.json"] = json.dumps(head).encode()

    return change


def test_a_backup_of_a_newer_version_is_refused(
    elsewhere: Shell, made: Path, tmp_path: Path
) -> None:
    forged = tmp_path / "forged.tar"
    for values in ({"revision": "9999"}, {"format": 2}):
        _forged(made, forged, _set_head(**values))
        assert "newer Vigint" in elsewhere.is_refused("restore", forged)
        assert _nothing_is_there(elsewhere)


def test_rows_that_are_missing_are_noticed(elsewhere: Shell, made: Path, tmp_path: Path) -> None:
    forged = tmp_path / "forged.tar"
    _forged(made, forged, lambda _: {"links": 99})
    assert "(in links)" in elsewhere.is_refused("backup", "--verify", forged)


@pytest.mark.only_sqlite(reason="PostgreSQL's dumps are pg_restore's to judge")
def test_a_database_that_is_damaged_inside_is_refused(
    elsewhere: Shell, made: Path, tmp_path: Path
) -> None:
    forged = tmp_path / "forged.tar"

    def damage(members: dict[str, bytes]) -> None:
        good = members["database.sqlite3"]
        members["database.sqlite3"] = good[:4096] + b"\xff" * 8192 + good[12288:]

    _forged(made, forged, damage)
    assert "damaged" in elsewhere.is_refused("restore", forged)
    assert _nothing_is_there(elsewhere)


def test_the_other_kind_of_database_is_refused(
    shell: Shell, elsewhere: Shell, made: Path, tmp_path: Path
) -> None:
    if "VIGINT_DATABASE_URL" in elsewhere.environ:
        del elsewhere.environ["VIGINT_DATABASE_URL"]
    else:
        elsewhere.environ["VIGINT_DATABASE_URL"] = "postgresql://nobody@/nothing?host=/nowhere"
    assert "VIGINT_DATABASE_URL" in elsewhere.is_refused("restore", made)
    assert {path.name for path in _here(elsewhere).iterdir()} <= {"vigint.lock"}


def test_another_secret_key_of_the_environment_is_refused(
    elsewhere: Shell, made: Path, config: Config
) -> None:
    elsewhere.environ["VIGINT_SECRET_KEY"] = "another key, long enough"
    assert "VIGINT_SECRET_KEY" in elsewhere.is_refused("restore", made)
    assert _nothing_is_there(elsewhere)
    elsewhere.environ["VIGINT_SECRET_KEY"] = config.secret_key
    elsewhere.does("restore", made)


def test_a_restore_overwrites_nothing_and_with_force_moves_it_aside(
    elsewhere: Shell, made: Path
) -> None:
    folder = _here(elsewhere)
    folder.mkdir()
    (folder / "precious").write_text("precious")
    assert "not empty" in elsewhere.is_refused("restore", made)
    assert [path.name for path in folder.iterdir()] == ["precious", "vigint.lock"] or {
        path.name for path in folder.iterdir()
    } == {"precious", "vigint.lock"}
    said = elsewhere.does("restore", "--force", made)
    [aside] = folder.glob("before-restore-*")
    assert (aside / "precious").read_text() == "precious"
    assert str(aside) in said
    assert (folder / "secret-key").exists()


def test_a_forced_restore_that_fails_puts_everything_back(
    elsewhere: Shell, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _here(elsewhere)
    (folder / "media").mkdir(parents=True)
    (folder / "precious").write_text("precious")
    (folder / "media" / "precious").write_text("precious")

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vigint_web.services.restoring._restore_database", fail)
    assert "disk became full" in elsewhere.is_refused("restore", "--force", made)
    left = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    assert left == {"precious", "media", "media/precious", "vigint.lock"}


def test_a_database_that_is_not_empty_is_not_restored_into(
    shell: Shell, elsewhere: Shell, made: Path, config: Config
) -> None:
    elsewhere.environ["VIGINT_DATABASE_URL"] = config.database_url
    assert "not empty" in elsewhere.is_refused("restore", "--force", made)
    assert {path.name for path in _here(elsewhere).iterdir()} <= {"vigint.lock"}


def test_a_running_installation_is_not_restored_into(elsewhere: Shell, made: Path) -> None:
    from vigint_web.cli.preflight import DataDirLock, check_data_dir

    check_data_dir(_here(elsewhere))
    with DataDirLock(_here(elsewhere)):
        assert "already runs" in elsewhere.is_refused("restore", "--force", made)


@pytest.mark.only_sqlite(reason="an older file is what an upgrade begins with")
def test_a_database_of_an_older_version_is_backed_up_and_migrated_when_restored(
    elsewhere: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = {"VIGINT_DATA_DIR": str(tmp_path / "old")}
    with create_app(load_config(environ)).app_context():
        flask_migrate.upgrade(revision="0001")
        db.engine.dispose()
    Shell(monkeypatch, environ).does("backup", tmp_path / "old.tar")
    elsewhere.does("backup", "--verify", tmp_path / "old.tar")
    elsewhere.does("restore", tmp_path / "old.tar")
    with create_app(load_config(elsewhere.environ)).app_context():
        revision = snapshots.read_contents(db.session.connection()).revision
        assert revision in backups._newest()
        assert audit.first_broken_event() is None
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
    url = snapshots.parse_url("postgresql+psycopg://vigint:geheim@db.example.com/vigint?a=b")
    with pytest.raises(snapshots.DatabaseRefused) as refused:
        snapshots.restore_postgresql(url, tmp_path / "dump")
    said = str(refused.value)
    assert "--dbname=postgresql://vigint@db.example.com/vigint?a=b" in said
    assert said.endswith("dump geheim")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a real disk of 3 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m,mode=700", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_is_told_before_and_while_writing(
    shell: Shell,
    lived: Source,
    library: Library,
    small_disk: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    library.source(b"x" * 2_000_000)
    assert "no room" in shell.is_refused("backup", small_disk / "b.tar")
    assert list(small_disk.iterdir()) == []
    monkeypatch.setattr(backups, "_require_room", lambda *_: None)
    assert "no room" in shell.is_refused("backup", small_disk / "b.tar")
    assert list(small_disk.iterdir()) == []


def test_a_full_disk_while_restoring_leaves_nothing(
    elsewhere: Shell,
    made: Path,
    small_disk: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    elsewhere.environ["VIGINT_DATA_DIR"] = str(small_disk)
    (small_disk / "before-restore-filler").write_bytes(b"x" * 1_500_000)
    assert "no room" in elsewhere.is_refused("restore", made)
    monkeypatch.setattr("vigint_web.storage.local._RESERVE", 0)
    monkeypatch.setattr("vigint_web.services.restoring.check_place", lambda _: None)
    assert "disk became full" in elsewhere.is_refused("restore", made)
    left = {path.name for path in small_disk.iterdir()}
    assert left <= {"vigint.lock", "before-restore-filler"}
    assert storage() is not None
