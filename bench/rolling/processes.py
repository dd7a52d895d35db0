"""Run the processes of two versions side by side, on one data directory and one socket."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from redis import Redis, RedisError

from tests.functional.processes import wait_until
from vigint_web.system.processes import die_with_parent
from vigint_web.system.queue_socket import queue_url

ROOT = Path(__file__).resolve().parents[2]
# Jobs are finished within this time of SIGTERM (docs: warm shutdown).
_STOP_SECONDS = 60.0


@contextmanager
def checkout(commit: str, folder: Path) -> Iterator[Path]:
    """Provide a commit of this repository in a folder of its own."""
    git = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*git, "add", "--quiet", "--detach", str(folder), commit], check=True)
    try:
        yield folder
    finally:
        subprocess.run([*git, "remove", "--force", str(folder)], check=True)


class Version:
    """The processes of one version of the product."""

    def __init__(
        self, name: str, code: Path, environment: dict[str, str], listener: socket.socket, log: Path
    ) -> None:
        self.name = name
        self._code, self._environment, self._listener, self._log = code, environment, listener, log
        self._processes: list[subprocess.Popen[bytes]] = []
        self._queue: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """Return what all of its processes wrote."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def command(self, *arguments: str, given: str = "") -> str:
        """Run a command; return what it printed.

        Raises:
            SystemExit: it failed.
        """
        done = subprocess.run(
            [sys.executable, "-m", "vigint_web", *arguments],
            cwd=self._code,
            env=self._environment,
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(
                f"{self.name}: {arguments[0]} ended with {done.returncode}:"
                f" {done.stdout[-3000:]}{done.stderr[-3000:]}"
            )
        return done.stdout

    def start_queue(self) -> None:
        """Start the queue server that all share, until `stop_queue`; return once it answers."""
        self._queue = self._start("-m", "vigint_web", "queue")
        url = queue_url(Path(self._environment["VIGINT_DATA_DIR"]))
        wait_until(lambda: _answers(url), "the queue server answers")

    def start(self) -> None:
        """Start web, two workers and the scheduler, as the units of systemd do."""
        web = (
            "-m", "vigint_web.server.serving",
            "--config", "python:vigint_web.server.gunicorn_config",
            "--bind", f"fd://{self._listener.fileno()}", "wsgi:app",
        )  # fmt: skip
        worker = ("-m", "vigint_web", "worker")
        for arguments in (web, (*worker, "mail", "incidents"), worker, (*worker[:-1], "scheduler")):
            self._processes.append(self._start(*arguments))

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *arguments],
                cwd=self._code,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[self._listener.fileno()],
                start_new_session=True,
                preexec_fn=partial(die_with_parent, os.getpid()),  # noqa: PLW1509 - of short tasks
            )

    def check(self) -> None:
        """Check that none of its processes has ended.

        Raises:
            SystemExit: one has.
        """
        for process in self._processes:
            if process.poll() is not None:
                raise SystemExit(f"{self.name}: {process.args!r} has ended: {self.log[-3000:]}")

    def stop(self) -> None:
        """End its processes as a service manager does, but for the queue server."""
        _end(self._processes)
        self._processes.clear()

    def stop_queue(self) -> None:
        """End the queue server."""
        if self._queue is not None:
            _end([self._queue])
            self._queue = None


def _answers(url: str) -> bool:
    with Redis.from_url(url) as redis:
        try:
            return bool(redis.ping())
        except RedisError:
            return False


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.send_signal(signal.SIGTERM)
    ended_by = time.monotonic() + _STOP_SECONDS
    for process in processes:
        try:
            process.wait(max(0.0, ended_by - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def stop_all(versions: Sequence[Version]) -> None:
    """End what is left running."""
    for version in versions:
        version.stop()
    for version in versions:
        version.stop_queue()
