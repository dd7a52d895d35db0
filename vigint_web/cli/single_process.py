"""Run one part of an installation alone, for a service manager that runs the others too."""

import os
import signal
import sys
from functools import partial
from pathlib import Path

import click

from vigint_web import create_app, read_config
from vigint_web.cli.preflight import DataDirLock, StartError, check_data_dir, check_port
from vigint_web.cli.queue_server import QueueServer
from vigint_web.config.environment import ROOT
from vigint_web.jobs.scheduler import run_scheduler
from vigint_web.jobs.worker import run_worker
from vigint_web.services.core.job_queue import QUEUES
from vigint_web.system.processes import run_and_exit


def web_command(bind: str) -> list[str]:
    """Return the command of the web server, run in the checkout's folder.

    Args:
        bind: `address:port` to listen on, or `fd://` and the number of a listening socket.
    """
    return [
        sys.executable, "-m", "vigint_web.server.serving",
        "--config", "python:vigint_web.server.gunicorn_config", "--bind", bind, "wsgi:app",
    ]  # fmt: skip


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, help="Port to listen on.")
def web(host: str, port: int) -> None:
    """Run the web server alone; the database must be migrated.

    A socket from systemd (`vigint-web.socket`) takes precedence over --host and --port: it keeps
    listening while the web server is replaced.
    """
    config = read_config()
    check_data_dir(config.data_dir)
    if not _is_given_a_socket():
        check_port(host, port)
    for warning in config.warnings:
        click.echo(f"Warning: {warning}", err=True)
    os.environ["VIGINT_DATA_DIR"] = str(config.data_dir)
    os.environ["VIGINT_LOG_FORMAT"] = config.log_format
    os.chdir(ROOT)
    _become(web_command(f"[{host}]:{port}" if ":" in host else f"{host}:{port}"))


def _is_given_a_socket() -> bool:
    """Return whether a service manager passed a socket to this process (sd_listen_fds).

    gunicorn, which replaces this process, finds it by the same variables.
    """
    for_whom, how_many = os.environ.get("LISTEN_PID", ""), os.environ.get("LISTEN_FDS", "")
    return for_whom == str(os.getpid()) and how_many.isdecimal() and int(how_many) > 0


@click.command()
@click.argument("queues", nargs=-1)
def worker(queues: tuple[str, ...]) -> None:
    """Run one worker; without names of queues it works on all of them."""
    unknown = set(queues) - set(QUEUES)
    if unknown:
        raise StartError(f"There is no queue {', '.join(unknown)}: there are {', '.join(QUEUES)}.")
    run_and_exit(partial(run_worker, create_app(), queues or QUEUES))


@click.command()
def scheduler() -> None:
    """Reconcile, purge and sweep by the clock."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    run_and_exit(partial(run_scheduler, create_app()))


@click.command()
def queue() -> None:
    """Run the embedded queue server alone."""
    data_dir = Path(os.environ.get("VIGINT_DATA_DIR") or "data").absolute()
    check_data_dir(data_dir)
    server = QueueServer(data_dir)
    with DataDirLock(data_dir) as lock:
        server.prepare()
        server.begin_anew_if_damaged()
        # While it runs, `up` must not start another one in this directory.
        lock.outlive_exec()
        _become(server.argv)


def _become(argv: list[str]) -> None:
    """Replace this process by a program (exec), so that the service manager signals it directly."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(argv[0], argv)  # noqa: S606 - an argument list of our own, no shell


COMMANDS = {"web": web, "worker": worker, "scheduler": scheduler, "queue": queue}
