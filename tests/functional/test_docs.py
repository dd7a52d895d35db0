"""Every example in the documentation works as written, or is only checked for the reason given
here.
"""

import configparser
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import pytest
import yaml
from dotenv import dotenv_values

from tests.functional.installation import ROOT, Installation
from tests.functional.processes import wait_until
from tests.functional.web import request
from tests.helpers import Footage
from tests.substitution import substituted
from vigint_web.cli import cli
from vigint_web.config.config import load_config
from vigint_web.media.tools import find_tools

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


@dataclass(frozen=True)
class Example:
    """One fenced block of a page."""

    page: str
    line: int
    language: str
    text: str

    @property
    def key(self) -> str:
        """Return its key in the tables below: its page and its first line."""
        return f"{self.page}: {self.text.strip().partition(chr(10))[0].strip()}"


# The examples that are not run, and why. They must still be valid: shell that parses, commands that
# exist.
NOT_RUN = {
    "README.md: ./vigint demo": "stays up; test_start.py runs it",
    "README.md: ./vigint up                                    # dashboard, workers and queue on "
    "http://127.0.0.1:8000": "stays up; all these tests run it",
    "CONTRIBUTING.md: ./vigint demo     # the whole product, on footage it makes itself":
        "would run these tests",
    "docs/performance.md: ./vigint bench --list              # what each compares":
        "takes long; test_benchmarks.py runs them quickly",
    'docs/detectors.md: [{"frame": 12,': "a value; test_boxes_of_incidents.py posts such ones",
    'docs/review.md: {"error": "karim@example.com was first, on 30 Nov 2026, 15:04:05: confirmed. '
    'Nothing was changed.",': "a refusal; test_review_api.py checks its form",
}  # fmt: skip
NOT_RUN_PAGES = {"docs/operations.md": "sets up a machine as root"}
# Diagrams and answers, not programs.
PICTURES = {"docs/architecture.md", "docs/hosting.md"}
# Shell without commands: settings as in .env.
SETTINGS = {
    "README.md: VIGINT_BASE_URL=https://vigint.example.com",
    "docs/hosting.md: SPARSE_AI_BASE_URL=https://video.example.com",
}

# The preconditions of an example.
BEFORE = {
    "docs/detectors.md: from alerts import send_security_alert_with_video": "frames = FRAMES",
    "docs/detectors.md: from video_link_service import (": (
        "frames, video_id, token = FRAMES, 'vid_0', 'none'"
    ),
}
# The assertions after an example.
AFTER = {
    "README.md: export VIGINT_SERVER_URL=http://127.0.0.1:8000": (
        "case $VIGINT_API_KEY in vgk_*) ;; *) exit 1 ;; esac"
    ),
    "README.md: import sys": "assert result['success'] and result['frames_sent'] == 40",
    "docs/detectors.md: import hashlib, hmac, time": (
        "from vigint_client.webhooks import sign\n"
        "header = sign('secret', b'{}', int(time.time()))\n"
        "assert is_genuine('secret', header, b'{}')\n"
        "assert not is_genuine('another', header, b'{}')\n"
        "assert not is_genuine('secret', sign('secret', b'{}', 1), b'{}')"
    ),
    "README.md: import cv2": "assert frame.shape == (240, 320, 3)",
    "docs/detectors.md: from alerts import send_security_alert_with_video": (
        "assert result['success'] and result['frames_sent'] == 2"
    ),
    "docs/models.md: import cv2": "assert frames == 50",
    "docs/models.md: ffmpeg -v error -i http://127.0.0.1:8000/stream/<token>/ -vf fps=1 -q:v 3"
    " frame-%03d.jpg": "test -s frame-002.jpg",
    "docs/models.md: curl -C - -o original.mp4 http://127.0.0.1:8000/api/video/<token>/download/": (
        "cmp original.mp4 uploaded.mp4"
    ),
}
# The expected output of an example.
PRINTED = {
    "README.md: import sys": r"/video/vid_\w+\?token=\S+",
    "docs/models.md: curl http://127.0.0.1:8000/api/video/<token>/": r'"status": ?"ready"',
    "docs/models.md: import time": r"uploaded 2\.\d+ seconds",
    "docs/models.md: import cv2": "50 frames",
    'docs/detectors.md: key="till2-$(date +%s)-$$"': r'"incident_id": ?"INC-',
    'docs/hosting.md: key=$(./vigint create-api-key "branch office" --scope host)': (
        r'"valid": ?true(.|\n)*"total_hours": ?72'
    ),
    "docs/uploads.md: import os": r"/api/v1/uploads/upl_\w+",
    "docs/uploads.md: file=uploaded.mp4": r'"finished": ?true',
}


def _examples() -> Iterator[Example]:
    for page in PAGES:
        name = page.relative_to(ROOT).as_posix()
        fence = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
        text = page.read_text(encoding="utf-8")
        for found in fence.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            yield Example(name, line, found.group(1).strip(), found.group(2))


EXAMPLES = list(_examples())


def _id(example: Example) -> str:
    return f"{example.page}:{example.line}-{example.language}"


@dataclass
class Place:
    """A folder with the examples' files, an installation and its token."""

    folder: Path
    vigint: Installation
    token: str
    environment: dict[str, str]

    def real(self, text: str) -> str:
        """Return an example with this installation's address and token."""
        parts = {"http://127.0.0.1:8000": self.vigint.url, "<token>": self.token}
        return substituted(text, {old: new for old, new in parts.items() if old in text})

    def run(self, *command: str, given: str) -> str:
        """Run a program on an example; return what it printed."""
        done = subprocess.run(
            [*command],
            cwd=self.folder,
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )
        assert done.returncode == 0, f"{given}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def token(vigint: Installation, footage: Footage) -> str:
    """Upload a source; return its token."""
    clip = footage.clip("uploaded.mp4")
    landed = vigint.session().upload(("uploaded.mp4", clip.read_bytes()))
    found = re.search(r"/api/video/([\w.~-]+)/", landed.text)
    assert found, "the page shows the addresses for programs"
    token = found.group(1)
    vigint.secrets.add(token)
    address = f"{vigint.url}/api/video/{token}/"
    wait_until(lambda: request(address).json()["status"] == "ready", "the source is ready")
    return token


@pytest.fixture
def place(tmp_path: Path, vigint: Installation, token: str, footage: Footage) -> Place:
    """Provide a folder with the preconditions of the examples."""
    clip = footage.clip("uploaded.mp4").read_bytes()
    for name, data in {
        "frame1.jpg": footage.frames(2)[0],
        "frame2.jpg": footage.frames(2)[1],
        "incident.mp4": clip,
        "uploaded.mp4": clip,
        "original.mp4": clip[:10_000],  # an interrupted download
    }.items():
        (tmp_path / name).write_bytes(data)
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "ffmpeg").symlink_to(shutil.which("ffmpeg") or find_tools().ffmpeg.path)
    command = tmp_path / "vigint"  # the script itself has tests of its own
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m vigint_web "$@"\n')
    command.chmod(0o755)
    environment = vigint.environment | {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "VIGINT_SERVER_URL": vigint.url,
        "VIGINT_API_KEY": vigint.api_key,
        "VIGINT_SPOOL_DIR": str(tmp_path / "spool"),
    }
    return Place(tmp_path, vigint, token, environment)


def test_the_tables_are_about_examples_that_are_there() -> None:
    known = {example.key for example in EXAMPLES}
    for table in (NOT_RUN, SETTINGS, BEFORE, AFTER, PRINTED):
        assert set(table) - known == set(), "these are gone, or begin with another line"
    pages = {example.page for example in EXAMPLES}
    assert (set(NOT_RUN_PAGES) | PICTURES) - pages == set()


@pytest.mark.parametrize("example", EXAMPLES, ids=_id)
def test_an_example_is_right(example: Example, request: pytest.FixtureRequest) -> None:
    if example.language == "" and example.page in PICTURES:
        return
    if example.key in SETTINGS:
        _check_settings(example.text, request.getfixturevalue("tmp_path"))
        return
    if example.key in NOT_RUN or example.page in NOT_RUN_PAGES:
        _read(example)
        return
    match example.language:
        case "python" | "sh":
            if example.language == "sh" and not shutil.which("curl"):
                _need("curl")
            _run(example, request.getfixturevalue("place"))
        case "json":
            _check_document(example, request.getfixturevalue("place"))
        case _:
            _read(example)


def _need(program: str) -> None:
    missing = f"There is no {program} here, which the examples use: install it."
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


def _run(example: Example, place: Place) -> None:
    text = place.real(example.text)
    assert not re.search(r"<[a-z-]+>", text), "a placeholder that no test knows"
    after = place.real(AFTER.get(example.key, ""))
    if example.language == "python":
        begin = "FRAMES = ['frame1.jpg', 'frame2.jpg']\n" if example.key in BEFORE else ""
        begin += BEFORE.get(example.key, "")
        printed = place.run(sys.executable, "-", given=f"{begin}\n{text}\n{after}\n")
    else:
        printed = place.run("sh", "-eu", given=f"{text}\n{after}\n")
    links = re.findall(r"token=([\w.~-]+)", printed)
    place.vigint.secrets |= set(links)
    assert re.search(PRINTED.get(example.key, ""), printed), printed


def _read(example: Example) -> None:
    """Run the checks that need no execution."""
    text = example.text
    match example.language:
        case "sh":
            done = subprocess.run(["sh", "-n"], input=text, text=True, check=False)
            assert done.returncode == 0, "the shell cannot read it"
            _check_commands(text)
        case "json":
            json.loads(text)
        case "yaml":
            assert yaml.safe_load(text)
        case "python":
            compile(text, example.key, "exec")
        case "ini":
            configparser.ConfigParser().read_string(text)
        case "html":
            parser = HTMLParser()
            parser.feed(text)
            parser.close()
        case _:
            raise AssertionError(f"{example.page}:{example.line} is in no language known here")


def _check_commands(text: str) -> None:
    named = re.findall(
        r"(?:^|sudo |\./|/opt/vigint/|[(])vigint ([a-z][a-z-]+)|-m vigint_web ([a-z][a-z-]+)",
        text,
        re.MULTILINE,
    )
    known = {*cli.list_commands(click.Context(cli)), "test", "bench", "prepare"}
    missing = {one or other for one, other in named} - known
    assert not missing, f"there is no command {missing}"
    for path in re.findall(r"(?:/opt/vigint/)?(deploy/[\w./-]+)", text):
        assert (ROOT / path.rstrip("/")).exists(), f"{path} is not there"


def _check_settings(text: str, folder: Path) -> None:
    (folder / ".env").write_text(text)
    (folder / "password").write_text("a word for the mail server\n")
    given = {name: value or "" for name, value in dotenv_values(folder / ".env").items()}
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    for name in given:
        setting = name.removesuffix("_FILE")
        assert re.search(rf"^#?\s*{setting}=", example, re.MULTILINE), f"{name} is no setting"
        if name.endswith("_FILE"):
            given[name] = str(folder / "password")
    load_config({"VIGINT_DATA_DIR": str(folder / "data"), **given})


def _check_document(example: Example, place: Place) -> None:
    """Compare a document with the answer of its address."""
    shown = json.loads(example.text)
    path = urlsplit(shown["api_links"]["api_endpoint"]).path
    real = request(place.real(place.vigint.url + path)).json()
    assert _shape(shown) == _shape(real)


def _shape(document: Any) -> Any:
    if isinstance(document, dict):
        return {name: _shape(value) for name, value in document.items()}
    return type(document).__name__
