"""Start and stop: the ready line, refusals in one sentence, nothing left behind."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.functional.installation import (
    ROOT,
    Installation,
    clean_environment,
    read_mails,
    text_of,
)
from tests.functional.processes import freeze, left_behind, wait_until
from tests.functional.web import request
from tests.ports import free_port

Fresh = Callable[..., Installation]
Document = Callable[..., dict[str, Any]]

# The tools available to a POSIX shell script. No ffmpeg, no queue server, no uv, no Python.
_TOOLS = ("sh", "cksum", "tr", "readlink", "grep", "tail", "rm", "mv")


def test_two_installations_run_side_by_side_and_one_starts_again(
    fresh: Fresh, document: Document
) -> None:
    one, other = fresh("one"), fresh("other")
    print(f"first start: ready after {one.start('--workers', '1'):.1f} s")
    other.start("--workers", "1")
    for installation in (one, other):
        assert f"Vigint is ready on http://127.0.0.1:{installation.port}\n" in installation.log
        health = request(f"{installation.url}/healthz")
        assert (health.status, health.json()["status"]) == (200, "ok")
        ready = request(f"{installation.url}/readyz")
        assert (ready.status, ready.json()) == (200, {"status": "ready", "missing": []})
        installation.people_by_commands()
        accepted = installation.post(document())
        ended = installation.finished(accepted)
        assert ended["state"] == "ready", "each has workers of its own"
        [mail] = installation.mails(ended["reference"])
        for text in (json.dumps(accepted), text_of(mail)):
            assert f"127.0.0.1:{installation.port}/" in text, "links carry the port that serves"
    foreign = request(f"{one.url}/api/v1/incidents/INC-1", X_API_Key=other.api_key)
    assert (foreign.status, foreign.json()["code"]) == (403, "invalid_key"), "they share nothing"
    other.stop(signal.SIGINT, group=True)  # Ctrl-C reaches the whole group of a terminal
    assert one.is_ready(), "stopping one leaves the other alone"
    one.stop()
    print(f"second start: ready after {one.start('--workers', '1'):.1f} s")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Run an installation for the tests that leave it as it was."""
    installation = Installation(tmp_path_factory.mktemp("running"))
    installation.start("--workers", "1")
    yield installation
    installation.end()


def test_readyz_names_what_is_missing(running: Installation) -> None:
    supervisor, *queue = [running.pid, *running.children("valkey-server")]
    os.kill(supervisor, signal.SIGSTOP)  # so that it is not restarted
    try:
        os.kill(queue[0], signal.SIGKILL)
        answer = wait_until(
            lambda: (a := request(f"{running.url}/readyz")).status == 503 and a, "a 503"
        )
        assert answer.json() == {"status": "not_ready", "missing": ["queue", "worker"]}
        assert request(f"{running.url}/healthz").status == 200
    finally:
        os.kill(supervisor, signal.SIGCONT)
    wait_until(running.is_ready, "everything is up again")


def test_a_second_ctrl_c_cuts_short_and_leaves_nothing(fresh: Fresh, document: Document) -> None:
    installation = fresh()
    installation.start("--workers", "1")
    installation.people()
    installation.post(document(40, "640x480"))
    # A stopped ffmpeg prevents the normal end of its worker.
    wait_until(lambda: any(freeze(pid) for pid in installation.encoders()), "an encode hangs")
    began = time.monotonic()
    os.kill(installation.pid, signal.SIGINT)
    wait_until(lambda: not installation.children("gunicorn"), "the first Ctrl-C ends the web")
    assert installation.children("worker.py"), "the worker is given time for its work"
    installation.stop(signal.SIGINT)
    # A single Ctrl-C waits for running work for ten seconds.
    assert time.monotonic() - began < 10, "nothing waits any longer"


@pytest.fixture
def taken_port() -> Iterator[int]:
    """Provide a port that is in use."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def _refusal(data_dir: Path, *options: str, **settings: str) -> list[str]:
    """Start without success; return the output."""
    done = subprocess.run(
        [sys.executable, "-m", "vigint_web", "up", *options],
        cwd=ROOT,
        env=clean_environment(data_dir, **settings),
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode != 0, "the start was refused"
    assert "Traceback" not in done.stderr, done.stderr
    assert not left_behind(str(data_dir)), "nothing was left running"
    return done.stderr.splitlines()


def test_a_taken_port_is_refused_in_one_sentence(tmp_path: Path, taken_port: int) -> None:
    [sentence] = _refusal(tmp_path / "data", "--port", str(taken_port))
    assert str(taken_port) in sentence
    assert "--port" in sentence, "it says what to do"


def test_an_unusable_data_directory_is_refused_in_one_sentence(tmp_path: Path) -> None:
    in_the_way = tmp_path / "data"
    in_the_way.write_text("a file, not a directory")
    [sentence] = _refusal(in_the_way, "--port", str(free_port()))
    assert str(in_the_way) in sentence
    assert "VIGINT_DATA_DIR" in sentence, "it says what to do"


def test_every_mistake_of_the_configuration_is_one_sentence(tmp_path: Path) -> None:
    sentences = _refusal(
        tmp_path / "data",
        "--port",
        str(free_port()),
        VIGINT_SMTP_PORT="many",
        VIGINT_TIMEZONE="Europe/Atlantis",
    )
    assert len(sentences) == 2, sentences
    assert {
        name for name in ("VIGINT_SMTP_PORT", "VIGINT_TIMEZONE") for s in sentences if name in s
    } == {
        "VIGINT_SMTP_PORT",
        "VIGINT_TIMEZONE",
    }


def test_a_missing_ffmpeg_is_refused_in_one_sentence(tmp_path: Path) -> None:
    [sentence] = _refusal(
        tmp_path / "data", "--port", str(free_port()), VIGINT_FFMPEG=str(tmp_path / "ffmpeg")
    )
    assert "ffmpeg" in sentence


def test_an_unreachable_queue_server_is_named_in_one_sentence(tmp_path: Path) -> None:
    port = free_port()
    sentences = _refusal(
        tmp_path / "data",
        "--port",
        str(free_port()),
        VIGINT_REDIS_URL=f"redis://127.0.0.1:{port}/0",
    )
    assert len(sentences) == 1, sentences
    assert "VIGINT_REDIS_URL" in sentences[0]


def test_a_second_start_on_one_data_directory_is_refused(running: Installation) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vigint_web", "up", "--port", str(free_port())],
        cwd=ROOT,
        env=running.environment,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode != 0
    [sentence] = done.stderr.splitlines()
    assert str(running.pid) in sentence, "it says who runs already"
    assert running.is_ready()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Provide a clone of the current files, already prepared."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    folder = tmp_path / "clone"
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    # Preparing the environment has tests of its own, and needs the network.
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder


def test_the_demonstration_works_on_a_machine_with_nothing(clone: Path, tmp_path: Path) -> None:
    tools, home, data_dir = tmp_path / "bin", tmp_path / "home", tmp_path / "demo data=1"
    for folder in (tools, home):
        folder.mkdir()
    for name in _TOOLS:
        found = shutil.which(name)
        assert found is not None
        (tools / name).symlink_to(found)
    port = free_port()
    done = subprocess.run(
        [clone / "vigint", "demo", "--exit", "--port", str(port)],
        cwd=home,
        env={"PATH": str(tools), "HOME": str(home), "VIGINT_DATA_DIR": str(data_dir)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    printed = dict(
        line.split(":", 1) for line in done.stdout.splitlines() if ":  " in line or ": h" in line
    )
    assert printed["Dashboard"].strip() == f"http://127.0.0.1:{port}/"
    assert "demo@vigint.local" in printed["Demo login"]
    link = printed["Private link"].strip()
    assert link.startswith(f"http://127.0.0.1:{port}/video/")
    mail = Path(printed["Mail"].partition("written to ")[2].strip())
    assert mail.is_relative_to(data_dir)
    [message] = read_mails(mail.parent)
    assert f"http://127.0.0.1:{port}/video/" in text_of(message), "the mailed link opens here too"
    assert not left_behind(str(data_dir)), "no process is left"
    assert not [path for path in data_dir.rglob("*") if path.is_socket()], "no socket is left"
    assert not list(home.iterdir()), "nothing is written into the home directory"
