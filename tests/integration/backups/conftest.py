"""A shell here, a shell on another machine, and a backup of all kinds of things."""

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.helpers import post_incident
from tests.library import Library
from tests.postgresql import programs
from tests.shell import Shell
from vigint_web.models import Source

Work = Callable[[], None]


@pytest.fixture
def shell(
    database: dict[str, str], queue_server: str, monkeypatch: pytest.MonkeyPatch, app: Flask
) -> Shell:
    monkeypatch.setenv("PATH", f"{programs()}{os.pathsep}{os.environ['PATH']}")
    return Shell(monkeypatch, {**database, "VIGINT_REDIS_URL": queue_server})


@pytest.fixture
def elsewhere(
    shell: Shell, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shell]:
    """Provide the shell of another, empty machine."""
    environ = {**shell.environ, "VIGINT_DATA_DIR": str(tmp_path / "elsewhere")}
    if "VIGINT_DATABASE_URL" not in environ:
        yield Shell(monkeypatch, environ)
        return
    server = request.getfixturevalue("postgresql_server")
    name = f"elsewhere{random.getrandbits(32)}"
    yield Shell(monkeypatch, {**environ, "VIGINT_DATABASE_URL": server.create(name)})


@pytest.fixture
def lived(client: FlaskClient, api_key: str, work: Work, library: Library) -> Source:
    """Create all kinds of things: incidents, a mail, a source; return the source."""
    source = library.source()
    library.keep_track(source.video)
    library.incident()
    post_incident(client, api_key, {"message": "Alarme"})
    work()
    return source


@pytest.fixture
def made(shell: Shell, lived: Source, tmp_path: Path) -> Path:
    """Give a backup of it."""
    shell.does("backup", tmp_path / "backup.tar")
    return tmp_path / "backup.tar"
