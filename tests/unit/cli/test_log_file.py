"""The log file of an installation's processes."""

import json
import logging
import os
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from vigint_web.cli import log_file
from vigint_web.cli.log_file import LogFile

_LINE = {"time": "2026-11-29T21:30:05.000+00:00", "level": "info", "logger": "x", "message": "m"}


@pytest.fixture(autouse=True)
def own_handlers() -> Iterator[None]:
    """Restore the log handlers of this process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    yield
    root.handlers, root.level = handlers, level


def _write(log: LogFile, *lines: str) -> None:
    code = "import sys; [print(line, flush=True) for line in sys.argv[1:]]"
    subprocess.run([sys.executable, "-ISc", code, *lines], stdout=log.writer, check=True)


def test_what_processes_and_this_one_say_is_kept_and_heard(tmp_path: Path) -> None:
    heard: list[Mapping[str, Any]] = []
    path = tmp_path / "data" / "vigint.log"
    with LogFile(path, "json", lambda line, fields: heard.append({"line": line, **fields})) as log:
        _write(log, json.dumps({**_LINE, "event": "disk_low"}), "Traceback (most recent call last)")
        logging.getLogger("here").warning("what this process says")
    lines = path.read_text().splitlines()
    assert json.loads(lines[0])["event"] == "disk_low"
    assert lines[1] == "Traceback (most recent call last)", "what is no JSON is kept too"
    assert json.loads(lines[2])["message"] == "what this process says"
    assert [one.get("message") for one in heard] == ["m", None, "what this process says"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_it_is_written_as_it_is_configured(tmp_path: Path) -> None:
    with LogFile(tmp_path / "log", "text") as log:
        _write(log, json.dumps({**_LINE, "job": "j-1"}), "plain")
    text = (tmp_path / "log").read_text()
    assert text == "2026-11-29T21:30:05.000+00:00 info x: m job=j-1\nplain\n"


def test_it_goes_on_where_it_was_and_narrows_what_was_wider(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("before\n")
    path.chmod(0o644)
    with LogFile(path, "json") as log:
        _write(log, "after")
    assert path.read_text() == "before\nafter\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_it_rotates_and_every_part_is_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_file, "_LARGEST", 1_000)
    before = os.umask(0)
    try:
        with LogFile(tmp_path / "log", "json") as log:
            _write(log, *(f"{number:03d} {'x' * 95}" for number in range(200)))
    finally:
        os.umask(before)
    parts = sorted(tmp_path.iterdir())
    assert len(parts) == 1 + 5
    assert all(part.stat().st_size <= 1_000 for part in parts)
    assert {stat.S_IMODE(part.stat().st_mode) for part in parts} == {0o600}
    assert (tmp_path / "log").read_text().endswith(f"199 {'x' * 95}\n"), "the newest is last"


def test_a_full_disk_holds_no_process_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    (tmp_path / "log").symlink_to("/dev/full")
    monkeypatch.setattr(log_file, "narrow", lambda _path: None)
    heard: list[str] = []
    with LogFile(tmp_path / "log", "json", lambda line, _: heard.append(line)) as log:
        _write(log, *(f"{number} {'x' * 1_000}" for number in range(300)))
    assert len(heard) == 300, "more than a pipe holds"


def test_a_listener_that_fails_costs_no_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def listener(line: str, _fields: Mapping[str, Any]) -> None:
        raise RuntimeError(line)

    with LogFile(tmp_path / "log", "json", listener) as log:
        _write(log, "first", "second")
    assert (tmp_path / "log").read_text() == "first\nsecond\n"
    assert capsys.readouterr().err.count("a log line could not be shown: RuntimeError") == 2
