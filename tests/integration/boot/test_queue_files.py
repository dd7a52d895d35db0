"""Damaged files of the queue server do not prevent the start."""

import logging
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from redis import Redis

from tests import queue_damage
from vigint_web.cli import queue_files
from vigint_web.cli.queue_server import QueueServer
from vigint_web.system.processes import die_with_parent

Until = Callable[..., None]


class Runs:
    """Runs a queue server like the supervisor: its files are checked before a restart."""

    def __init__(self, data_dir: Path, until: Until) -> None:
        self.server = QueueServer(data_dir)
        self._until = until
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> bool:
        """Start it; return whether it is up."""
        self.server.prepare()
        self.process = subprocess.Popen(
            self.server.argv,
            preexec_fn=partial(die_with_parent, os.getpid()),  # noqa: PLW1509 - one thread
        )
        process = self.process
        self._until(lambda: self.server.ready() or process.poll() is not None, "up or ended")
        return process.poll() is None

    def kill(self) -> None:
        """Kill it, if it runs."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def client(self) -> Redis:
        """Return a client."""
        return Redis.from_url(self.server.url)


@pytest.fixture
def runs(tmp_path_factory: pytest.TempPathFactory, until: Until) -> Iterator[Runs]:
    """Provide a queue server with jobs in its files, which was killed."""
    made = Runs(tmp_path_factory.mktemp("q"), until)
    assert made.start()
    with made.client() as client:
        for number in range(300):
            client.hset(f"rq:job:{number}", mapping={"data": "x" * 100, "origin": "mail"})
            client.rpush("rq:queue:mail", number)
        client.wait(0, 0)
    made.kill()
    yield made
    made.kill()


@pytest.mark.parametrize(
    ("file", "kind", "place"),
    [
        pytest.param(*case, marks=() if case in queue_damage.ORDINARY else pytest.mark.campaign)
        for case in queue_damage.CASES
    ],
)
def test_it_starts_whatever_its_files_hold(
    runs: Runs, file: str, kind: str, place: int, caplog: pytest.LogCaptureFixture
) -> None:
    home = runs.server.log_path.parent
    damaged = queue_damage.damage(home, file, kind, place).read_bytes()
    if runs.start():
        return  # it keeps the readable part
    with caplog.at_level(logging.WARNING):
        runs.server.begin_anew_if_damaged()
    assert runs.start(), "it does not start without its files either"
    with runs.client() as client:
        assert client.dbsize() == 0
        client.set("key", "value")
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 1, messages
    [aside] = (home / "damaged").iterdir()
    assert str(aside) in messages[0]
    kept = {path.read_bytes() for path in aside.rglob("*") if path.is_file()}
    assert damaged in kept, "the damaged file is gone"


def test_good_files_stay_where_they_are(runs: Runs) -> None:
    runs.server.begin_anew_if_damaged()
    assert runs.start()
    with runs.client() as client:
        assert client.llen("rq:queue:mail") == 300, "a queue was thrown away without need"


def test_files_stay_when_the_server_does_not_start_without_them_either(
    runs: Runs, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home = runs.server.log_path.parent
    before = sorted(home.rglob("*"))
    refuses = lambda folder, socket, log: ["false"]  # noqa: E731
    assert queue_files.put_damaged_aside(home, refuses) is None
    assert sorted(home.rglob("*")) == before
    assert not caplog.records


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_that_cannot_be_read_is_put_aside(runs: Runs) -> None:
    home = runs.server.log_path.parent
    [path] = home.glob("appendonlydir/*.incr.aof")
    path.chmod(0)
    runs.server.begin_anew_if_damaged()
    assert runs.start()


def test_a_folder_where_a_file_should_be_is_put_aside(runs: Runs) -> None:
    home = runs.server.log_path.parent
    [path] = home.glob("appendonlydir/*.manifest")
    path.unlink()
    path.mkdir()
    assert not runs.start()
    runs.server.begin_anew_if_damaged()
    assert runs.start()


def test_few_and_small_ones_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_files, "MOST_KEPT_BYTES", 200_000)
    starts = iter([False, True] * 9)
    monkeypatch.setattr(queue_files, "_starts", lambda *_: next(starts))
    for number, size in enumerate([10, 10, 10, 10, 400_000, 10]):
        (tmp_path / "dump.rdb").write_bytes(os.urandom(size))
        queue_files.put_damaged_aside(tmp_path, lambda *_: [])
        kept = list((tmp_path / "damaged").iterdir())
        assert len(kept) <= queue_files.MOST_KEPT, number
        total = sum(path.stat().st_size for path in (tmp_path / "damaged").rglob("*.rdb"))
        assert total <= 200_000, "a disk must not fill up with them"
