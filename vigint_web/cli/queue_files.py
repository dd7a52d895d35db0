"""Move the files of the embedded queue server aside when they prevent its start.

A power cut leaves zeros in files, or truncates them. The queue is disposable: the database has all
unfinished work. The files are the cause if the server starts without them, but not with them. All
other causes (no memory, a full disk) are left for the administrator.
"""

import logging
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from vigint_web.system.processes import die_with_parent

log = logging.getLogger(__name__)

# The files that servers of all versions use: multi-part AOF since 7.0, one file before, snapshots.
_FILES = ("appendonlydir", "appendonly.aof", "dump.rdb")
_ASIDE = "damaged"
MOST_KEPT = 3
MOST_KEPT_BYTES = 256 * 1024 * 1024
# A server that is still reading after this time has not rejected its files.
_TRIAL_SECONDS = 20.0
_LOOK_SECONDS = 0.02

# Returns the command that runs the server: in a directory, on a socket, with a log.
Command = Callable[[Path, Path, Path], list[str]]


def put_damaged_aside(home: Path, command: Command) -> Path | None:
    """Move the queue's files away if the server cannot start with them; return their new folder.

    No server may be running on these files.

    Args:
        home: the server's directory.
    """
    present = [home / name for name in _FILES if (home / name).exists()]
    if not present or _starts(home, command) is not False:
        return None
    empty = Path(tempfile.mkdtemp(prefix="trial-", dir=home))
    try:
        if not _starts(empty, command):
            return None
    finally:
        shutil.rmtree(empty, ignore_errors=True)
    aside = home / _ASIDE / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
    aside.mkdir(parents=True, mode=0o700)
    for path in present:
        path.rename(aside / path.name)
    _forget_old(home / _ASIDE)
    log.warning(
        "The queue's files are damaged: they lie in %s now, and the queue begins anew; unfinished"
        " work is taken up from the database.",
        aside,
    )
    return aside


def _starts(folder: Path, command: Command) -> bool | None:
    """Return whether the server starts in a directory; None: unknown within the time limit."""
    place = Path(tempfile.mkdtemp(prefix="vigint-"))
    socket = place / "s"
    try:
        process = subprocess.Popen(
            command(folder, socket, place / "log"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            # No process may remain that writes to these files.
            preexec_fn=partial(die_with_parent, os.getpid()),  # noqa: PLW1509 - between fork and exec
        )
        try:
            deadline = time.monotonic() + _TRIAL_SECONDS
            while time.monotonic() < deadline:
                if process.poll() is not None:
                    return False
                if _answers(socket):
                    return True
                time.sleep(_LOOK_SECONDS)
            return None
        finally:
            process.kill()
            process.wait()
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _answers(socket: Path) -> bool:
    try:
        with Redis(
            unix_socket_path=str(socket), socket_timeout=1, retry=Retry(NoBackoff(), 0)
        ) as client:
            return bool(client.ping())
    except (RedisError, OSError):
        return False


def _forget_old(folder: Path) -> None:
    """Keep the newest few, within a size limit."""
    room = MOST_KEPT_BYTES
    for number, kept in enumerate(sorted(folder.iterdir(), reverse=True)):
        room -= _size(kept)
        if number >= MOST_KEPT or room < 0:
            shutil.rmtree(kept, ignore_errors=True)


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.lstat().st_blocks * 512
    return total
