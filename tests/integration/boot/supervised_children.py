"""A supervisor in a process of its own, for the tests, and children with various behaviours."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Until = Callable[..., None]
Runs = Callable[[int], bool]

# Each writes its process id to a file atomically, and its orderly end to `ended`.
HEAD = """
import os, signal, sys
os.chdir({home!r})
def tell(name, pid):
    open(name + ".new", "w").write(str(pid))
    os.rename(name + ".new", name + ".pid")
def end(*_):
    with open("ended", "a") as log:
        log.write({name!r} + "\\n")
    sys.exit(0)
# A signal wakes the read; just before pause() it would be noted, and its handler never run.
woken, wakes = os.pipe()
os.set_blocking(wakes, False)
signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
def wait():
    while True:
        os.read(woken, 1)
"""
STEADY = """
signal.signal(signal.SIGTERM, end)
tell({name!r}, os.getpid())
wait()
"""
STUBBORN = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
tell({name!r}, os.getpid())
wait()
"""
FAMILY = """
if os.fork() == 0:
    tell({name!r} + "-child", os.getpid())
else:
    tell({name!r}, os.getpid())
wait()
"""
SHORT = """
tell({name!r}, os.getpid())
sys.exit(3)
"""


class Supervised:
    """One supervisor in a process of its own, and its children."""

    def __init__(self, home: Path, root: Path, until: Until) -> None:
        self.home = home
        self._root = root
        self._until = until
        self.process: subprocess.Popen[str] | None = None

    def child(self, name: str, body: str = STEADY, **more: Any) -> dict[str, Any]:
        code = (HEAD + body).format(name=name, home=str(self.home))
        return {
            "name": name,
            "argv": [sys.executable, "-ISc", code],
            "ready_when": str(self.home / f"{name}.pid"),
            **more,
        }

    def start(self, *children: dict[str, Any], **plan: Any) -> subprocess.Popen[str]:
        plan["children"] = children
        with (self.home / "log").open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, Path(__file__).with_name("supervised.py"), json.dumps(plan)],
                env={**os.environ, "PYTHONPATH": str(self._root)},
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
            )
        return self.process

    def start_ready(self, *children: dict[str, Any], **plan: Any) -> subprocess.Popen[str]:
        process = self.start(*children, **plan)
        self._until(lambda: "ready\n" in self.log() or process.poll() is not None, "start")
        assert process.poll() is None, self.log()
        return process

    def log(self) -> str:
        return (self.home / "log").read_text()

    def pid(self, name: str) -> int:
        return int((self.home / f"{name}.pid").read_text())

    def pids(self) -> list[int]:
        return [int(file.read_text()) for file in self.home.glob("*.pid")]

    def ended(self) -> list[str]:
        file = self.home / "ended"
        return file.read_text().split() if file.exists() else []


@pytest.fixture
def supervised(tmp_path: Path, root: Path, until: Until, runs: Runs) -> Iterator[Supervised]:
    """Yield a supervisor that is not started, and clean up after it."""
    home = tmp_path / "home"
    home.mkdir()
    supervised = Supervised(home, root, until)
    yield supervised
    if supervised.process is not None and supervised.process.poll() is None:
        supervised.process.kill()
        supervised.process.wait()
    for pid in supervised.pids():
        if runs(pid):
            os.kill(pid, signal.SIGKILL)
