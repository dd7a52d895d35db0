import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests.functional.processes import PATIENCE_SECONDS
from vigint_web.cli.preflight import StartError
from vigint_web.cli.queue_server import QueueServer, find_queue_binary
from vigint_web.system.queue_socket import queue_socket, queue_url

Until = Callable[..., None]
Start = Callable[[QueueServer], "subprocess.Popen[bytes]"]


@pytest.fixture
def short_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data directory whose socket path fits; pytest's own per-test one may not."""
    path = tmp_path_factory.mktemp("q")
    assert len(bytes(path)) < 80
    return path


@pytest.fixture
def start(until: Until) -> Iterator[Start]:
    """Yield a function that starts a queue server and waits for it; all end with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def run(server: QueueServer) -> subprocess.Popen[bytes]:
        server.prepare()
        process = subprocess.Popen(server.argv)
        started.append(process)
        until(lambda: server.ready() or process.poll() is not None, "queue server ready")
        assert process.poll() is None, server.log_path.read_text()
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()


def client(server: QueueServer) -> Redis:
    return Redis.from_url(server.url, decode_responses=True)


def test_it_keeps_what_it_was_given_over_kill_9(short_dir: Path, start: Start) -> None:
    server = QueueServer(short_dir)
    process = start(server)
    with client(server) as redis:
        redis.set("key", "value")
    process.kill()
    process.wait()
    assert not server.ready()
    assert queue_socket(short_dir).exists()
    again = QueueServer(short_dir)
    start(again)
    with client(again) as redis:
        assert redis.get("key") == "value"


def test_a_command_cut_in_half_does_not_keep_it_from_starting(
    short_dir: Path, start: Start
) -> None:
    server = QueueServer(short_dir)
    process = start(server)
    with client(server) as redis:
        redis.set("key", "value")
    process.kill()
    process.wait()
    (log,) = (short_dir / "queue").glob("appendonlydir/*.incr.aof")
    with log.open("ab") as file:
        file.write(b"*3\r\n$3\r\nSET\r\n$3\r\nke")
    start(server)
    with client(server) as redis:
        assert redis.get("key") == "value"


def test_only_its_user_reaches_it_and_nothing_is_evicted(short_dir: Path, start: Start) -> None:
    server = QueueServer(short_dir)
    start(server)
    assert server.url == queue_url(short_dir) == f"unix://{short_dir}/queue/queue.sock"
    path = queue_socket(short_dir)
    assert stat.S_ISSOCK(path.stat().st_mode)
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    with client(server) as redis:
        config = redis.config_get("*")
    assert config["port"] == "0"
    assert config["maxmemory-policy"] == "noeviction"
    assert (config["appendonly"], config["appendfsync"]) == ("yes", "everysec")
    assert config["aof-load-truncated"] == "yes"
    assert config["dir"] == str(short_dir / "queue")


def test_an_orderly_end_and_cleanup_leave_no_socket(short_dir: Path, start: Start) -> None:
    server = QueueServer(short_dir)
    process = start(server)
    process.terminate()
    assert process.wait(PATIENCE_SECONDS) == 0
    server.cleanup()
    assert not queue_socket(short_dir).exists()


def test_a_long_data_directory_gets_a_short_private_socket(
    short_dir: Path, start: Start, until: Until
) -> None:
    data_dir = short_dir / ("long name/" * 10)
    data_dir.mkdir(parents=True)
    server = QueueServer(data_dir)
    process = start(server)
    path = queue_socket(data_dir)
    assert len(bytes(path)) <= 100
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    with client(server) as redis:
        redis.set("key", "value")
    process.kill()
    process.wait()
    again = QueueServer(data_dir)
    process = start(again)
    assert again.url == server.url == queue_url(data_dir)
    process.terminate()
    process.wait()
    again.cleanup()
    assert not path.parent.exists()
    start(again)
    with client(again) as redis:
        assert redis.get("key") == "value"
    assert queue_socket(data_dir) != path
    os.kill(redis_pid(again), signal.SIGTERM)
    until(lambda: not again.ready(), "end")
    again.cleanup()


def redis_pid(server: QueueServer) -> int:
    with client(server) as redis:
        return int(redis.info("server")["process_id"])


@pytest.mark.parametrize("mode", [0o755, None])
def test_a_remembered_socket_directory_is_only_used_when_private(
    short_dir: Path, mode: int | None
) -> None:
    data_dir = short_dir / ("long name/" * 10)
    server = QueueServer(data_dir)
    server.prepare()
    before = queue_socket(data_dir).parent
    if mode is None:
        before.rmdir()
    else:
        before.chmod(mode)
    assert queue_socket(data_dir).parent != before
    server.prepare()
    assert queue_socket(data_dir).parent != before
    server.cleanup()
    if before.exists():
        before.rmdir()


def test_a_server_without_supervisor_is_ended_and_its_data_kept(
    short_dir: Path, start: Start
) -> None:
    orphan = start(QueueServer(short_dir))
    with client(QueueServer(short_dir)) as redis:
        redis.set("key", "value")
    server = QueueServer(short_dir)
    start(server)
    assert orphan.wait(PATIENCE_SECONDS) == 0
    with client(server) as redis:
        assert redis.get("key") == "value"


def test_a_stale_socket_is_no_obstacle(short_dir: Path, start: Start) -> None:
    server = QueueServer(short_dir)
    server.prepare()
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(queue_socket(short_dir)))
    start(server)


def test_an_unusable_directory_is_refused(short_dir: Path) -> None:
    (short_dir / "queue").write_text("")
    with pytest.raises(StartError, match=r"cannot be used \(.+\).*VIGINT_DATA_DIR"):
        QueueServer(short_dir).prepare()


def test_argv_needs_preparation(short_dir: Path) -> None:
    with pytest.raises(RuntimeError):
        _ = QueueServer(short_dir).argv


def fake(folder: Path, name: str, script: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_the_machines_own_server_comes_first_if_it_works_and_is_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    packaged = find_queue_binary()
    assert packaged.path.parent != tmp_path
    redis = fake(tmp_path, "redis-server", "echo 'Redis server v=7.0.15 sha=00000000:0'")
    assert (find_queue_binary().path, find_queue_binary().version) == (redis, "7.0.15")
    valkey = fake(tmp_path, "valkey-server", "echo 'Valkey server v=8.1.1 sha=00000000:0'")
    assert find_queue_binary().path == valkey
    fake(tmp_path, "valkey-server", "echo 'Valkey server v=8.1.1'; exit 1")
    assert find_queue_binary().path == redis
    fake(tmp_path, "redis-server", "echo 'Redis server v=6.0.16 sha=00000000:0'")
    assert find_queue_binary() == packaged


def test_no_server_at_all_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("vigint_web.cli.queue_server.metadata.files", lambda _name: None)
    with pytest.raises(StartError, match=r"install Valkey or Redis .* VIGINT_REDIS_URL"):
        find_queue_binary()


def test_under_the_supervisor_it_comes_back_with_its_data(
    short_dir: Path, root: Path, until: Until
) -> None:
    server = QueueServer(short_dir)
    process = subprocess.Popen(
        [
            sys.executable,
            Path(__file__).with_name("supervised.py"),
            json.dumps({"children": [], "queue": str(short_dir)}),
        ],
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.DEVNULL,
    )
    try:
        until(server.ready, "start")
        with client(server) as redis:
            redis.set("key", "value")
        killed = redis_pid(server)
        os.kill(killed, signal.SIGKILL)
        until(lambda: server.ready() and redis_pid(server) != killed, "back")
        with client(server) as redis:
            assert redis.get("key") == "value"
        process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0
    finally:
        process.kill()
        process.wait()
    assert not queue_socket(short_dir).exists()
