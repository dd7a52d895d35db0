"""The web server is replaced under a hundred requests a second, without a refused connection."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.functional.installation import ROOT, Installation
from tests.functional.processes import children_of, runs, wait_until
from tests.functional.steady_load import SteadyLoad
from tests.functional.web import request

_ANSWERS = 200


def _masters(vigint: Installation) -> list[int]:
    return vigint.children("gunicorn")


def _replace(load: SteadyLoad, end: Callable[[], int], find: Callable[[], list[int]]) -> None:
    """End the web server, and continue until another one has answered for a while."""

    def answered() -> int:
        return load.answers.total()

    wait_until(lambda: answered() > _ANSWERS, "answers before")
    ended = end()
    wait_until(lambda: not runs(ended), "it has ended")
    wait_until(lambda: [pid for pid in find() if pid != ended], "another one runs")
    before = answered()
    wait_until(lambda: answered() > before + _ANSWERS, "answers after", 90)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["TERM", "HUP"])
def test_up_replaces_its_web_server_and_refuses_nobody(
    vigint: Installation, number: signal.Signals
) -> None:
    wait_until(vigint.is_ready, "everything is up")
    load = SteadyLoad(f"{vigint.url}/healthz")
    with load.about():
        [master] = _masters(vigint)

        def end() -> int:
            before = children_of(master)
            os.kill(master, number)
            return before[0] if number == signal.SIGHUP else master

        def find() -> list[int]:
            return [pid for found in _masters(vigint) for pid in (found, *children_of(found))]

        _replace(load, end, find)
    print(dict(load.answers))
    assert not load.failures, load.failures


def test_who_connects_while_a_killed_web_server_is_replaced_waits(vigint: Installation) -> None:
    """Its running answers are lost; no other connection is refused."""
    wait_until(vigint.is_ready, "everything is up")
    load = SteadyLoad(f"{vigint.url}/healthz", keeping=0)
    with load.about():

        def end() -> int:
            [master] = _masters(vigint)
            os.kill(master, signal.SIGKILL)
            return master

        _replace(load, end, lambda: _masters(vigint))
    print(dict(load.answers))
    assert "new: ConnectionRefusedError" not in load.failures, load.failures
    assert sum(load.failures.values()) < 100, load.failures


class Activator:
    """Act like systemd for vigint-web.socket and .service: listen, start, restart."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self.port = self.listener.getsockname()[1]
        self.process = self.start()

    def start(self) -> "subprocess.Popen[bytes]":
        """Start the service with the socket as its descriptor 3 (sd_listen_fds(3))."""
        listener = self.listener.fileno()
        return subprocess.Popen(
            [
                "/bin/sh", "-c", 'export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@"', "sh",
                # The configured address differs: it is used only without a socket.
                sys.executable, "-m", "vigint_web", "web", "--port", str(self.port),
            ],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            preexec_fn=lambda: os.dup2(listener, 3),  # noqa: PLW1509 - one system call
            pass_fds=(3,),
        )  # fmt: skip

    def end_and_start_again(self) -> int:
        """Act like `systemctl restart`; return the process that ended."""
        self.process.send_signal(signal.SIGTERM)
        ended = self.process
        assert ended.wait(30) == 0, "it ended as asked"
        self.process = self.start()
        return ended.pid

    def close(self) -> None:
        """Stop, and listen no more."""
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        self.process.kill()
        self.process.wait()
        self.listener.close()


@pytest.fixture
def activated(fresh: Callable[..., Installation], tmp_path: Path) -> Iterator[Activator]:
    """Provide a web server with an inherited socket."""
    installation = fresh("activated")
    installation.command("migrate")
    activator = Activator(installation.environment)
    try:
        yield activator
    finally:
        activator.close()


def test_a_web_server_that_was_handed_its_socket_is_replaced_and_nobody_refused(
    activated: Activator,
) -> None:
    url = f"http://127.0.0.1:{activated.port}/healthz"
    assert request(url).status == 200, "who connects before it has started waits too"
    load = SteadyLoad(url)
    with load.about():
        _replace(load, activated.end_and_start_again, lambda: [activated.process.pid])
    print(dict(load.answers))
    assert not load.failures, load.failures
