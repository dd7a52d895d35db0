import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.functional.processes import wait_until
from tests.integration.boot.small_web import web
from tests.integration.boot.supervised_children import supervised

__all__ = ["supervised", "web"]  # fixtures

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the checkout."""
    return ROOT


@pytest.fixture
def until() -> Callable[..., None]:
    """Return a function that waits for a condition, and fails after the time limit."""
    return wait_until


@pytest.fixture
def runs() -> Callable[[int], bool]:
    """Return a function that checks whether a process runs; a zombie does not."""

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
