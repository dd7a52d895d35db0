"""The contract of all storages, with files and S3 alike."""

import os
import shutil
import time
from collections import namedtuple
from collections.abc import Callable

import pytest

from vigint_web.storage import NoRoom, Storage, StorageError

KEY = "videos/vid_1/original.mp4"
MIB = 1024 * 1024
LONG = os.urandom(MIB) * 11  # two parts in S3
Usage = namedtuple("Usage", "total used free")


def publish(storage: Storage, data: bytes, key: str = KEY) -> None:
    draft = storage.new_temp(".test")
    draft.write_bytes(data)
    storage.publish(draft, key)
    assert not draft.exists()


def names(storage: Storage) -> list[str]:
    return sorted(held.name for held in storage.list_files())


def test_nothing_is_there_at_first(storage: Storage) -> None:
    assert names(storage) == []
    assert list(storage.list_unfinished()) == []
    assert list(storage.list_staged()) == []
    with pytest.raises(FileNotFoundError):
        storage.open(KEY)
    with pytest.raises(FileNotFoundError), storage.local_copy(KEY):
        pass
    storage.delete(KEY)


@pytest.mark.parametrize("data", [b"", b"x", LONG], ids=["empty", "short", "long"])
def test_what_is_published_is_read_back(
    storage: Storage, open_again: Callable[[], Storage], data: bytes
) -> None:
    publish(storage, data)
    elsewhere = open_again()
    with elsewhere.open(KEY) as file:
        assert b"".join(iter(lambda: file.read(MIB), b"")) == data
    with elsewhere.local_copy(KEY) as path:
        assert path.read_bytes() == data
    [held] = storage.list_files()
    assert (held.name, held.size) == (KEY, len(data))
    assert -2 < held.age < 60
    assert list(storage.list_unfinished()) == [], "working files are left"


def test_a_file_can_be_replaced(storage: Storage) -> None:
    publish(storage, b"before")
    publish(storage, b"after")
    with storage.open(KEY) as file:
        assert file.read() == b"after"


@pytest.mark.parametrize(
    ("first", "last"), [(0, 0), (0, 99), (7 * MIB - 3, 9 * MIB), (11 * MIB - 1, 11 * MIB - 1)]
)
def test_ranges(storage: Storage, first: int, last: int) -> None:
    publish(storage, LONG)
    with storage.open(KEY, first, last) as file:
        assert file.tell() == first
        wanted = last + 1 - first
        read = b""
        while len(read) < wanted:
            read += file.read(wanted - len(read))
        assert read == LONG[first : last + 1]
        assert file.tell() == last + 1


def test_reading_goes_wherever_it_is_sent(storage: Storage) -> None:
    publish(storage, LONG)
    with storage.open(KEY, 10, 19) as file:
        assert file.seek(0, os.SEEK_END) == len(LONG)
        assert file.read(1) == b""
        assert file.seek(-4, os.SEEK_CUR) == len(LONG) - 4
        assert file.read(10) == LONG[-4:]
        with pytest.raises(OSError, match="Invalid argument"):
            file.seek(-1)
        file.seek(5)
        assert file.read(3) == LONG[5:8]
    with storage.open(KEY, 10, 19) as file:
        read = b"".join(iter(lambda: file.read(MIB), b""))
        assert read in {LONG[10:20], LONG[10:]}, "the end is a promise, not a limit"


def test_a_local_copy_of_another_machine_goes_after(storage: Storage) -> None:
    publish(storage, b"some bytes")
    with storage.local_copy(KEY) as path:
        assert path.read_bytes() == b"some bytes"
    assert names(storage) == [KEY]
    assert list(storage.list_unfinished()) == []


def test_deleting(storage: Storage) -> None:
    publish(storage, LONG)
    publish(storage, b"x", "videos/vid_2/original.mp4")
    storage.delete(KEY)
    storage.delete(KEY)
    assert names(storage) == ["videos/vid_2/original.mp4"]
    with pytest.raises(FileNotFoundError):
        storage.open(KEY)


def test_a_failed_publication_leaves_nothing(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = storage.new_temp()
    draft.write_bytes(b"x")
    with pytest.raises(StorageError):
        storage.publish(draft, "../elsewhere")
    assert not draft.exists()
    assert names(storage) == []


def test_working_files_are_swept_by_age(storage: Storage) -> None:
    new = storage.new_temp()
    old = storage.new_temp(".old")
    folder = storage.new_folder("work-")
    (folder / "busy").write_bytes(b"12345")
    for path in (old, folder):
        os.utime(path, (0, time.time() - 1000))
    found = {held.name: held for held in storage.list_unfinished()}
    assert set(found) == {new.name, old.name, folder.name}
    assert found[folder.name].size == 5
    assert found[folder.name].age < 60, "it is being written to"
    assert found[old.name].age > 900
    assert storage.sweep_incoming(500) == 1
    assert (new.exists(), old.exists(), folder.exists()) == (True, False, True)


def test_working_folders_are_discarded_by_whom_they_were_for(storage: Storage) -> None:
    folders = [storage.new_folder(prefix) for prefix in ("work-1-1-", "work-1-2-", "work-11-1-")]
    for folder in folders:
        (folder / "half.mp4").write_bytes(b"x")
    storage.discard_folders("work-1-")
    assert [folder.exists() for folder in folders] == [False, False, True]


def test_a_full_disk_is_said(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(storage, b"x" * 100)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9, 0))
    with pytest.raises(NoRoom):
        storage.new_temp()
    with pytest.raises(NoRoom):
        storage.new_folder("work-")
    with pytest.raises(NoRoom):
        storage.require_room()
    with pytest.raises(NoRoom):
        storage.staged("upload").append([b"x"])


def test_the_probe_leaves_nothing(storage: Storage) -> None:
    storage.check()
    assert names(storage) == []
    assert list(storage.list_unfinished()) == []


def test_it_is_said_where_files_are(storage: Storage) -> None:
    description = storage.describe()
    assert "data/media" in description or "s3://bucket" in description
    assert "testing" not in description, "the secret key"
