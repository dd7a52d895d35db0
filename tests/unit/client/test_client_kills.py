"""A process that is killed at any line loses no alert and sends none twice."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.unit.client.fake_vigint import KEY, FakeVigint
from vigint_client.config import ServerSettings
from vigint_client.delivery import Courier
from vigint_client.spool import Spool
from vigint_client.spool_config import SpoolSettings

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[2]
SOME, ALL = 40, 1


def kill(scenario: str, step: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    done = subprocess.run(
        [sys.executable, "-S", HERE / "kill_points.py", scenario, str(step)],
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        capture_output=True, text=True, check=False, timeout=170,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    whole, *killed = map(json.loads, done.stdout.splitlines())
    assert len(killed) > whole["lines"] // step - 2
    assert all(found["lines"] is None for found in killed), "each of them was killed"
    assert all(found["rest"] == [] for found in [whole, *killed]), "nothing is left behind"
    return whole, killed


def check_sending(step: int) -> None:
    whole, killed = kill("sending", step)
    assert (whole["left"], whole["arrived"]) == (1, 1)
    left = [found["left"] for found in killed]
    assert left == sorted(left), "from one line on, it is on the disk and stays there"
    assert {0, 1} == set(left)
    for found in killed:
        assert found["arrived"] == found["left"]
        assert found["before"] == 0


def check_delivering(step: int) -> None:
    whole, killed = kill("delivering", step)
    assert (whole["left"], whole["arrived"]) == (0, 1)
    assert {found["before"] for found in killed} == {0, 1}
    for found in killed:
        assert found["arrived"] == 1
        assert found["frames"] == [3]
        assert found["aside"] == 0


def check_refused(step: int) -> None:
    whole, killed = kill("refused", step)
    assert (whole["left"], whole["arrived"], whole["aside"]) == (0, 1, 1)
    for found in killed:
        assert (found["arrived"], found["aside"]) == (1, 1)


def test_killed_at_some_lines() -> None:
    check_sending(SOME)
    check_delivering(SOME)
    check_refused(SOME)


@pytest.mark.campaign
def test_killed_at_every_line_of_sending() -> None:
    check_sending(ALL)


@pytest.mark.campaign
def test_killed_at_every_line_of_delivering() -> None:
    check_delivering(ALL)


@pytest.mark.campaign
def test_killed_at_every_line_of_setting_aside() -> None:
    check_refused(ALL)


PROGRAM = """
import sys, time
from alerts import send_security_alert_with_video as send
frame = b"\\xff\\xd8\\xff" + bytes(20_000)
for number in range(10_000):
    name = f"{sys.argv[1]}-{number}"
    print("began", name, flush=True)
    result = send(name, [frame] * 4, wait=0)
    print("safe" if result["success"] or result.get("spooled") else "lost", name, flush=True)
"""


@pytest.mark.campaign
def test_processes_killed_at_random_moments_beside_each_other(tmp_path: Path) -> None:
    """Senders share a spool and a server that is available half of the time, and are killed
    repeatedly.
    """
    chance = random.Random(6)
    vigint = FakeVigint()
    settings = SpoolSettings(tmp_path / "spool", 10**9, 86_400.0)
    environ = os.environ | {
        "VIGINT_SERVER_URL": vigint.url, "VIGINT_API_KEY": KEY, "VIGINT_SMTP_SERVER": "",
        "VIGINT_SPOOL_DIR": str(settings.folder), "PYTHONPATH": str(CHECKOUT),
    }  # fmt: skip
    safe: set[str] = set()
    began: set[str] = set()
    for batch in range(40):
        vigint.faults.clear()
        if batch % 2:
            vigint.down(10_000)
        running = [
            subprocess.Popen(
                [sys.executable, "-S", "-c", PROGRAM, f"{batch}-{number}"],
                cwd=tmp_path, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                text=True,
            )
            for number in range(3)
        ]  # fmt: skip
        for process in running:
            assert process.stdout is not None
            first = process.stdout.readline()  # it has begun
            time.sleep(chance.uniform(0, 0.6))  # the time of the kill is tested
            process.send_signal(signal.SIGKILL)
            lines = f"{first}{process.communicate()[0]}".split("\n")
            safe |= {line.partition(" ")[2] for line in lines if line.startswith("safe ")}
            began |= {line.partition(" ")[2] for line in lines if line.startswith("began ")}
            assert not any(line.startswith("lost") for line in lines)
    vigint.faults.clear()
    server = ServerSettings(vigint.url, KEY)
    outcomes = Courier(Spool(settings), lambda: server, lambda: None).flush()
    assert all(outcome.state == "sent" for outcome in outcomes)
    assert Spool(settings).aside() == []
    bodies: dict[str, set[str]] = {}
    for request in vigint.posts():
        key = request.headers["idempotency-key"]
        if key in vigint.by_key:
            bodies.setdefault(request.json()["message"], set()).add(key)
    vigint.close()
    assert safe <= set(bodies) <= began, "what was safe has arrived"
    assert all(len(keys) == 1 for keys in bodies.values()), "and once"
    assert [path.name for path in settings.folder.iterdir()] == []
    print(
        f"{len(safe)} alerts were safe, {len(bodies)} arrived, {len(outcomes)} of them at the end"
    )
