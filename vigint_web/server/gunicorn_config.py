"""Settings of the web server, which gunicorn reads as `python:vigint_web.server.gunicorn_config`.

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

# Connections waiting for their client, in each process; beyond it the oldest are closed.
worker_connections = 1000

# One import of the application instead of one per process: the web server starts sooner while queue
# and workers start beside it, and a killed process is replaced within milliseconds.
preload_app = True

# The heartbeat has a thread of its own, so this detects a frozen process, not a slow answer.
timeout = 60
# The supervisor kills remaining processes after 10 s.
graceful_timeout = 8
keepalive = 5

# The application logs requests itself, without the tokens that paths here contain.
accesslog = None
errorlog = "-"
loglevel = "warning"

# The application answers long addresses like any other: an invalid token is not found. The worker
# limits the request line together with the header block (vigint_web.server.arriving).
limit_request_line = 0

# Trusted proxies are configured in the application; by default gunicorn trusts loopback.
forwarded_allow_ips = ""
proxy_allow_ips = ""
# Its socket would be in the home directory, shared by all installations.
control_socket_disable = True

# With a heartbeat file on a stalled disk a healthy process would be killed.
if os.access("/dev/shm", os.W_OK | os.X_OK):  # noqa: S108 - memory, private file unlinked at once
    worker_tmp_dir = "/dev/shm"  # noqa: S108 - as above


def _allow_descriptors() -> None:
    """Allow each process a descriptor per connection, and one per file being sent."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 5 * worker_connections
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    # Where that is forbidden, old connections are closed earlier.
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


_allow_descriptors()

_TOKEN = re.compile(r"(/(?:stream|api/video)/|[?&]token=)[^/?&\s'\"]+")


class TokenFreeLogger(Logger):  # type: ignore[misc] # an untyped base
    """gunicorn's logger, without the tokens in addresses that its errors quote."""

    def setup(self, cfg: Config) -> None:
        """Set up the handlers like gunicorn, and add a filter to them."""
        super().setup(cfg)
        # The command line has already read config.ini, and passes the value by environment.
        lines = formatter(os.environ.get("VIGINT_LOG_FORMAT", ""))
        for handler in self.error_log.handlers:
            handler.setFormatter(lines)
        self.error_log.addFilter(_is_logged)
        self.error_log.addFilter(_hide_tokens)


def _is_logged(record: logging.LogRecord) -> bool:
    # Any client can fall silent in the middle of a request, at any frequency.
    return record.exc_info is None or not isinstance(record.exc_info[1], TimeoutError)


def _hide_tokens(record: logging.LogRecord) -> bool:
    record.msg = _TOKEN.sub(r"\1***", record.getMessage())
    record.args = ()
    return True


logger_class = TokenFreeLogger


def on_starting(_server: Any) -> None:
    """Let a process be terminated during its initialization.

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
