"""Uploads against the real server: interrupted, killed, raced, revoked, and byte-identical at the
end.
"""

import hashlib
import io
import os
import random
import re
import secrets
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from tusclient.client import TusClient

from tests.functional.installation import Installation
from tests.functional.processes import wait_until
from tests.functional.tus import Uploader, break_off, status_of

MIB = 1024 * 1024


@pytest.fixture
def uploader(vigint: Installation) -> Uploader:
    return Uploader(vigint.url, vigint.api_key)


def _bytes(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _no_temporary_file(vigint: Installation) -> None:
    folder = vigint.data_dir / "media" / ".incoming"
    wait_until(
        lambda: not [p for p in folder.iterdir() if p.name.startswith("upl_")], "nothing is left"
    )


def test_a_connection_that_breaks_loses_nothing(vigint: Installation, uploader: Uploader) -> None:
    data = _bytes(6 * MIB)
    path = uploader.create(len(data))
    first = uploader.begin(path, len(data))
    first.sendall(data[: 3 * MIB])
    wait_until(lambda: uploader.offset(path) >= 2 * MIB, "bytes are on the disk while more come")
    break_off(first)
    assert uploader.go_on(path, data).headers["Upload-Offset"] == str(len(data))
    assert uploader.document(path)["sha256"] == _sha256(data)
    _no_temporary_file(vigint)


def test_a_killed_server_goes_on_from_the_last_durable_byte(
    vigint: Installation, uploader: Uploader
) -> None:
    data = _bytes(6 * MIB, 2)
    path = uploader.create(len(data))
    connection = uploader.begin(path, len(data))
    connection.sendall(data[: 3 * MIB])
    wait_until(lambda: uploader.offset(path) >= 2 * MIB, "bytes are on the disk while more come")
    before = vigint.web_processes()
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    assert status_of(connection) == 0
    connection.close()
    wait_until(
        lambda: vigint.is_ready() and not set(before) & set(vigint.web_processes()),
        "others answer instead",
    )
    assert uploader.offset(path) >= 2 * MIB
    offset = uploader.offset(path)
    assert uploader.patch(path, data[offset:], offset).status == 204, (
        "there is no wait for the dead writer"
    )
    assert uploader.document(path)["sha256"] == _sha256(data)
    _no_temporary_file(vigint)


def _at_once(uploader: Uploader, path: str, pieces: list[bytes], offset: int) -> list[int]:
    """Send several pieces to the same upload concurrently; return their statuses."""
    together = threading.Barrier(len(pieces))

    def send(piece: bytes) -> int:
        together.wait()
        return uploader.patch(path, piece, offset).status

    with ThreadPoolExecutor(len(pieces)) as pool:
        return list(pool.map(send, pieces))


def test_of_two_clients_one_writes_and_their_bytes_never_mix(uploader: Uploader) -> None:
    turns, piece = 8, MIB // 2
    path = uploader.create(turns * piece)
    expected = b""
    for turn in range(turns):
        pieces = [bytes([2 * turn + which]) * piece for which in (0, 1)]
        statuses = _at_once(uploader, path, pieces, turn * piece)
        assert sorted(statuses) in ([204, 409], [204, 423]), statuses
        expected += pieces[statuses.index(204)]
        assert uploader.offset(path) == len(expected)
    assert uploader.document(path)["sha256"] == _sha256(expected)


def test_a_newer_request_takes_over_from_one_that_fell_silent(
    vigint: Installation, uploader: Uploader
) -> None:
    data = _bytes(3 * MIB, 3)
    path = uploader.create(len(data))
    silent = uploader.begin(path, len(data))
    silent.sendall(data[:MIB])
    reached = wait_until(lambda: uploader.offset(path), "its bytes are on the disk")
    refused = uploader.patch(path, data[reached:], reached)
    assert (refused.status, refused.json()["code"]) == (423, "locked")
    assert refused.headers["Retry-After"].isdigit()
    uploader.go_on(path, data)
    with suppress(ConnectionError):
        silent.sendall(data[MIB:])  # it wakes up
    assert status_of(silent) in {0, 423}
    silent.close()
    assert uploader.document(path)["sha256"] == _sha256(data)
    _no_temporary_file(vigint)


def test_a_revoked_key_ends_an_upload_that_is_under_way(vigint: Installation) -> None:
    uploader = Uploader(vigint.url, secrets.token_urlsafe(32))
    vigint.secrets.add(uploader.key)
    vigint.sql(
        "INSERT INTO api_keys (site_id, name, prefix, key_hash, scopes, created_at)"
        " SELECT site_id, 'revoked', 'r', ?, 'upload', created_at FROM api_keys LIMIT 1",
        _sha256(uploader.key.encode()),
    )
    path = uploader.create(3 * MIB)
    connection = uploader.begin(path, 3 * MIB)
    connection.sendall(b"x" * MIB)
    wait_until(lambda: uploader.offset(path), "its bytes are on the disk")
    vigint.sql("UPDATE api_keys SET revoked_at = created_at WHERE name = 'revoked'")
    assert status_of(connection) in {0, 423}, "it is ended although it would send more"
    connection.close()
    assert uploader.ask("HEAD", path).status == 403


def test_tuspy_goes_on_where_another_one_stopped(vigint: Installation, uploader: Uploader) -> None:
    data = _bytes(5 * MIB, 4)
    client = TusClient(f"{vigint.url}/api/v1/uploads/", headers={"X-API-Key": uploader.key})
    metadata = {"filename": "clip.mp4"}
    first = client.uploader(file_stream=io.BytesIO(data), chunk_size=MIB, metadata=metadata)
    first.upload(stop_at=2 * MIB)
    second = client.uploader(
        file_stream=io.BytesIO(data), chunk_size=MIB, url=first.url, upload_checksum=True
    )
    assert second.offset == 2 * MIB
    second.upload()
    path = str(first.url).removeprefix(vigint.url)
    assert uploader.document(path)["sha256"] == _sha256(data)


def _peak(pids: list[int]) -> int:
    """Return the most memory that any of these processes ever had, in KiB (proc(5))."""
    statuses = [Path(f"/proc/{pid}/status").read_text() for pid in pids]
    found = [re.search(r"VmHWM:\s+(\d+)", text) for text in statuses]
    return max(int(match.group(1)) for match in found if match)


def _upload(uploader: Uploader, size: int, piece: int) -> tuple[str, str]:
    digest, block = hashlib.sha256(), _bytes(piece, 5)
    path = uploader.create(size)
    for offset in range(0, size, piece):
        assert uploader.patch(path, block, offset).status == 204
        digest.update(block)
    return path, digest.hexdigest()


def test_memory_stays_constant(vigint: Installation, uploader: Uploader) -> None:
    web = vigint.web_processes()
    _upload(uploader, MIB, MIB)
    before = _peak(web)
    path, sha256 = _upload(uploader, 64 * MIB, 32 * MIB)
    assert _peak(web) - before < 32 * 1024
    assert uploader.document(path)["sha256"] == sha256
