"""Start everything on this machine, and keep it running."""

import os
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import click
import flask_migrate
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask

from vigint_web import create_app, read_config
from vigint_web.cli.parts import web_command
from vigint_web.cli.preflight import DataDirLock, StartError, check_data_dir, check_port
from vigint_web.cli.queue_server import QueueServer, check_queue_server
from vigint_web.cli.supervisor import Child, Supervisor
from vigint_web.config import Config
from vigint_web.environment import ROOT
from vigint_web.extensions import db
from vigint_web.media.tools import ToolMissing, find_tools
from vigint_web.services import users
from vigint_web.services.actors import command_line
from vigint_web.services.queueing import QUEUES, URGENT_QUEUES
from vigint_web.services.sites import default_site

DEFAULT_HOST, DEFAULT_PORT, DEFAULT_WORKERS = "127.0.0.1", 8000, 2
_READY_SECONDS = 60.0


@dataclass(frozen=True)
class Served:
    """Where the web server listens, and under which address people reach it."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """Return the address to say and to put into links."""
        host = _reachable_host() if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 - compared, not bound
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def local_url(self) -> str:
        """Return the address under which this machine itself reaches it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104 - as above
        return f"http://{host}:{self.port}"


def run_up(
    served: Served,
    workers: int,
    on_ready: Callable[[Config, Supervisor], None] | None = None,
) -> int:
    """Start queue server, web, workers and scheduler, and supervise them until told to stop.

    Args:
        on_ready: called once everything answers, in a thread of its own.

    Raises:
        StartError, ConfigError: with a sentence for whoever starts it.
    """
    data_dir = Path(os.environ.get("VIGINT_DATA_DIR") or "data").absolute()
    check_data_dir(data_dir)
    with ExitStack() as stack:
        stack.enter_context(DataDirLock(data_dir))
        config = _configured(data_dir, served)
        check_port(served.host, served.port)
        try:
            find_tools(config.ffmpeg, config.ffprobe)
        except ToolMissing as error:
            raise StartError(str(error)) from None
        children = []
        if config.redis_url is None:
            queue = QueueServer(config.data_dir)
            queue.prepare()
            stack.callback(queue.cleanup)
            children.append(queue.child())
        else:
            check_queue_server(config.redis_url)
        _prepare(config)
        for warning in _warnings(config):
            click.echo(f"Warning: {warning}", err=True)
        supervisor: Supervisor

        def ready() -> None:
            _await_ready(served.local_url)
            click.echo(f"Vigint is ready on {served.url}")
            sys.stdout.flush()
            if on_ready is not None:
                on_ready(config, supervisor)

        supervisor = Supervisor(
            [*children, *_processes(config, served, workers)],
            on_ready=ready,
        )
        return supervisor.run()


def _configured(data_dir: Path, served: Served) -> Config:
    """Read the configuration with the served address as its default for generated links."""
    address = data_dir / "address"
    address.write_text(served.url + "\n", encoding="utf-8")
    return read_config()


def _prepare(config: Config) -> None:
    app = create_app(config)
    with app.app_context():
        migrate_database(app)
        default_site()
        password = users.ensure_first_admin(command_line("first start"))
        db.session.remove()
    if password is not None:
        _tell_first_password(config, password)


def _tell_first_password(config: Config, password: str) -> None:
    if sys.stdout.isatty():
        click.echo(f"First start: log in as {users.FIRST_ADMIN} with the password {password}")
        click.echo("It is shown this once. Change it under your account.")
        return
    path = config.data_dir / "first-admin-password"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(password + "\n")
    click.echo(
        f"First start: the password of {users.FIRST_ADMIN} is in {path}. Change it, then delete"
        " that file.",
        err=True,
    )


def migrate_database(app: Flask) -> None:
    """Bring the database to the newest revision; quick when it is there already."""
    scripts = ScriptDirectory(f"{app.root_path}/migrations")
    with db.engine.connect() as connection:
        present = MigrationContext.configure(connection).get_current_heads()
    if set(present) != set(scripts.get_heads()):
        flask_migrate.upgrade()


def _warnings(config: Config) -> list[str]:
    found = list(config.warnings)
    if config.base_url_is_loopback and config.email.server is not None:
        found.append(
            f"mails leave by {config.email.server}, but their links begin with {config.base_url},"
            " which opens on this machine only: set VIGINT_BASE_URL to the address people reach."
        )
    return found


def _processes(config: Config, served: Served, workers: int) -> list[Child]:
    environment = {**os.environ, "VIGINT_DATA_DIR": str(config.data_dir)}
    environment["PYTHONUNBUFFERED"] = "1"
    # What a killed worker leaves there is swept with the other working files.
    environment["TMPDIR"] = str(config.temp_dir)
    environment["VIGINT_LOG_FORMAT"] = config.log_format
    web = web_command(served.host, served.port)

    def answers() -> bool:
        return _status(f"{served.local_url}/healthz") == 200

    children = [Child("web", web, environment, order=1, ready=answers, cwd=ROOT)]
    for number in range(workers):
        # With several workers the first one takes no sources: an alert never waits for a transcode.
        queues = URGENT_QUEUES if number == 0 and workers > 1 else QUEUES
        argv = [sys.executable, str(ROOT / "worker.py"), *queues]
        children.append(Child(f"worker {number + 1}", argv, environment, order=1, cwd=ROOT))
    scheduler = [sys.executable, "-m", "vigint_web", "scheduler"]
    children.append(Child("scheduler", scheduler, environment, order=1, cwd=ROOT))
    return children


def _await_ready(url: str) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while _status(f"{url}/readyz") != 200:
        if time.monotonic() > deadline:
            raise StartError(
                "Vigint did not become ready within a minute; the lines above say what is missing."
            )
        time.sleep(0.05)


def _status(url: str) -> int | None:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own address
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def _reachable_host() -> str:
    """Return this machine's own address; connecting a datagram socket sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # TEST-NET-1, RFC 5737
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


@click.command()
@click.option("--host", default=DEFAULT_HOST, show_default=True, help="Address to listen on.")
@click.option("--port", default=DEFAULT_PORT, show_default=True, help="Port to listen on.")
@click.option(
    "--workers",
    default=DEFAULT_WORKERS,
    show_default=True,
    type=click.IntRange(1, 64),
    help="How many jobs run at once.",
)
def up(host: str, port: int, workers: int) -> None:
    """Start everything, and keep it running until Ctrl-C or SIGTERM."""
    sys.exit(run_up(Served(host, port), workers))


@click.command()
def migrate() -> None:
    """Bring the database to the newest revision."""
    app = create_app()
    with app.app_context():
        migrate_database(app)
    click.echo("The database is at the newest revision.")


COMMANDS = {"up": up, "migrate": migrate}
