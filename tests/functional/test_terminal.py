"""The terminal output of starting and stopping Vigint."""

import json
import os
import re
import signal
import stat
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.functional.installation import Installation
from tests.functional.processes import freeze, left_behind, wait_until
from tests.functional.terminal import ROWS, OnTerminal, rows_of
from tests.functional.web import Session, request

Fresh = Callable[..., Installation]
Document = Callable[..., dict[str, Any]]
Start = Callable[..., OnTerminal]


@pytest.fixture
def at_terminal() -> Iterator[Start]:
    """Provide a function that runs a command for an installation on a terminal."""
    opened: list[OnTerminal] = []
    started: list[Installation] = []

    def start(installation: Installation, command: str, *options: str) -> OnTerminal:
        port = str(installation.port)
        folder, environment = installation.data_dir.parent, installation.environment
        opened.append(OnTerminal(folder, environment, command, "--port", port, *options))
        # The installation's helpers read its child processes.
        installation._process = opened[-1].process
        started.append(installation)
        return opened[-1]

    yield start
    for installation in started:
        installation._process = None
    for one in opened:
        one.close()


def _stop(installation: Installation, terminal: OnTerminal) -> str:
    """Press Ctrl-C; return the output from then on."""
    before = len(terminal.seen)
    began = time.monotonic()
    terminal.type("\x03")
    terminal.read_until("Stopping…")
    print(f"answered after {time.monotonic() - began:.2f} s")
    assert terminal.end() == 0, terminal.seen
    print(f"ended after {time.monotonic() - began:.2f} s")
    installation._process = None
    assert not left_behind(str(installation.data_dir)), "nothing is left running"
    return terminal.seen[before:]


def test_a_first_start_shows_address_and_password_last_and_ctrl_c_ends_it(
    fresh: Fresh, document: Document, at_terminal: Start
) -> None:
    vigint = fresh()
    terminal = at_terminal(vigint, "up", "--workers", "1")
    output = terminal.read_until("Ctrl-C stops everything.\n")
    assert rows_of(output) <= ROWS, output
    lines = output.splitlines()
    assert f"Vigint is ready on {vigint.url}" in lines
    block = output.partition(f"Vigint is ready on {vigint.url}\n")[2]
    assert '"level"' not in output, "log lines are in the file"
    facts = dict(re.findall(r"^(\S[^:\n]+): +(.+)$", block, re.MULTILINE))
    assert facts["Address"] == f"{vigint.url}/"
    login, password = facts["First login"].split()[:2]
    browser = Session(vigint.url)
    browser.log_in(login, password)
    assert output.count(password) == 1
    log = vigint.data_dir / "vigint.log"
    assert facts["Log"] == "data/vigint.log", "as short as it can be said from here"
    assert not (vigint.data_dir / "first-admin-password").exists()

    vigint.password = password
    key = vigint.command("create-api-key", "detector", "--scope", "ingest").strip()
    vigint.api_key = key
    accepted = vigint.post(document())
    reference = accepted["reference"]
    terminal.read_until(f"{reference} was received.")
    terminal.read_until(f"{reference}: an alert was written to the outbox")
    [worker] = vigint.children("worker.py")
    os.kill(worker, signal.SIGKILL)
    terminal.read_until(f"Worker 1 (process {worker}) was killed by SIGKILL; it is started")
    for _ in range(20):
        assert request(f"{vigint.url}/readyz").status in {200, 503}
    since = terminal.seen.partition("Ctrl-C stops everything.\n")[2].strip()
    assert len(since.splitlines()) == 3, "a line for each thing, none for a request"

    ended = _stop(vigint, terminal)
    assert "Waiting for" not in ended or "Killed" not in log.read_text()
    assert ended.rstrip().endswith("Everything has stopped.")
    lines = log.read_text().splitlines()
    assert all(json.loads(line) for line in lines), "one JSON object per line, as ever"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    for secret in (password, key, accepted["private_link"].partition("token=")[2]):
        assert secret not in log.read_text()
    again = at_terminal(vigint, "up", "--workers", "1", "--verbose")
    output = again.read_until("Ctrl-C stops everything.\n")
    assert "First login" not in output, "it is shown once"
    again.read_until("worker starts; 0 unfinished rows enqueued")
    _stop(vigint, again)


def test_with_work_under_way_it_says_what_it_waits_for(
    fresh: Fresh, document: Document, at_terminal: Start
) -> None:
    vigint = fresh()
    terminal = at_terminal(vigint, "up", "--workers", "1")
    terminal.read_until("Ctrl-C stops everything.\n")
    vigint.api_key = vigint.command("create-api-key", "detector", "--scope", "ingest").strip()
    vigint.post(document(40, "640x480"))
    # A stopped ffmpeg prevents the normal end of its worker.
    wait_until(lambda: any(freeze(pid) for pid in vigint.encoders()), "an encode hangs")
    terminal.type("\x03")
    output = terminal.read_until("at the next start.")
    assert re.search(r"Waiting for worker 1, which prepares a video; \d+ s at most\.", output)
    ended = _stop(vigint, terminal)
    assert "Stopping at once." in ended
    assert "Everything has stopped." in ended


def test_a_refused_start_is_a_sentence_on_the_terminal(fresh: Fresh, at_terminal: Start) -> None:
    vigint = fresh(VIGINT_FFMPEG="/nonexistent/ffmpeg")
    terminal = at_terminal(vigint, "up")
    assert terminal.end() == 1
    vigint._process = None
    assert "/nonexistent/ffmpeg" in terminal.seen.splitlines()[-1]
    assert "Traceback" not in terminal.seen


def test_the_demonstration_ends_with_one_block(fresh: Fresh, at_terminal: Start) -> None:
    vigint = fresh()
    terminal = at_terminal(vigint, "demo", "--workers", "1")
    output = terminal.read_until("Ctrl-C stops everything.\n")
    # The command itself and the script's line on a fresh checkout take a row each.
    assert rows_of(output) <= ROWS - 2, output
    block = output.partition("Opening the private link… done")[2].partition("\n")[2]
    for name in ("Dashboard", "Demo login", "First login", "Private link", "Mail", "Log"):
        assert re.search(rf"^{name}: +\S", block, re.MULTILINE), f"{name}: {block}"
    assert "was received" not in output, "the steps say what happens"
    assert _stop(vigint, terminal).rstrip().endswith("Everything has stopped.")
