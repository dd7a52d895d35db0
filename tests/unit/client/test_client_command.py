"""`python -m vigint_client`: one line for each alert, and a status about the rest."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.unit.client.fake_vigint import KEY, FakeVigint, Fault
from vigint_client.alerts import AlertManager
from vigint_client.config import ServerSettings
from vigint_client.delivery import Outcome
from vigint_client.results import Result
from vigint_client.spool import Spool

CHECKOUT = Path(__file__).resolve().parents[3]
PATIENCE = 10.0
INCIDENTS = "/api/v1/incidents"

MakeManager = Callable[..., AlertManager]
Send = Callable[..., Result]
Flush = Callable[..., list[Outcome]]


def test_several_processes_deliver_each_alert_once(
    vigint: FakeVigint, send: Send, spool: Spool
) -> None:
    vigint.down(12)
    for number in range(12):
        send(str(number))
    vigint.received.clear()
    environ = os.environ | {
        "VIGINT_SERVER_URL": vigint.url, "VIGINT_API_KEY": KEY,
        "VIGINT_SPOOL_DIR": str(spool.folder),
    }  # fmt: skip
    running = [
        subprocess.Popen(
            [sys.executable, "-S", "-m", "vigint_client", "flush"],
            cwd=CHECKOUT, env=environ, stdout=subprocess.PIPE, text=True,
        )
        for _process in range(3)
    ]  # fmt: skip
    printed = [process.communicate(timeout=60)[0] for process in running]
    assert sorted(vigint.messages(), key=int) == [str(number) for number in range(12)]
    assert sum(text.count("  sent ") for text in printed) == 12
    assert spool.names() == []


def flush_command(
    spool: Spool, *arguments: str, **environ: str
) -> subprocess.CompletedProcess[str]:
    own = {"VIGINT_SPOOL_DIR": str(spool.folder), "VIGINT_SMTP_SERVER": ""}
    return subprocess.run(
        [sys.executable, "-S", "-m", "vigint_client", *arguments],
        cwd=CHECKOUT,
        env=os.environ | own | environ,
        capture_output=True, text=True, check=False, timeout=150,
    )  # fmt: skip


def test_the_command(vigint: FakeVigint, send: Send, spool: Spool) -> None:
    server = {"VIGINT_SERVER_URL": vigint.url, "VIGINT_API_KEY": KEY}
    done = flush_command(spool, "flush", **server)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Nothing waits.\n", "")
    vigint.down(2)
    send("1", frames=None)
    send("2", server=ServerSettings(vigint.url, "another"))
    first, second = spool.names()
    done = flush_command(spool, "list")
    assert done.stdout.count("  waits ") == 2
    vigint.faults.append(Fault(status=422))
    done = flush_command(spool, "flush", **server)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert f"  set aside  {first}: " in lines[0]
    assert f"  elsewhere  {second}: " in lines[1]
    assert "--anywhere" in done.stderr
    assert "set aside" in flush_command(spool, "list").stdout
    done = flush_command(spool, "flush", "--again", "--anywhere", **server)
    assert (done.returncode, done.stdout.count("  sent ")) == (0, 2)
    assert KEY not in done.stdout + done.stderr


def test_the_command_says_what_is_missing(spool: Spool) -> None:
    done = flush_command(spool, "flush", VIGINT_SERVER_URL="http://127.0.0.1:9", VIGINT_API_KEY="ä")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    done = flush_command(spool, "flush", VIGINT_SPOOL_MAX_MB="0")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    spool.folder.write_text("in the way")
    server = {"VIGINT_SERVER_URL": "http://127.0.0.1:9", "VIGINT_API_KEY": "k"}
    done = flush_command(spool, "flush", **server)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "flush" in flush_command(spool).stdout
    assert flush_command(spool, "--help").returncode == 0
