"""Alerts in the background: bounded, in order, and never blocking."""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.unit.client.fake_vigint import KEY, FakeClock, FakeVigint, Fault
from vigint_client import background
from vigint_client.alerts import AlertManager
from vigint_client.background import BackgroundQueue, Job

CHECKOUT = Path(__file__).resolve().parents[3]
PATIENCE = 10.0


class Gate:
    """A job that reports its start and ends on demand."""

    def __init__(self) -> None:
        self.running = threading.Event()
        self.go = threading.Event()

    def __call__(self) -> None:
        self.running.set()
        assert self.go.wait(PATIENCE)


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.go.set()


def block(queue: BackgroundQueue, gate: Gate) -> None:
    assert queue.submit(Job(gate, 0))
    assert gate.running.wait(PATIENCE)


def test_jobs_run_in_order_and_survive_a_failing_one(caplog: pytest.LogCaptureFixture) -> None:
    queue = BackgroundQueue()
    done: list[int] = []

    def fail() -> None:
        raise RuntimeError("broken job")

    for number in range(5):
        assert queue.submit(Job(partial(done.append, number), 1))
        assert queue.submit(Job(fail, 1))
    assert queue.drain(PATIENCE) == 0
    assert done == [0, 1, 2, 3, 4]
    assert queue.held_bytes == 0
    assert caplog.text.count("An alert in the background failed") == 5


def test_a_full_queue_refuses_at_once(gate: Gate) -> None:
    queue = BackgroundQueue(max_waiting=2, max_bytes=100)
    block(queue, gate)
    assert queue.submit(Job(lambda: None, 60))
    assert not queue.submit(Job(lambda: None, 60))
    assert queue.submit(Job(lambda: None, 40))
    assert not queue.submit(Job(lambda: None, 0))
    assert queue.drain(0) == 3
    gate.go.set()
    assert queue.drain(PATIENCE) == 0


def test_closing_says_what_was_given_up(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    queue = BackgroundQueue()
    block(queue, gate)
    queue.submit(Job(lambda: None, 0))
    queue.close(0)
    assert "2 alert(s) could not be sent" in caplog.text


def test_closing_ends_a_long_pause() -> None:
    queue = BackgroundQueue()
    paused = threading.Event()

    def pause() -> None:
        paused.set()
        queue.sleep(3600)

    queue.submit(Job(pause, 0))
    assert paused.wait(PATIENCE)
    queue.close(PATIENCE)
    assert queue.drain(0) == 0


def test_an_alert_in_the_background(
    vigint: FakeVigint, make_manager: Callable[..., AlertManager], gate: Gate,
    caplog: pytest.LogCaptureFixture, png: bytes,
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    queue = BackgroundQueue()
    block(queue, gate)
    monkeypatch.setattr(queue, "sleep", clock.sleep)
    manager = make_manager(queue=queue)
    array = np.full((8, 8, 3), 200, np.uint8)
    vigint.faults.extend([Fault("cut"), None])
    with caplog.at_level(logging.INFO):
        result = manager.send_security_alert_with_video("m", [array, png], background=True)
        assert (result["success"], result["pending"], result["queued"]) == (True, True, True)
        assert result["frames_queued"] == 2
        assert vigint.received == []
        array[:] = 0
        gate.go.set()
        assert queue.drain(PATIENCE) == 0
    assert "accepted as incident inc1" in caplog.text
    assert len({item.headers["idempotency-key"] for item in vigint.posts()}) == 1
    assert len(vigint.incidents) == 1
    frames = [part for part in vigint.posts()[0].parts if part[0] == "frames"]
    assert len(frames) == 2


def test_a_full_queue_is_told_to_the_detector(
    vigint: FakeVigint, make_manager: Callable[..., AlertManager], gate: Gate, png: bytes
) -> None:
    queue = BackgroundQueue(max_waiting=1)
    block(queue, gate)
    manager = make_manager(queue=queue)
    assert manager.send_security_alert_with_video("m", [png], background=True)["success"]
    result = manager.send_security_alert_with_video("m", [png], background=True)
    assert result["success"] is False
    assert "too many alerts" in result["error"]
    assert result["fallback_used"] is None


def test_much_raw_footage_is_compressed_before_it_waits(
    make_manager: Callable[..., AlertManager], gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = BackgroundQueue()
    block(queue, gate)
    manager = make_manager(queue=queue)
    frames = [np.zeros((100, 100, 3), np.uint8)] * 10
    manager.send_security_alert_with_video("m", frames, background=True)
    assert queue.held_bytes == 300_000
    monkeypatch.setattr(background, "RAW_BYTES", 500_000)
    manager.send_security_alert_with_video("m", frames, background=True)
    assert 300_000 < queue.held_bytes < 350_000


def test_the_end_of_a_program_waits_for_its_alerts(vigint: FakeVigint) -> None:
    program = (
        "from alerts import send_security_alert_with_video as send\n"
        "print(send('m', background=True)['queued'])\n"
    )
    environ = os.environ | {"VIGINT_SERVER_URL": vigint.url, "VIGINT_API_KEY": KEY}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=CHECKOUT, env=environ, capture_output=True,
        text=True, check=True, timeout=150,
    )  # fmt: skip
    assert done.stdout == "True\n"
    assert len(vigint.incidents) == 1


def test_a_forked_child_has_a_queue_of_its_own() -> None:
    program = (
        "import os, threading\n"
        "from vigint_client.background import Job, shared_queue\n"
        "gate = threading.Event()\n"
        "parent = shared_queue()\n"
        "parent.submit(Job(gate.wait, 0)); parent.submit(Job(gate.wait, 0))\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    own = shared_queue()\n"
        "    done = []\n"
        "    own.submit(Job(lambda: done.append(1), 0))\n"
        "    left = own.drain(5)\n"
        "    raise SystemExit(0 if own is not parent and done == [1] and left == 0 else 1)\n"
        "_, status = os.waitpid(child, 0)\n"
        "gate.set()\n"
        "print(os.waitstatus_to_exitcode(status), parent.drain(5))\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], cwd=CHECKOUT, capture_output=True,
        text=True, check=True, timeout=150,
    )  # fmt: skip
    assert done.stdout == "0 0\n"


def test_nothing_foreign_is_imported_with_the_library() -> None:
    program = (
        "import sys, alerts, video_link_service, demo_video_link_service, test_video_link_service\n"
        "roots = {name.partition('.')[0] for name in sys.modules}\n"
        "foreign = roots - set(sys.stdlib_module_names)\n"
        "print(sorted(name for name in foreign if not name.startswith('_')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(CHECKOUT)!r})\n"
         + program],
        capture_output=True, text=True, check=True, timeout=150,
    )  # fmt: skip
    assert done.stdout.strip() == str(
        ["alerts", "demo_video_link_service", "test_video_link_service", "video_link_service",
         "vigint_client"]
    )  # fmt: skip
