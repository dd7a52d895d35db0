"""Kill a process that keeps or delivers an alert at each of its lines; print the effects.

`python -S kill_points.py SCENARIO STEP`: every STEP-th line, as JSON.
"""

import datetime as dt
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from tests.unit.client.fake_vigint import KEY, FakeVigint
from vigint_client import alerts, sending
from vigint_client.config import ServerSettings
from vigint_client.delivery import Courier, target_of
from vigint_client.frames import Frame, FrameBatch
from vigint_client.posting import Posting
from vigint_client.retries import RetryPolicy
from vigint_client.spool import Spool
from vigint_client.spool_config import SpoolSettings
from vigint_client.spool_entry import Kept
from vigint_client.transport import Transport

WATCHED = {
    "spool.py",
    "spool_entry.py",
    "keeping.py",
    "staging.py",
    "delivery.py",
    "alerts.py",
    "sending.py",
}
TWICE = RetryPolicy(attempts=2)
FRAMES = [b"\xff\xd8\xff" + bytes(number for _ in range(5_000)) for number in range(3)]


class Lines:
    """Counts the executed lines of the library, and ends the process before one of them."""

    def __init__(self, last: int | None) -> None:
        self.count = 0
        self.last = last

    def __call__(self, frame: FrameType, event: str, _argument: object) -> Any:
        path = Path(frame.f_code.co_filename)
        if path.name not in WATCHED or path.parent.name != "vigint_client":
            return None
        if event == "line":
            if self.count == self.last:
                os.kill(os.getpid(), signal.SIGKILL)
            self.count += 1
        return self


def run(work: Callable[[], object], last: int | None) -> int | None:
    """Do work in a child that dies before line `last`; return its lines, None when it died."""
    there, here = os.pipe()
    child = os.fork()
    if child == 0:
        lines = Lines(last)
        sys.settrace(lines)
        work()
        sys.settrace(None)
        os.write(here, str(lines.count).encode())
        os._exit(0)
    os.close(here)
    with os.fdopen(there) as pipe:
        line_count = pipe.read()
    os.waitpid(child, 0)
    return int(line_count) if line_count else None


def transport(server: ServerSettings) -> Transport:
    return Transport(server, sleep=lambda _seconds: None)


def send_in_vain(spool: SpoolSettings, nowhere: ServerSettings) -> Callable[[], object]:
    """Send an alert that no server accepts, and about which a mail was sent."""
    told = ["guard@example.org"]
    vars(sending)["mail_directly"] = lambda *_arguments, **_options: told
    manager = alerts.AlertManager(
        load_server=lambda: nowhere,
        find_mail=lambda: None,
        find_spool=lambda: spool,
        make_transport=transport,
        policy=TWICE,
        wake=lambda *_arguments, **_options: None,
    )
    return lambda: manager.send_security_alert_with_video("m", FRAMES, wait=0)


def keep(spool: Spool, server: ServerSettings) -> None:
    document = {"message": "m", "incident_data": {}}
    posting = Posting(os.urandom(8).hex(), document, FrameBatch(tuple(map(Frame, FRAMES))))
    claim, _dropped = spool.put(
        Kept(posting, dt.datetime.now(dt.UTC), "security", target_of(server))
    )
    claim.release()


def examine(scenario: str, last: int | None) -> dict[str, object]:
    """Kill at one line; deliver the rest; report what was kept and what arrived."""
    vigint = FakeVigint()
    server = ServerSettings(vigint.url, KEY)
    # A death of the process, not of the machine: written data exists, synced or not.
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        settings = SpoolSettings(Path(folder) / "spool", 10**7, 86_400.0)
        spool = Spool(settings)
        courier = Courier(spool, lambda: server, lambda: None, transport, TWICE)
        if scenario == "sending":
            vigint.down(2)
            work = send_in_vain(settings, server)
        else:
            keep(spool, server)
            vigint.refuses_frames = scenario == "refused"
            work = courier.flush
        lines = run(work, last)
        vigint.faults.clear()
        before = len(vigint.incidents)
        left = len(spool.names())
        courier.flush()
        spool.tidy()
        bodies = [
            len([part for part in request.parts if part[0] == "frames"])
            for request in vigint.posts()
        ]
        rest = [path.name for path in spool.folder.glob("*") if path.name != "aside"]
        arrived, aside = len(vigint.incidents), len(spool.aside())
    vigint.close()
    return {
        "lines": lines, "left": left, "before": before, "arrived": arrived, "aside": aside,
        "rest": rest, "frames": sorted(set(bodies)),
    }  # fmt: skip


def main(scenario: str, step: int) -> None:
    whole = examine(scenario, None)
    total = whole["lines"]
    assert isinstance(total, int)
    print(json.dumps(whole))
    # The very last lines are those after the server's answer.
    for last in sorted({*range(step // 2, total, step), total - 3}):
        print(json.dumps(examine(scenario, last)))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
