"""Processes end quickly, and lose neither a signal nor running work."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from http.client import HTTPResponse
from pathlib import Path

import pytest

from tests.functional.processes import established
from tests.integration.boot.small_web import Web
from tests.integration.boot.supervised_children import STUBBORN, Supervised

Until = Callable[..., None]
Runs = Callable[[int], bool]

_ENDING = """
import atexit, sys, threading
from vigint_web.system.processes import run_and_exit
atexit.register(print, "registered")
class Late:
    def __del__(self):
        print("taken apart")
late = Late()
threading.Thread(target=threading.Event().wait).start()
def work():
    print("worked", end=" ")
    {end}
run_and_exit(work)
"""


@pytest.mark.parametrize(
    ("end", "status", "errors"),
    [
        ("pass", 0, ""),
        ("sys.exit()", 0, ""),
        ("sys.exit(3)", 3, ""),
        ("sys.exit(-1)", 255, ""),
        ("sys.exit('no')", 1, "no\n"),
    ],
)
def test_a_process_ends_with_its_status_and_waits_for_no_thread(
    root: Path, end: str, status: int, errors: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _ENDING.format(end=end)],
        env={"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert (done.returncode, done.stderr) == (status, errors)
    assert done.stdout == "worked registered\n", "flushed, and no module taken apart"


_FORKING = """
import os, signal
from vigint_web.system.processes import end_at_once_until_ready
signal.signal(signal.SIGTERM, lambda *_: None)  # as a master notes it for its own loop
end_at_once_until_ready({signal.SIGTERM})
for _ in range(50):
    child = os.fork()
    if child == 0:
        while True:  # not pause(): a signal just before it would be noted, and never looked at
            pass
    os.kill(child, signal.SIGTERM)
    assert os.waitpid(child, 0)[1] == 0
os.kill(os.getpid(), signal.SIGTERM)
print("all ended, and the master goes on")
"""


def test_a_process_that_is_not_prepared_yet_ends_at_a_signal(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FORKING],
        env={"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "all ended, and the master goes on\n"


@pytest.fixture
def connect(web: Web) -> Iterator[Callable[[bytes], socket.socket]]:
    """Provide a function that connects and sends."""
    with ExitStack() as opened:

        def to_web(sent: bytes) -> socket.socket:
            made = socket.create_connection(("127.0.0.1", web.port), timeout=60)
            opened.enter_context(made)
            made.sendall(sent)
            return made

        yield to_web


def test_a_hurried_stop_ends_what_is_idle_and_finishes_what_is_under_way(
    web: Web, connect: Callable[[bytes], socket.socket], until: Until
) -> None:
    kept = connect(b"GET /pid HTTP/1.1\r\nHost: web\r\n\r\n")
    answered = HTTPResponse(kept)
    answered.begin()
    assert (answered.status, bool(answered.read())) == (200, True)
    silent = connect(b"")
    paused = connect(b"GET /file HTTP/1.1\r\nHost: web\r\n\r\n")
    assert paused.recv(10), "a player that stopped reading"
    head = b"POST /echo HTTP/1.1\r\nHost: web\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n"
    under_way = connect(head)
    assert b"100 Continue" in under_way.recv(1_000), "its request has begun"
    under_way.sendall(b"first")
    web.get("/pid")  # earlier connections are accepted
    web.process.send_signal(signal.SIGQUIT)
    for idle in (kept, silent):
        assert idle.recv(10_000) == b"", "an idle connection is closed"
    until(lambda: established(web.port) == 1, "the player's connection is closed too")
    assert web.process.poll() is None, "a request is under way"
    under_way.sendall(b" last")
    answer = b"".join(iter(partial(under_way.recv, 10_000), b""))
    assert b"200 OK" in answer
    assert answer.endswith(b"first last")
    assert web.process.wait(60) == 0
    assert "Traceback" not in web.log.read_text()


def test_a_stop_says_what_it_waits_for_and_how_to_cut_it_short(
    supervised: Supervised, until: Until, runs: Runs
) -> None:
    process = supervised.start_ready(
        supervised.child("web"),
        supervised.child("worker", STUBBORN),
        options={"warm_seconds": 600},
    )
    assert "report" not in supervised.log(), "a start is no matter for it"
    process.send_signal(signal.SIGINT)
    until(lambda: "report: waiting" in supervised.log(), "it says what it waits for")
    pid = supervised.pid("worker")
    assert f"report: stopping\nreport: waiting for {{'worker': {pid}}}" in supervised.log()
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert supervised.log().endswith("report: cut short\n")
    assert not any(runs(pid) for pid in supervised.pids())


def test_a_stop_with_nothing_under_way_says_so_once(supervised: Supervised) -> None:
    process = supervised.start_ready(supervised.child("web"))
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert supervised.log().count("report:") == 1


def test_a_death_is_reported(supervised: Supervised, until: Until) -> None:
    supervised.start_ready(supervised.child("web"))
    os.kill(supervised.pid("web"), signal.SIGKILL)
    until(lambda: "report: web (process" in supervised.log(), "it is reported")
    assert "was killed by SIGKILL, again after 0" in supervised.log()
