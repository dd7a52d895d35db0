import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the checkout."""
    return ROOT


@pytest.fixture
def until() -> Callable[..., None]:
    """Return a function that waits for a condition, and fails when it does not come in time."""

    def wait(condition: Callable[[], object], what: str, seconds: float = 10) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
            time.sleep(0.01)

    return wait


@pytest.fixture
def runs() -> Callable[[int], bool]:
    """Return a function that tells whether a process runs; a zombie does not."""

    def look(pid: int) -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except FileNotFoundError:
            return not Path("/proc/self").exists()
        return stat.rpartition(")")[2].split()[0] != "Z"

    return look
