"""Start everything on this machine, and keep it running."""

import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import click
import flask_migrate
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy.exc import OperationalError

from vigint_web import create_app, read_config
from vigint_web.cli.log_file import LogFile
from vigint_web.cli.output import Output, output_for, shown
from vigint_web.cli.preflight import DataDirLock, StartError, check_data_dir, listen
from vigint_web.cli.queue_server import QueueServer, check_queue_server
from vigint_web.cli.single_process import web_command
from vigint_web.cli.supervisor import Child, Supervisor
from vigint_web.cli.under_way import work_under_way
from vigint_web.config.config import Config
from vigint_web.config.environment import ROOT
from vigint_web.extensions import db
from vigint_web.media.tools import ToolMissing, find_tools
from vigint_web.services.accounts import users
from vigint_web.services.accounts.sites import default_site
from vigint_web.services.core.actors import command_line
from vigint_web.services.core.job_queue import QUEUES, URGENT_QUEUES
from vigint_web.services.retention.words import retention_warnings
from vigint_web.system.private_files import private_file
from vigint_web.system.processes import run_and_exit
from vigint_web.system.queue_socket import queue_url

DEFAULT_HOST, DEFAULT_PORT, DEFAULT_WORKERS = "127.0.0.1", 8000, 2
_READY_SECONDS = 60.0
_MOST_ATTEMPTS = 5  # at migrating, where running processes are in the way
_DEADLOCK = "40P01"  # PostgreSQL's code
# The interval of the checks for readiness.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 0.5


@dataclass(frozen=True)
class Served:
    """The address where the web server listens, and the one by which users reach it."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """Return the address for output and links."""
        host = _reachable_host() if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 - compared, not bound
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def local_url(self) -> str:
        """Return the address by which this machine itself reaches it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104 - as above
        return f"http://{host}:{self.port}"


def run_up(
    served: Served,
    workers: int,
    output: Output,
    on_ready: Callable[[Config, Supervisor], None],
) -> int:
    """Start queue server, web, workers and scheduler, and supervise them until a stop is requested.

    Args:
        served: where to listen.
        workers: how many workers to start.
        output: where to print, and where the processes log.
        on_ready: called once everything answers, in a thread of its own.

    Raises:
        StartError, ConfigError: with a sentence for the user.
    """
    try:
        status = _run(served, workers, output, on_ready)
        output.progress("Everything has stopped.")
        return status
    except KeyboardInterrupt:
        raise StartError("Stopped before anything was started.") from None
    finally:
        output.close()


def _run(
    served: Served,
    workers: int,
    output: Output,
    on_ready: Callable[[Config, Supervisor], None],
) -> int:
    data_dir = Path(os.environ.get("VIGINT_DATA_DIR") or "data").absolute()
    output.progress(f"Starting Vigint on the data directory {shown(data_dir)}")
    check_data_dir(data_dir)
    with ExitStack() as stack:
        stack.enter_context(DataDirLock(data_dir))
        config = _configured(data_dir, served)
        log = stack.enter_context(output.log_file(config))
        # The socket outlives the web server, which may be replaced at any time.
        listener = stack.enter_context(listen(served.host, served.port))
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
        output.progress("Preparing the database…")
        nowhere, retention = _prepare(config, output)
        for warning in (*_warnings(config, nowhere), *retention):
            output.warn(warning)
        supervisor: Supervisor

        def ready() -> None:
            _await_ready(served.local_url, output.where_processes_speak)
            output.write(f"Vigint is ready on {served.url}")
            on_ready(config, supervisor)

        supervisor = Supervisor(
            [*children, *_processes(config, served, workers, listener, log)],
            on_ready=ready,
            report=output.terminal,
            output_place=output.where_processes_speak,
        )
        if output.terminal is not None:
            url = config.redis_url or queue_url(config.data_dir)
            output.terminal.work = partial(work_under_way, url)
        output.progress(f"Starting the web server, {_counted(workers)} and the rest…")
        return supervisor.run()


def _counted(workers: int) -> str:
    return "one worker" if workers == 1 else f"{workers} workers"


def _configured(data_dir: Path, served: Served) -> Config:
    """Read the configuration with the served address as its default for generated links."""
    address = data_dir / "address"
    with os.fdopen(private_file(address), "w", encoding="utf-8") as file:
        file.write(served.url + "\n")
    return read_config()


def _prepare(config: Config, output: Output) -> tuple[list[str], list[str]]:
    """Migrate the database.

    Return the default recipients if no mail can reach any of them, and the pending changes of the
    retention.
    """
    app = create_app(config)
    with app.app_context():
        migrate_database(app)
        default_site()
        password = users.ensure_first_admin(command_line("first start"))
        nowhere = users.alerted_nowhere(config.email)
        retention = retention_warnings()
        db.session.remove()
    if password is not None:
        if output.terminal is not None:
            output.keep_first_password(password)
        else:
            _show_first_password(config, password)
    return nowhere, retention


def _show_first_password(config: Config, password: str) -> None:
    if sys.stdout.isatty():
        click.echo(f"First start: log in as {users.FIRST_ADMIN} with the password {password}")
        click.echo("It is shown this once. Change it under your account.")
        return
    path = config.data_dir / "first-admin-password"
    with os.fdopen(private_file(path), "w", encoding="utf-8") as file:
        file.write(password + "\n")
    click.echo(
        f"First start: the password of {users.FIRST_ADMIN} is in {path}. Change it, then delete"
        " that file.",
        err=True,
    )


def migrate_database(app: Flask) -> None:
    """Migrate the database to the newest revision; fast if it is up to date."""
    scripts = ScriptDirectory(f"{app.root_path}/migrations")
    with db.engine.connect() as connection:
        present = MigrationContext.configure(connection).get_current_heads()
    if set(present) != set(scripts.get_heads()):
        _upgrade()


def _upgrade() -> None:
    """Migrate; again where PostgreSQL ended it for a process of the version before.

    Either of two that lock the same tables in another order is ended. Nothing of it is kept then.
    """
    for attempts_left in reversed(range(_MOST_ATTEMPTS)):
        try:
            flask_migrate.upgrade()
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != _DEADLOCK or not attempts_left:
                raise
            db.session.remove()
            click.echo("The migration met a running process, and begins again.", err=True)
        else:
            return


def _warnings(config: Config, nowhere: list[str]) -> list[str]:
    found = list(config.warnings)
    if config.hosts_elsewhere:
        found.append(
            f"videos of incidents leave this machine: {config.sparse_url} hosts them ([SparseAI]"
            " base_url). Take base_url out to keep them here."
        )
    if config.base_url_is_loopback and config.email.server is not None:
        found.append(
            f"mails are sent by {config.email.server}, but their links begin with"
            f" {config.base_url}, which opens on this machine only: set"
            " VIGINT_BASE_URL to the address people reach."
        )
    if nowhere:
        found.append(
            "alerts have no valid recipient: no mailbox can have the address"
            f" {', '.join(nowhere)}. Set [Email] to_email (VIGINT_SMTP_TO)."
        )
    return found


def _processes(
    config: Config, served: Served, workers: int, listener: socket.socket, log: LogFile | None
) -> list[Child]:
    environment = {**os.environ, "VIGINT_DATA_DIR": str(config.data_dir)}
    environment["PYTHONUNBUFFERED"] = "1"
    # Remains of a killed worker there are removed with the other working files.
    environment["TMPDIR"] = str(config.temp_dir)
    # A log file receives JSON, and writes the configured format.
    environment["VIGINT_LOG_FORMAT"] = "json" if log is not None else config.log_format
    web = web_command(f"fd://{listener.fileno()}")

    def answers() -> bool:
        return _status(f"{served.local_url}/healthz", 1) == 200

    children = [
        Child(
            "web",
            web,
            environment,
            order=1,
            ready=answers,
            # Idle connections are closed at once: no server will use them after this.
            stop_signal=signal.SIGQUIT,
            cwd=ROOT,
            descriptors=[listener.fileno()],
        )
    ]
    for number in range(workers):
        # Of several workers the first takes no sources, so that an alert never waits for a
        # transcode.
        queues = URGENT_QUEUES if number == 0 and workers > 1 else QUEUES
        argv = [sys.executable, str(ROOT / "worker.py"), *queues]
        children.append(Child(f"worker {number + 1}", argv, environment, order=1, cwd=ROOT))
    scheduler = [sys.executable, "-m", "vigint_web", "scheduler"]
    children.append(Child("scheduler", scheduler, environment, order=1, cwd=ROOT))
    if log is None:
        return children
    return [replace(child, output=log.writer) for child in children]


def _await_ready(url: str, where: str) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    pause = _FIRST_PAUSE
    while _status(f"{url}/readyz", 5) != 200:
        if time.monotonic() > deadline:
            raise StartError(
                "Vigint did not become ready within a minute; what its processes said"
                f" {where} names what is missing."
            )
        time.sleep(pause)
        pause = min(_LONGEST_PAUSE, 1.5 * pause)


def _status(url: str, seconds: float) -> int | None:
    try:
        with urllib.request.urlopen(url, timeout=seconds) as answer:  # noqa: S310 - our own address
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
@click.option("--verbose", is_flag=True, help="Show log lines on the terminal too.")
def up(host: str, port: int, workers: int, verbose: bool) -> None:
    """Start everything, and keep it running until Ctrl-C or SIGTERM.

    On a terminal it says in words what happens, and log lines go to vigint.log in the data
    directory; elsewhere they go to standard error.
    """
    served, output = Served(host, port), output_for(verbose=verbose)

    def show(_config: Config, _supervisor: Supervisor) -> None:
        if output.terminal is not None:
            output.write(_block(served, output))

    run_and_exit(lambda: sys.exit(run_up(served, workers, output, show)))


def _block(served: Served, output: Output) -> str:
    lines = ["", f"Address:      {served.url}/"]
    login = output.first_login()
    if login is not None:
        lines.append(f"First login:  {login}")
    if output.log_path is not None:
        lines.append(f"Log:          {shown(output.log_path)}")
    lines += ["Ctrl-C stops everything.", ""]
    return "\n".join(lines)


@click.command()
def migrate() -> None:
    """Bring the database to the newest revision."""
    app = create_app()
    with app.app_context():
        migrate_database(app)
    click.echo("The database is at the newest revision.")


COMMANDS = {"up": up, "migrate": migrate}
