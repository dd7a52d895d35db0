"""What the benchmarks of databases share: a migrated database, its readers, its statistics."""

import argparse
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import flask_migrate
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import FileSystemBytecodeCache
from sqlalchemy import select, text

from bench.measuring import BenchmarkError
from vigint_web import create_app
from vigint_web.config.config import load_config
from vigint_web.extensions import db
from vigint_web.models import Role, User
from vigint_web.services.accounts import users
from vigint_web.services.core.actors import SYSTEM

_PASSWORD = "correct horse battery staple"  # noqa: S105 - of a database that is deleted


def add_database_options(parser: argparse._ActionsContainer) -> None:
    """Add the options of a benchmark that fills one database."""
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--database", help="URL of an empty PostgreSQL database; else SQLite")


def settings_for(folder: Path, url: str | None) -> dict[str, str]:
    """Return the settings of an installation in a folder, with SQLite or the database of a URL."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"VIGINT_DATA_DIR": str(folder), "VIGINT_BASE_URL": "http://localhost"}
    return settings | ({"VIGINT_DATABASE_URL": url} if url else {})


@cache
def _compiled_templates() -> tempfile.TemporaryDirectory[str]:
    """Return a folder, deleted at exit, that saves compiling them for each application."""
    return tempfile.TemporaryDirectory()


@contextmanager
def migrated(folder: Path, url: str | None, revision: str = "head") -> Iterator[Flask]:
    """Yield the application of a database migrated to a revision; close its connections."""
    app = create_app(load_config(settings_for(folder, url)))
    app.jinja_env.bytecode_cache = FileSystemBytecodeCache(_compiled_templates().name)
    with app.app_context():
        flask_migrate.upgrade(revision=revision)
        db.session.remove()
    try:
        yield app
    finally:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


def gather_statistics() -> None:
    """Let PostgreSQL gather its statistics now; SQLite has none in production either."""
    if db.engine.dialect.name == "postgresql":
        with db.engine.connect() as connection:
            automatic = connection.execution_options(isolation_level="AUTOCOMMIT")
            automatic.execute(text("VACUUM ANALYZE"))


def signed_in(app: Flask, role: Role) -> FlaskClient:
    """Return the browser of a user of a role, added if missing; an operator has the first site."""
    email = f"{role.value}@example.com"
    with app.app_context():
        if db.session.scalar(select(User.id).where(User.email == email)) is None:
            users.create_user(SYSTEM, email, _PASSWORD, role)
    browser = app.test_client()
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', browser.get("/login").text)
    form = {"csrf_token": token and token[1], "email": email, "password": _PASSWORD}
    if browser.post("/login", data=form).status_code != 302:
        raise BenchmarkError("the login was refused")
    return browser


def read(browser: FlaskClient, address: str, headers: Mapping[str, str] | None = None) -> None:
    """Request a page or a document, which must be there."""
    answer = browser.get(address, headers=headers)
    if answer.status_code != 200:
        raise BenchmarkError(f"{address} was refused: {answer.status}")


def cpu_ms(ask: Callable[[], object]) -> float:
    """Return the CPU time of this process for a call, in milliseconds."""
    began = time.process_time()
    ask()
    return 1000 * (time.process_time() - began)
