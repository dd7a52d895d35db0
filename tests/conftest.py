"""Fixtures that all tests share: real Valkey, SQLite, PostgreSQL and ffmpeg, generated footage."""

import importlib
import os
import pkgutil
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck
from hypothesis import settings as settings_of_hypothesis
from jinja2 import FileSystemBytecodeCache
from redis import Redis
from sqlalchemy import Connection, Engine, event

import vigint_client
import vigint_web
from tests.engines import share_compiled_statements
from tests.helpers import (
    Browser,
    Clock,
    Footage,
    Person,
    WriterAtOnce,
    close_pool,
    log_in,
    run_jobs,
)
from tests.library import Library
from tests.postgresql import NoPostgreSQL, PostgreSQL, postgresql
from tests.routing import share_compiled_rules
from tests.s3_server import NoS3, S3Server, s3_server
from tests.scheduling import pytest_xdist_make_scheduler  # noqa: F401 - a hook
from vigint_web import create_app
from vigint_web.cli.queue_server import QueueServer
from vigint_web.config.config import Config, load_config
from vigint_web.extensions import db
from vigint_web.jobs.context import use_application
from vigint_web.models import ApiKey, Role, Scope
from vigint_web.services.accounts import api_keys, sites, users
from vigint_web.services.core.actors import command_line
from vigint_web.system.processes import die_with_parent

# On a busy machine a slow example is not a failure.
settings_of_hypothesis.register_profile(
    "vigint", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings_of_hypothesis.load_profile("vigint")
share_compiled_rules()


def _load_every_module() -> None:
    """Load what commands and jobs load on demand.

    A module that is loaded while a test has patched another one keeps what it imports from there,
    for all later tests of this process.
    """
    for package in (vigint_client, vigint_web):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__") and ".migrations" not in module.name:
                importlib.import_module(module.name)


_load_every_module()

# Without bytecode every process that a test starts compiles the whole application.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

_OURS = ("VIGINT_", "SPARSE_AI_", "VIDEO_LINK_")
PASSWORD = "correct horse battery"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options for tests that an ordinary run leaves out."""
    parser.addoption("--campaign", action="store_true", help="run the long campaigns too")
    parser.addoption(
        "--screenshots",
        metavar="DIR",
        help="instead of testing, photograph every page into DIR; look at DIR/index.html",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip campaigns unless requested; take screenshots alone or not at all."""
    wanted = config.getoption("--screenshots") is not None
    left_out = [item for item in items if ("screenshots" in item.keywords) != wanted]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]
    if config.getoption("--campaign"):
        return
    skip = pytest.mark.skip(reason="a long campaign: run with --campaign")
    for item in items:
        if "campaign" in item.keywords:
            item.add_marker(skip)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the index of screenshots, once all processes have finished."""
    folder = session.config.getoption("--screenshots")
    if folder is not None and not hasattr(session.config, "workerinput"):
        from tests.browser.photographs import write_index

        write_index(Path(folder))


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep this machine's own settings out of the tests."""
    for name in list(os.environ):
        if name.startswith(_OURS):
            monkeypatch.delenv(name)


_engines_used: set[Engine] = set()


@event.listens_for(Engine, "engine_connect")
def _remember_engine(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        _engines_used.add(connection.engine)


@pytest.fixture(autouse=True)
def _pools_are_closed() -> Iterator[None]:
    """Close what a test's applications have left open to PostgreSQL, those of commands too.

    An open connection that is collected as garbage is an error in the test that runs just then.
    """
    yield
    while _engines_used:
        close_pool(_engines_used.pop())


@pytest.fixture(scope="session")
def queue_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a real queue server for this test process; yields its URL."""
    server = QueueServer(tmp_path_factory.mktemp("queue"))
    server.prepare()
    process = subprocess.Popen(
        server.argv,
        start_new_session=True,
        preexec_fn=partial(die_with_parent, os.getpid()),  # noqa: PLW1509 - one thread
    )
    try:
        deadline = time.monotonic() + 20
        while not server.ready():
            assert time.monotonic() < deadline, "the queue server did not start"
            assert process.poll() is None, "the queue server ended"
        yield server.url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)
        server.cleanup()


@pytest.fixture
def queue(queue_server: str) -> Iterator[Redis]:
    """Give an empty queue."""
    with Redis.from_url(queue_server) as redis:
        redis.flushall()
        yield redis


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run database tests on SQLite, and on PostgreSQL too where the behaviour can differ."""
    for name in ("database", "empty_database"):
        if name in metafunc.fixturenames:
            mark = metafunc.definition.get_closest_marker
            both = mark("both_databases") and not mark("only_sqlite")
            kinds = ["sqlite", "postgresql"] if both else ["sqlite"]
            metafunc.parametrize(name, kinds, indirect=True)


@pytest.fixture(scope="session")
def _migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrate one database; each test gets a copy."""
    data_dir = tmp_path_factory.mktemp("migrated")
    app = create_app(load_config({"VIGINT_DATA_DIR": str(data_dir)}))
    with app.app_context():
        flask_migrate.upgrade()
        with db.engine.begin() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        close_pool(db.engine)
    return data_dir / "vigint.sqlite3"


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSQL]:
    """Run a real PostgreSQL for this test process."""
    try:
        with postgresql() as server:
            yield server
    except NoPostgreSQL as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """Run a real S3 for this test process."""
    try:
        with s3_server() as server:
            yield server
    except NoS3 as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def _template(
    postgresql_server: PostgreSQL, tmp_path_factory: pytest.TempPathFactory
) -> PostgreSQL:
    """Migrate one database; each test gets a copy."""
    url = postgresql_server.create("template")
    data_dir = tmp_path_factory.mktemp("template")
    app = create_app(load_config({"VIGINT_DATA_DIR": str(data_dir), "VIGINT_DATABASE_URL": url}))
    with app.app_context():
        flask_migrate.upgrade()
        close_pool(db.engine)
    return postgresql_server


_numbers = count(1)


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Give the settings of an empty, migrated database of the test's own."""
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    settings = {"VIGINT_DATA_DIR": str(data_dir)}
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("_migrated"), data_dir / "vigint.sqlite3")
        yield settings
        return
    server: PostgreSQL = request.getfixturevalue("_template")
    with server.database(f"test{next(_numbers)}", "template") as url:
        yield {**settings, "VIGINT_DATABASE_URL": url}


@pytest.fixture
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Provide the settings of a database without any table."""
    settings = {"VIGINT_DATA_DIR": str(tmp_path / "data")}
    if request.param == "sqlite":
        yield settings
        return
    server: PostgreSQL = request.getfixturevalue("postgresql_server")
    with server.database(f"test{next(_numbers)}") as url:
        yield {**settings, "VIGINT_DATABASE_URL": url}


@pytest.fixture
def settings() -> dict[str, str]:
    """Provide environment settings; a test changes them before it requests `app`."""
    return {}


@pytest.fixture
def config(database: dict[str, str], queue_server: str, settings: dict[str, str]) -> Config:
    """Give a configuration on an empty, migrated database of its own."""
    defaults = {
        **database,
        "VIGINT_REDIS_URL": queue_server,
        "VIGINT_BASE_URL": "http://vigint.test",
        "VIGINT_SMTP_TO": "garde@example.com",
        # Tests post quickly; test_cooling.py tests the cool-down.
        "VIGINT_ALERT_COOLDOWN_SECONDS": "0",
    }
    return load_config({**defaults, **settings})


@pytest.fixture
def _cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords fast; their strength is tested in test_passwords.py."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr("vigint_web.services.accounts.passwords._hasher", cheap)
    monkeypatch.setattr("vigint_web.services.accounts.passwords._NO_PASSWORD", cheap.hash(PASSWORD))


@pytest.fixture(scope="session")
def _templates_as_code(tmp_path_factory: pytest.TempPathFactory) -> FileSystemBytecodeCache:
    """Keep compiled templates from one application to the next."""
    return FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))


@pytest.fixture
def app(
    config: Config,
    queue: Redis,
    _cheap_passwords: None,
    _templates_as_code: FileSystemBytecodeCache,
) -> Iterator[Flask]:
    """Give the application, inside its context."""
    app = create_app(config)
    app.jinja_env.bytecode_cache = _templates_as_code
    app.config["TESTING"] = True
    app.config["WTF_CSRF_ENABLED"] = True
    app.test_client_class = Browser
    # Tests read the log right after a request; test_later_ranges.py tests the ordinary writer.
    app.extensions["vigint_accesses"] = WriterAtOnce(app.extensions["vigint_accesses"].write)
    use_application(app)
    with app.app_context():
        share_compiled_statements(db.engine)
        sites.default_site()
        yield app
        db.session.remove()
        close_pool(db.engine)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Provide a browser without a login."""
    return app.test_client()


@pytest.fixture
def people(app: Flask) -> Callable[[Role], Person]:
    """Provide a function that returns a logged-in user of a role."""
    made: dict[Role, Person] = {}

    def person(role: Role) -> Person:
        if role not in made:
            email = f"{role.value}@example.com"
            users.create_user(command_line("test"), email, PASSWORD, role)
            browser = app.test_client()
            log_in(browser, email, PASSWORD)
            made[role] = Person(browser, email)
        return made[role]

    return person


@pytest.fixture
def api_key(app: Flask) -> str:
    """Give the key of a detector."""
    site = sites.default_site()
    return api_keys.create_api_key(command_line("test"), "detector", site, {Scope.INGEST})


@pytest.fixture
def key_row(api_key: str) -> ApiKey:
    """Give the detector's key as a row."""
    found = api_keys.find_api_key(api_key)
    assert found is not None
    return found


@pytest.fixture
def work(app: Flask, queue: Redis) -> Callable[[], None]:
    """Provide a function that runs every queued job, by a real RQ worker in this process."""

    return run_jobs


@pytest.fixture(scope="session")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    """Give generated clips and frames, made once per test process."""
    return Footage(tmp_path_factory.mktemp("footage"))


@pytest.fixture
def library(app: Flask) -> Library:
    """Provide ready videos with any bytes, without encoding."""
    return Library()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Provide a clock that services read and a test can set."""
    return Clock(monkeypatch)


def pytest_report_header() -> list[str]:
    """Report the ffmpeg of the tests."""
    from vigint_web.media.tools import find_tools

    tools: Any = find_tools()
    return [f"ffmpeg {tools.ffmpeg.version} ({tools.ffmpeg.origin})"]
