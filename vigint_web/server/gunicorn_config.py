"""Settings of the web server: gunicorn reads them as `python:vigint_web.server.gunicorn_config`.

Every name here that is a setting of gunicorn is one. `sendfile` must stay unset: any value given
for it turns the kernel's sendfile off.
"""

import logging
import os
import re
import resource
import signal
from contextlib import suppress
from typing import Any

from gunicorn.config import Config  # type: ignore[import-untyped] # it ships no types
from gunicorn.glogging import Logger  # type: ignore[import-untyped] # it ships no types

from vigint_web.config.environment import load_environment
from vigint_web.logs import formatter
from vigint_web.system.processes import die_with_parent, end_at_once_until_ready

load_environment()

worker_class = "vigint_web.server.gunicorn_worker.PatientWorker"
workers = int(os.environ.get("VIGINT_WEB_PROCESSES") or 2)
threads = int(os.environ.get("VIGINT_WEB_THREADS") or 64)

# Connections that wait for their client, in each process; the oldest make room for new ones.
worker_connections = 1000

# One import of the application instead of one per process: the web is up sooner while queue and
# workers start beside it, and a killed process is replaced within milliseconds.
preload_app = True

# The heartbeat comes from a thread of its own, so this catches a frozen process, not a slow reply.
timeout = 60
# The supervisor kills what is left after 10 s.
graceful_timeout = 8
keepalive = 5

# The application logs requests itself, without the tokens that paths here contain.
accesslog = None
errorlog = "-"
loglevel = "warning"

# The application answers long addresses as it does any other: what is no token is not found. The
# worker limits the first line with the header block (vigint_web.server.arriving).
limit_request_line = 0

# Which proxy may be believed is the application's setting; by default gunicorn believes loopback.
forwarded_allow_ips = ""
proxy_allow_ips = ""
# Its socket would lie in the home directory, shared by all installations.
control_socket_disable = True

# A heartbeat file on a disk that stalls gets a healthy process killed.
if os.access("/dev/shm", os.W_OK | os.X_OK):  # noqa: S108 - memory, private file unlinked at once
    worker_tmp_dir = "/dev/shm"  # noqa: S108 - as above


def _allow_descriptors() -> None:
    """Let each process have a descriptor per connection, and one per file that is being sent."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 5 * worker_connections
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    # Where that is forbidden, connections make room for one another earlier.
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


_allow_descriptors()

_TOKEN = re.compile(r"(/(?:stream|api/video)/|[?&]token=)[^/?&\s'\"]+")


class TokenFreeLogger(Logger):  # type: ignore[misc] # an untyped base
    """gunicorn's logger, without the tokens of the addresses it quotes in its errors."""

    def setup(self, cfg: Config) -> None:
        """Set the handlers up as gunicorn does, and filter what goes through them."""
        super().setup(cfg)
        # The command line has looked into config.ini already, and tells it by environment.
        lines = formatter(os.environ.get("VIGINT_LOG_FORMAT", ""))
        for handler in self.error_log.handlers:
            handler.setFormatter(lines)
        self.error_log.addFilter(_is_worth_telling)
        self.error_log.addFilter(_hide_tokens)


def _is_worth_telling(record: logging.LogRecord) -> bool:
    # Anybody can fall silent in the middle of a request, as often as they like.
    return record.exc_info is None or not isinstance(record.exc_info[1], TimeoutError)


def _hide_tokens(record: logging.LogRecord) -> bool:
    record.msg = _TOKEN.sub(r"\1***", record.getMessage())
    record.args = ()
    return True


logger_class = TokenFreeLogger


def on_starting(_server: Any) -> None:
    """Let a process end while it is still being prepared.

    Until it has handlers of its own it has its master's, which only note a signal for a loop that
    this process does not run: it would be killed at the end of `graceful_timeout`.
    """
    end_at_once_until_ready({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT})


def post_fork(server: Any, worker: Any) -> None:
    """Let a worker die with its master, and share no database connection with it."""
    die_with_parent(server.pid)
    app = worker.app.wsgi()
    database = app.extensions.get("sqlalchemy")
    if database is not None:
        with app.app_context():
            for engine in database.engines.values():
                engine.dispose(close=False)
