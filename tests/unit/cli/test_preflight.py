import os
import socket
from pathlib import Path

import pytest

from tests.ports import free_port
from vigint_web.cli.preflight import DataDirLock, StartError, check_data_dir, check_port


def test_a_free_port_passes() -> None:
    port = free_port()
    check_port("127.0.0.1", port)
    check_port("localhost", port)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])  # noqa: S104 - refused anyway
def test_a_taken_port_is_refused(host: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=f"Port {port} on {host} is already in use .*--port"):
            check_port(host, port)


def test_a_port_closed_a_moment_ago_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            peer, _ = server.accept()
            # Closed from this side first, it waits in TIME_WAIT.
            peer.close()
    check_port("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "port", "sentence"),
    [
        ("192.0.2.1", 8000, "is not an address of this machine"),
        ("127.0.0.1", 70000, "is no address to listen on"),
        ("no host", 8000, "is no address to listen on"),
        ("", -1, "is no address to listen on"),
    ],
)
def test_a_wrong_address_is_refused(host: str, port: int, sentence: str) -> None:
    with pytest.raises(StartError, match=sentence):
        check_port(host, port)


def test_the_data_directory_is_made_private(tmp_path: Path) -> None:
    check_data_dir(tmp_path / "a" / "data")
    assert (tmp_path / "a" / "data").stat().st_mode & 0o777 == 0o700
    assert list((tmp_path / "a" / "data").iterdir()) == []


def test_a_data_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match=r"cannot be written \(.+\).*VIGINT_DATA_DIR"):
        check_data_dir(tmp_path / "file" / "data")


def test_a_data_directory_has_one_supervisor(tmp_path: Path) -> None:
    with DataDirLock(tmp_path):
        with pytest.raises(StartError, match=rf"already runs .*\(process {os.getpid()}\)"):
            DataDirLock(tmp_path).__enter__()
        other = tmp_path / "other"
        other.mkdir()
        with DataDirLock(other):
            pass
    with DataDirLock(tmp_path):
        pass


def test_a_lock_left_by_a_dead_process_is_none(tmp_path: Path) -> None:
    (tmp_path / "vigint.lock").write_text("999999999999\n")
    with DataDirLock(tmp_path):
        assert (tmp_path / "vigint.lock").read_text() == f"{os.getpid()}\n"


def test_a_lock_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "vigint.lock").mkdir()
    with pytest.raises(StartError, match="cannot be written"):
        DataDirLock(tmp_path).__enter__()
