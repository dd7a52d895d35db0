"""Failures of S3, against a real one, and without any."""

import logging
import os
import socket
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from tests.s3_server import ACCESS_KEY, SECRET_KEY, S3Server
from vigint_web.config.config import load_config
from vigint_web.storage import NoRoom, Storage, StorageError, open_storage, s3_objects
from vigint_web.storage.s3 import S3Storage

KEY = "videos/vid_1/original.mp4"
MIB = 1024 * 1024
LONG = os.urandom(MIB) * 10


@pytest.fixture
def opened(s3: S3Server, tmp_path: Path) -> Callable[..., S3Storage]:
    """Provide a function that opens an S3 with some settings changed."""
    settings = s3.settings("below/here")

    def make(**changes: str) -> S3Storage:
        given = {"VIGINT_DATA_DIR": str(tmp_path / "data"), **settings, **changes}
        storage = open_storage(load_config(given))
        assert isinstance(storage, S3Storage)
        return storage

    return make


@pytest.fixture
def storage(opened: Callable[..., S3Storage]) -> S3Storage:
    """Give an empty storage."""
    return opened()


def publish(storage: Storage, data: bytes, key: str = KEY) -> None:
    draft = storage.new_temp()
    draft.write_bytes(data)
    storage.publish(draft, key)
    assert not draft.exists()


def refusing(code: str, status: int) -> Callable[..., Any]:
    def refuse(**_asked: object) -> None:
        response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
        raise ClientError(response, "Test")

    return refuse


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"VIGINT_STORAGE_URL": "s3://no-such-bucket"}, "no bucket no-such-bucket"),
        ({"VIGINT_S3_SECRET_KEY": "another"}, "refuses the keys"),
        ({"VIGINT_S3_ACCESS_KEY": "test:nobody"}, "refuses the keys"),
        ({"VIGINT_S3_ENDPOINT": "http://127.0.0.1:9"}, "127.0.0.1:9 does not answer"),
    ],
)
def test_what_is_wrong_is_a_sentence_without_a_key(
    opened: Callable[..., S3Storage],
    changes: dict[str, str],
    message: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    storage = opened(**changes)
    with caplog.at_level(logging.DEBUG, "vigint_web"):
        for call in (storage.check, lambda: list(storage.list_files()), lambda: storage.open(KEY)):
            with pytest.raises(StorageError) as caught:
                call()
            assert message in str(caught.value)
            assert SECRET_KEY not in str(caught.value)
            assert "another" not in str(caught.value)
        assert not storage.answers()
    assert SECRET_KEY not in caplog.text
    assert "another" not in caplog.text


def test_no_keys_at_all_says_which_to_set(
    opened: Callable[..., S3Storage], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in list(os.environ):
        if name.startswith("AWS_") and "METADATA" not in name:
            monkeypatch.delenv(name)
    storage = opened(VIGINT_S3_ACCESS_KEY="", VIGINT_S3_SECRET_KEY="")
    with pytest.raises(StorageError, match="VIGINT_S3_ACCESS_KEY"):
        storage.check()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    opened(VIGINT_S3_ACCESS_KEY="", VIGINT_S3_SECRET_KEY="").check()


def test_a_server_that_is_silent_is_given_up(
    opened: Callable[..., S3Storage], monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as mute:
        port = mute.getsockname()[1]
        monkeypatch.setattr("vigint_web.storage.s3_client._HASTY", {"read_timeout": 0.2})
        storage = opened(VIGINT_S3_ENDPOINT=f"http://127.0.0.1:{port}")
        assert not storage.answers()
        assert not storage.answers(), "the answer of a moment ago is good enough"


@pytest.mark.parametrize(
    ("code", "status"), [("QuotaExceeded", 403), ("XMinioStorageFull", 507), ("Odd", 507)]
)
def test_a_full_bucket_is_no_room(
    storage: S3Storage, monkeypatch: pytest.MonkeyPatch, code: str, status: int
) -> None:
    monkeypatch.setattr(storage._bucket.client, "put_object", refusing(code, status))
    with pytest.raises(NoRoom):
        publish(storage, b"x")
    with pytest.raises(NoRoom):
        storage.staged("up_1").append([b"x"])
    assert list(storage.list_unfinished()) == []


@pytest.mark.parametrize("step", ["upload_part", "complete_multipart_upload"])
def test_an_upload_that_breaks_off_leaves_nothing(
    storage: S3Storage, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(storage._bucket.client, step, refusing("InternalError", 500))
        with pytest.raises(StorageError, match="InternalError"):
            publish(storage, LONG)
    assert list(storage.list_files()) == []
    assert list(storage.list_unfinished()) == [], "the parts that were sent are gone"


@pytest.mark.parametrize("step", ["upload_part_copy", "complete_multipart_upload", "copy_object"])
def test_a_join_that_breaks_off_leaves_all_staged(
    storage: S3Storage, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    staged = storage.staged("up_1")
    size = staged.append([LONG])
    if step != "copy_object":
        size = staged.append([LONG])
    with monkeypatch.context() as patch:
        patch.setattr(storage._bucket.client, step, refusing("InternalError", 500))
        with pytest.raises(StorageError, match="InternalError"):
            staged.publish(KEY)
    assert list(storage.list_files()) == []
    assert list(storage.list_unfinished()) == []
    assert staged.size() == size


def test_a_lost_answer_to_the_last_step_is_no_failure(
    storage: S3Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = storage._bucket.client
    complete = client.complete_multipart_upload

    def complete_twice(**asked: Any) -> Any:
        complete(**asked)
        return refusing("NoSuchUpload", 404)()

    monkeypatch.setattr(client, "complete_multipart_upload", complete_twice)
    publish(storage, LONG)
    with storage.local_copy(KEY) as path:
        assert path.read_bytes() == LONG


def test_unfinished_uploads_are_seen_and_ended(storage: S3Storage) -> None:
    bucket = storage._bucket
    bucket.client.create_multipart_upload(Bucket=bucket.name, Key=bucket.full(KEY))
    bucket.client.create_multipart_upload(Bucket=bucket.name, Key="not-below-our-prefix")
    assert [held.name for held in storage.list_unfinished()] == [KEY]
    assert storage.sweep_incoming(3600) == 0
    assert storage.sweep_incoming(-5) == 1
    assert list(storage.list_unfinished()) == []


def test_only_what_is_below_the_prefix_is_ours(
    opened: Callable[..., S3Storage], storage: S3Storage
) -> None:
    bucket = storage._bucket
    for name in ("other", "below/herewith", "below/here/.hidden", "below/here/odd name"):
        bucket.client.put_object(Bucket=bucket.name, Key=name, Body=b"x")
    publish(storage, b"x")
    assert [held.name for held in storage.list_files()] == [KEY]
    found = bucket.client.list_objects_v2(Bucket=bucket.name)["Contents"]
    assert f"below/here/{KEY}" in [held["Key"] for held in found]


def test_parts_that_cannot_be_copied_there_are_sent(
    storage: S3Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged = storage.staged("up_1")
    staged.append([LONG])
    assert staged.append([b"and a short end"]) == len(LONG) + 15
    refuse = refusing("NotImplemented", 501)
    monkeypatch.setattr(storage._bucket.client, "upload_part_copy", refuse)
    staged.publish(KEY)
    with storage.local_copy(KEY) as path:
        assert path.read_bytes() == LONG + b"and a short end"
    assert list(storage.list_unfinished()) == []


def test_reading_goes_on_where_a_connection_broke(
    storage: S3Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(storage, LONG)
    broken = iter([True, False, True, False])

    class Breaking:
        """A body that ends in the middle, as when the server is restarted."""

        def __init__(self, body: Any) -> None:
            self._body, self._reads = body, 0
            self._breaks = next(broken, False)

        def read(self, size: int) -> bytes:
            self._reads += 1
            if self._breaks and self._reads > 3:
                raise ReadTimeoutError(endpoint_url="test")
            return bytes(self._body.read(size))

        def close(self) -> None:
            self._body.close()

    client = storage._bucket.client
    get = client.get_object

    def get_breaking(**asked: Any) -> Any:
        answer = get(**asked)
        return {**answer, "Body": Breaking(answer["Body"])}

    monkeypatch.setattr(client, "get_object", get_breaking)
    with storage.open(KEY, 5, 9 * MIB) as file:
        read = b""
        while len(read) < 9 * MIB - 4:
            read += file.read(MIB)
        assert read[: 9 * MIB - 4] == LONG[5 : 9 * MIB + 1]


def test_a_file_from_s3_has_no_descriptor(storage: S3Storage) -> None:
    publish(storage, b"some bytes")
    with storage.open(KEY) as file, pytest.raises(OSError, match="fileno"):
        file.fileno()


def test_many_threads_read_at_once(storage: S3Storage) -> None:
    publish(storage, LONG[: 2 * MIB])
    wrong: list[int] = []

    def read(number: int) -> None:
        with storage.open(KEY, number * 1000, number * 1000 + 99) as file:
            if file.read(100) != LONG[number * 1000 : number * 1000 + 100]:
                wrong.append(number)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_child_process_has_connections_of_its_own(storage: S3Storage) -> None:
    storage.check()
    mine = storage._bucket.client
    assert storage._bucket.client is mine
    storage._bucket._owner += 1  # as after a fork
    assert storage._bucket.client is not mine


@pytest.fixture
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_objects, "_MOST_PARTS", 2)


def test_parts_are_never_too_many(storage: S3Storage, short_parts: None) -> None:
    publish(storage, LONG)
    with storage.local_copy(KEY) as path:
        assert path.read_bytes() == LONG
