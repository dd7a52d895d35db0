import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.functional.processes import PATIENCE_SECONDS
from tests.integration.boot.supervised_children import FAMILY, SHORT, STUBBORN, Supervised

Until = Callable[..., None]
Runs = Callable[[int], bool]


def test_a_killed_child_is_back_within_three_seconds(
    supervised: Supervised, until: Until, runs: Runs
) -> None:
    supervised.start_ready(
        supervised.child("queue", order=0), supervised.child("web"), supervised.child("worker")
    )
    for name in ("queue", "web", "worker", "web"):
        others = {other: supervised.pid(other) for other in ("queue", "web", "worker")}
        killed = others.pop(name)
        os.kill(killed, signal.SIGKILL)
        until(lambda name=name, old=killed: supervised.pid(name) != old, f"{name} back")
        assert runs(supervised.pid(name))
        assert {other: supervised.pid(other) for other in others} == others
    lines = re.findall(r"The (\w+) \(process \d+\) was killed by SIGKILL; .+", supervised.log())
    assert lines == ["queue", "web", "worker", "web"]


def test_children_that_keep_dying_are_restarted_with_growing_pauses(
    supervised: Supervised, until: Until
) -> None:
    supervised.start_ready({**supervised.child("web", SHORT), "ready_when": None})
    until(lambda: "in 1 s" in supervised.log(), "four deaths")
    pauses = re.findall(r"ended with status 3; starting it again (.+)\.", supervised.log())
    assert pauses == ["now", "in 0.25 s", "in 0.5 s", "in 1 s"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_everything_and_the_queue_last(
    supervised: Supervised, runs: Runs, number: int
) -> None:
    process = supervised.start_ready(
        supervised.child("queue", order=0), supervised.child("web"), supervised.child("worker")
    )
    process.send_signal(number)
    assert process.wait(PATIENCE_SECONDS) == 0
    assert sorted(supervised.ended()) == ["queue", "web", "worker"]
    assert supervised.ended()[-1] == "queue"
    assert not any(runs(pid) for pid in supervised.pids())


def test_a_stop_during_the_start_is_heard(supervised: Supervised, until: Until, runs: Runs) -> None:
    process = supervised.start(
        supervised.child("queue", order=0),
        {**supervised.child("web"), "ready_when": str(supervised.home / "never")},
    )
    until((supervised.home / "web.pid").exists, "web started")
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_SECONDS) == 0
    assert "ready\n" not in supervised.log()
    assert not any(runs(pid) for pid in supervised.pids())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_nothing_outlives_a_killed_supervisor(
    supervised: Supervised, until: Until, runs: Runs
) -> None:
    process = supervised.start_ready(
        supervised.child("queue", STUBBORN, order=0), supervised.child("web", STUBBORN)
    )
    pids = supervised.pids()
    assert len(pids) == 2
    process.kill()
    process.wait()
    until(lambda: not any(runs(pid) for pid in pids), "children gone")


def test_the_group_of_a_dead_child_goes_with_it(
    supervised: Supervised, until: Until, runs: Runs
) -> None:
    supervised.start_ready(supervised.child("web", FAMILY))
    until((supervised.home / "web-child.pid").exists, "grandchild")
    leader, grandchild = supervised.pid("web"), supervised.pid("web-child")
    os.kill(leader, signal.SIGKILL)
    until(lambda: not runs(grandchild), "grandchild gone")
    until(lambda: supervised.pid("web-child") not in (leader, grandchild), "family back")


def test_a_child_that_does_not_end_is_killed(supervised: Supervised, runs: Runs) -> None:
    process = supervised.start_ready(
        supervised.child("web", STUBBORN), options={"warm_seconds": 0.5}
    )
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_SECONDS) == 0
    assert "Killed after" in supervised.log()
    assert not runs(supervised.pid("web"))


def test_a_second_ctrl_c_does_not_wait(supervised: Supervised, until: Until, runs: Runs) -> None:
    process = supervised.start_ready(
        supervised.child("queue", STUBBORN, order=0),
        supervised.child("web", STUBBORN),
        options={"warm_seconds": 120},
    )
    process.send_signal(signal.SIGINT)

    def again() -> bool:
        process.send_signal(signal.SIGINT)
        return process.poll() is not None

    until(again, "cold stop")
    assert process.returncode == 0
    assert not any(runs(pid) for pid in supervised.pids())


def test_a_repeated_signal_of_one_sender_stays_warm(supervised: Supervised, until: Until) -> None:
    slow = """
import time
def slowly(*_):
    time.sleep(0.2)
    end()
signal.signal(signal.SIGTERM, slowly)
tell({name!r}, os.getpid())
wait()
"""
    process = supervised.start_ready(supervised.child("web", slow))
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_SECONDS) == 0
    assert supervised.ended() == ["web"]


def test_a_child_that_never_starts_ends_the_start_with_a_sentence(
    supervised: Supervised, runs: Runs
) -> None:
    process = supervised.start(
        supervised.child("queue", order=0),
        {
            **supervised.child("web", SHORT, failure_hint="Look at config.ini."),
            "ready_when": str(supervised.home / "never"),
        },
    )
    assert process.wait(PATIENCE_SECONDS) == 4
    assert "The web does not start: it ended 3 times in a row" in supervised.log()
    assert supervised.log().rstrip().endswith("Look at config.ini.")
    assert not any(runs(pid) for pid in supervised.pids())


def test_a_child_that_is_never_ready_ends_the_start_with_a_sentence(
    supervised: Supervised, runs: Runs
) -> None:
    process = supervised.start(
        {**supervised.child("web"), "ready_when": str(supervised.home / "never")},
        options={"start_seconds": 1},
    )
    assert process.wait(PATIENCE_SECONDS) == 4
    assert "The web was not ready after 1 seconds" in supervised.log()
    assert not any(runs(pid) for pid in supervised.pids())


def test_a_missing_program_ends_the_start_with_a_sentence(supervised: Supervised) -> None:
    process = supervised.start({"name": "web", "argv": [str(supervised.home / "nothing")]})
    assert process.wait(PATIENCE_SECONDS) == 4
    assert "The web could not be started" in supervised.log()


def test_a_stop_can_be_asked_for_from_inside(supervised: Supervised) -> None:
    process = supervised.start(supervised.child("web"), then="stop", status=7)
    assert process.wait(PATIENCE_SECONDS) == 7
    assert supervised.ended() == ["web"]


def test_a_failing_job_after_the_start_stops_everything(supervised: Supervised) -> None:
    process = supervised.start(supervised.child("web"), then="fail")
    assert process.wait(PATIENCE_SECONDS) == 1
    assert supervised.ended() == ["web"]
    assert "the main job failed" in supervised.log()


def test_it_sleeps_while_nothing_happens(supervised: Supervised) -> None:
    if not Path("/proc/self/stat").exists():
        pytest.skip("reads the time used from /proc")
    process = supervised.start_ready(supervised.child("web"))
    stat = Path(f"/proc/{process.pid}/stat")

    def ticks() -> int:
        fields = stat.read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    before, started = ticks(), time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)
    used = (ticks() - before) / os.sysconf("SC_CLK_TCK")
    assert used < 0.05 * (time.monotonic() - started)
