"""Damaged, foreign or incompatible backups are refused, and nothing of them is used."""

import json
import os
import random
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.backups.forging import forge
from tests.library import Library
from tests.shell import Shell, here, nothing_is_there
from vigint_web.cli.preflight import DataDirLock, check_data_dir
from vigint_web.config.config import Config
from vigint_web.models import Source
from vigint_web.services.core.runtime import storage
from vigint_web.services.operations import backup, backup_archive

pytestmark = pytest.mark.both_databases(reason="dumps")
ONE_DATABASE = pytest.mark.only_sqlite(reason="others here ask of the database what it asks")


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
            with backup_archive.Archive(damaged) as archive:
                found = archive.check(lambda _: None)
        except backup_archive.NotABackup:
            continue
        with backup_archive.Archive(made) as archive:
            if found != archive.check(lambda _: None):
                missed.append(place)
    assert not missed, "changes of relevant bytes were not detected"
    damaged.write_bytes(whole[:5000] + b"\0" + whole[5001:])
    for length in (0, 1, 511, 512, 5000, len(whole) // 2, end - 1):
        damaged.write_bytes(whole[:length])
        refusal = elsewhere.is_refused("restore", damaged)
        assert refusal.endswith(".")
        assert nothing_is_there(elsewhere)
    for strange in (b"", b"PK\x03\x04 not a tar", b"\0" * 10_240):
        damaged.write_bytes(strange)
        assert "backup" in elsewhere.is_refused("restore", damaged)
    assert "cannot be read" in elsewhere.is_refused("restore", tmp_path / "nothing.tar")
    assert "cannot be read" in elsewhere.is_refused("restore", tmp_path)
    assert nothing_is_there(elsewhere)


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
    forge(made, forged, lambda members: members.update({name: b"evil"}))
    assert "nothing of it is used" in elsewhere.is_refused("restore", forged)
    assert nothing_is_there(elsewhere)
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
    assert nothing_is_there(elsewhere)


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


@ONE_DATABASE
def test_a_backup_of_a_newer_version_is_refused(
    elsewhere: Shell, made: Path, tmp_path: Path
) -> None:
    forged = tmp_path / "forged.tar"
    for values in ({"revision": "9999"}, {"format": 2}):
        forge(made, forged, _set_head(**values))
        assert "newer Vigint" in elsewhere.is_refused("restore", forged)
        assert nothing_is_there(elsewhere)


def test_rows_that_are_missing_are_noticed(elsewhere: Shell, made: Path, tmp_path: Path) -> None:
    forged = tmp_path / "forged.tar"
    forge(made, forged, lambda _: {"links": 99})
    assert "(in links)" in elsewhere.is_refused("backup", "--verify", forged)


@pytest.mark.only_sqlite(reason="PostgreSQL's dumps are pg_restore's to judge")
def test_a_database_that_is_damaged_inside_is_refused(
    elsewhere: Shell, made: Path, tmp_path: Path
) -> None:
    forged = tmp_path / "forged.tar"

    def damage(members: dict[str, bytes]) -> None:
        good = members["database.sqlite3"]
        members["database.sqlite3"] = good[:4096] + b"\xff" * 8192 + good[12288:]

    forge(made, forged, damage)
    assert "damaged" in elsewhere.is_refused("restore", forged)
    assert nothing_is_there(elsewhere)


def test_the_other_kind_of_database_is_refused(
    shell: Shell, elsewhere: Shell, made: Path, tmp_path: Path
) -> None:
    if "VIGINT_DATABASE_URL" in elsewhere.environ:
        del elsewhere.environ["VIGINT_DATABASE_URL"]
    else:
        elsewhere.environ["VIGINT_DATABASE_URL"] = "postgresql://nobody@/nothing?host=/nowhere"
    assert "VIGINT_DATABASE_URL" in elsewhere.is_refused("restore", made)
    assert {path.name for path in here(elsewhere).iterdir()} <= {"vigint.lock"}


@ONE_DATABASE
def test_another_secret_key_of_the_environment_is_refused(
    elsewhere: Shell, made: Path, config: Config
) -> None:
    elsewhere.environ["VIGINT_SECRET_KEY"] = "another key, long enough"
    assert "VIGINT_SECRET_KEY" in elsewhere.is_refused("restore", made)
    assert nothing_is_there(elsewhere)
    elsewhere.environ["VIGINT_SECRET_KEY"] = config.secret_key
    elsewhere.does("restore", made)


def test_a_restore_overwrites_nothing_and_with_force_moves_it_aside(
    elsewhere: Shell, made: Path
) -> None:
    folder = here(elsewhere)
    folder.mkdir()
    (folder / "precious").write_text("precious")
    assert "not empty" in elsewhere.is_refused("restore", made)
    assert {path.name for path in folder.iterdir()} == {"precious", "vigint.lock"}
    output = elsewhere.does("restore", "--force", made)
    [aside] = folder.glob("before-restore-*")
    assert (aside / "precious").read_text() == "precious"
    assert str(aside) in output
    assert (folder / "secret-key").exists()


def test_a_forced_restore_that_fails_puts_everything_back(
    elsewhere: Shell, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = here(elsewhere)
    (folder / "media").mkdir(parents=True)
    (folder / "precious").write_text("precious")
    (folder / "media" / "precious").write_text("precious")

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vigint_web.services.operations.restore._restore_database", fail)
    assert "disk became full" in elsewhere.is_refused("restore", "--force", made)
    left = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    assert left == {"precious", "media", "media/precious", "vigint.lock"}


def test_a_database_that_is_not_empty_is_not_restored_into(
    shell: Shell, elsewhere: Shell, made: Path, config: Config
) -> None:
    elsewhere.environ["VIGINT_DATABASE_URL"] = config.database_url
    assert "not empty" in elsewhere.is_refused("restore", "--force", made)
    assert {path.name for path in here(elsewhere).iterdir()} <= {"vigint.lock"}


def test_a_running_installation_is_not_restored_into(elsewhere: Shell, made: Path) -> None:
    check_data_dir(here(elsewhere))
    with DataDirLock(here(elsewhere)):
        assert "already runs" in elsewhere.is_refused("restore", "--force", made)


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
    monkeypatch.setattr(backup, "_require_room", lambda *_: None)
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
    monkeypatch.setattr("vigint_web.storage.workspace._RESERVE", 0)
    monkeypatch.setattr("vigint_web.services.operations.restore.check_place", lambda _: None)
    assert "disk became full" in elsewhere.is_refused("restore", made)
    left = {path.name for path in small_disk.iterdir()}
    assert left <= {"vigint.lock", "before-restore-filler"}
    assert storage() is not None
