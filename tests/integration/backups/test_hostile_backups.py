"""Malicious archives: one sentence each, and bounded work."""

import hashlib
import io
import json
import os
import random
import sqlite3
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.backups.forging import content, forge
from tests.shell import Shell, nothing_is_there
from vigint_web.extensions import Base
from vigint_web.services.operations import backup_archive

pytestmark = pytest.mark.both_databases(reason="dumps")

Members = dict[str, bytes]


def _database(change: str) -> Callable[[Members], dict[str, int]]:
    """Return a change of a backup's database by SQL, with a valid manifest."""

    def do(members: Members) -> dict[str, int]:
        connection = sqlite3.connect(":memory:")
        connection.deserialize(members["database.sqlite3"])
        connection.executescript(change)
        members["database.sqlite3"] = connection.serialize()
        return {}

    return do


def _set(name: str, data: bytes) -> Callable[[Members], None]:
    return lambda members: members.update({name: data})


@pytest.mark.only_sqlite(reason="about the archive alone")
@pytest.mark.parametrize("key", [b"", b"\n \n", b"short", b"\xff\xfe"])
def test_a_backup_without_a_secret_key_is_refused(
    elsewhere: Shell, made: Path, tmp_path: Path, key: bytes
) -> None:
    forged = tmp_path / "forged.tar"
    forge(made, forged, _set("secret-key", key))
    assert "its secret key" in elsewhere.is_refused("restore", forged)
    assert nothing_is_there(elsewhere)


@pytest.mark.only_sqlite(reason="PostgreSQL's dumps are pg_restore's to change")
@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ("UPDATE alembic_version SET version_num = '9999'", "newer Vigint"),
        ("UPDATE videos SET original_key = '../../etc/passwd'", "'../../etc/passwd'"),
        ("UPDATE videos SET poster_key = '/etc/passwd'", "'/etc/passwd'"),
        ("UPDATE videos SET sprite_key = x'2e2e2f'", "names a file"),
        ("UPDATE video_files SET key = '../../etc/passwd'", "'../../etc/passwd'"),
        ("UPDATE videos SET tracks = replace(tracks, 'videos/', '../videos/')", "names a file"),
        ("UPDATE videos SET tracks = '[{\"number\": 2}]'", "further pictures"),
        ("UPDATE videos SET tracks = '{not JSON'", "further pictures"),
        ("UPDATE videos SET tracks = 7", "further pictures"),
        ("UPDATE videos SET frames_key = 7.5", None),
        ("ALTER TABLE videos RENAME COLUMN id TO number", "damaged"),
        ("DROP TABLE audit_events", "rows"),
    ],
)
def test_a_database_that_is_none_of_ours_is_refused_before_anything_is_put_in_place(
    elsewhere: Shell, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    change: str, refusal: str | None,
) -> None:  # fmt: skip
    placed: list[str] = []
    monkeypatch.setattr(
        "vigint_web.services.operations.restore._restore_media", lambda key, *_: placed.append(key)
    )
    forged = tmp_path / "forged.tar"
    forge(made, forged, _database(change))
    if refusal is None:
        return  # a key that is a number is text that stays in the storage
    assert refusal in elsewhere.is_refused("restore", forged)
    assert not placed, "files were put in place before the database was judged"
    assert nothing_is_there(elsewhere)


def test_a_newer_database_is_refused_whatever_the_manifest_says(
    elsewhere: Shell, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The restoring version does not know the backup's revision, as if it were older.
    monkeypatch.setattr("alembic.script.ScriptDirectory.walk_revisions", lambda *_, **__: iter(()))
    assert "newer Vigint" in elsewhere.is_refused("restore", made)
    assert nothing_is_there(elsewhere)


def test_every_column_that_names_a_file_is_looked_at() -> None:
    # Columns that end in _key reference a file, or are one of these; snapshots read those of
    # videos, and their tracks.
    others = {"links.signing_key", "incidents.idempotency_key", "incidents.body_key"}
    named = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if column.name.endswith("_key")
    }
    assert {name for name in named - others if not name.startswith("videos.")} == set()


@pytest.mark.only_sqlite(reason="about the archive alone")
def test_a_manifest_that_was_sealed_again_gives_a_sentence(
    elsewhere: Shell, made: Path, tmp_path: Path
) -> None:
    chance = random.Random(11)
    values: list[Any] = [None, True, -1, 1.5, "x", "\x1b[2J", [], [[]], {}, {"a": 1}, 1 << 80]
    forged = tmp_path / "forged.tar"
    for number in range(60):
        with tarfile.open(made) as tar:
            members = {name: content(tar, name) for name in tar.getnames()}
        name = chance.choice(["manifest.json", "manifest.json", "vigint-backup.json"])
        document = json.loads(members[name])
        part = chance.choice(list(document))
        if isinstance(document[part], dict) and chance.random() < 0.7:
            inner = chance.choice(list(document[part]))
            document[part][inner] = chance.choice(values)
        else:
            document[part] = chance.choice(values)
        members[name] = json.dumps(document).encode()
        seal = hashlib.sha256(members["manifest.json"]).hexdigest()
        members["manifest.sha256"] = seal.encode()
        with tarfile.open(forged, "w") as tar:
            for member, data in members.items():
                info = tarfile.TarInfo(member)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        with backup_archive.Archive(forged) as archive:
            try:
                archive.check(lambda _: None)
            except backup_archive.NotABackup as refused:
                sentence = str(refused)
                assert "\x1b" not in sentence, number
                assert sentence.endswith("."), (number, sentence)
    assert nothing_is_there(elsewhere)


def _headers(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.type = size, kind
    return member.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.only_sqlite(reason="about the archive alone")
@pytest.mark.parametrize(
    "kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME]
)
@pytest.mark.parametrize("real", [True, False])
def test_what_claims_to_be_huge_costs_nothing(
    made: Path, tmp_path: Path, kind: bytes, real: bool
) -> None:
    claimed = 20_000_000_000
    forged = tmp_path / "forged.tar"
    with tarfile.open(made) as tar:
        head = content(tar, "vigint-backup.json")
    first = _headers("vigint-backup.json", len(head)) + head.ljust(1024, b"\0")
    with forged.open("wb") as file:
        file.write(first + _headers("media/a/b.mp4", claimed, kind))
        if real:  # 20 GB without blocks on disk
            os.ftruncate(file.fileno(), file.tell() + claimed + 10_240)
    read = 0

    def count(number: int) -> None:
        nonlocal read
        read += number

    with pytest.raises(backup_archive.NotABackup), backup_archive.Archive(forged) as archive:
        archive.check(count)
    assert read < 1_000_000, "the bytes were read although what they claim shows before"


@pytest.mark.only_sqlite(reason="about the archive alone")
def test_holes_with_a_manifest_that_is_right_are_not_read(made: Path, tmp_path: Path) -> None:
    forged = tmp_path / "forged.tar"
    hole = 20_000_000_000
    with tarfile.open(made) as tar:
        members = {name: content(tar, name) for name in tar.getnames()}
    manifest = json.loads(members["manifest.json"])
    manifest["files"]["media/a/b.mp4"] = [hole, "00" * 32]
    members["manifest.json"] = json.dumps(manifest).encode()
    seal = hashlib.sha256(members["manifest.json"]).hexdigest()
    members["manifest.sha256"] = seal.encode()
    with forged.open("wb") as file:
        for name, data in members.items():
            if name == "manifest.json":
                file.write(_headers("media/a/b.mp4", hole))
                file.seek(hole + -hole % 512, os.SEEK_CUR)
            file.write(_headers(name, len(data)) + data + b"\0" * (-len(data) % 512))
        file.write(b"\0" * 10_240)
    with (
        pytest.raises(backup_archive.NotABackup, match="mostly holes"),
        backup_archive.Archive(forged) as archive,
    ):
        archive.check(lambda _: None)


@pytest.mark.only_sqlite(reason="about the archive alone")
def test_a_device_or_a_pipe_is_no_backup(elsewhere: Shell, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for place in (pipe, Path("/dev/zero")):
        assert "no file" in elsewhere.is_refused("restore", place)
