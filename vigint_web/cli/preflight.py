"""Finds out, before anything is started, what would keep Vigint from running here."""

import errno
import fcntl
import getpass
import os
import socket
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from vigint_web.system.private_files import private_folder


class StartError(Exception):
    """Say in one sentence why Vigint cannot start and what to do about it."""


# What waits to be accepted while the web server is replaced, and what the kernel allows at most.
_BACKLOG = 2048


def check_port(host: str, port: int) -> None:
    """Make sure that the web server will be able to listen there; raises what `listen` raises."""
    listen(host, port).close()


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens there.

    Whoever holds it may start one web server after the other on it: who connects meanwhile waits
    and is not refused.

    Raises:
        StartError: the port is taken or not allowed, or the host is not of this machine.
    """
    try:
        # getaddrinfo() takes 70000 for 4464.
        if not 0 <= port <= 65535:
            raise OverflowError
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError, OverflowError):
        raise StartError(
            f"{host!r} port {port} is no address to listen on: give an address of this machine"
            " with --host, such as 127.0.0.1, and a port from 1 to 65535 with --port."
        ) from None
    listener = socket.socket(family, kind, protocol)
    # As the web server does; without it a port closed a moment ago counts as taken.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise StartError(_why_not(error, host, port)) from None
    return listener


def check_data_dir(data_dir: Path) -> None:
    """Create the data directory, mode 700, if it is missing, and make sure it can be written.

    Raises:
        StartError: it cannot.
    """
    try:
        if not data_dir.is_dir():
            private_folder(data_dir)
        with tempfile.TemporaryFile(dir=data_dir, prefix=".writable-") as probe:
            probe.write(b"\0" * 4096)
    except OSError as error:
        raise StartError(
            f"The data directory {data_dir} cannot be written ({_reason(error)}): make it writable"
            f" for the user {_user()}, or name another one in VIGINT_DATA_DIR."
        ) from None


class DataDirLock:
    """Hold a data directory for one supervisor; a context manager.

    The kernel ends the lock with the process, however that ends.
    """

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "vigint.lock"
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        """Take the lock.

        Raises:
            StartError: another process holds it, or the file cannot be written.
        """
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StartError(
                f"{self._path} cannot be written ({_reason(error)}): make it writable for the user"
                f" {_user()}, or name another data directory in VIGINT_DATA_DIR."
            ) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise StartError(
                    f"{self._path} cannot be locked ({_reason(error)}): put the data directory on"
                    " a file system that supports locks, and name it in VIGINT_DATA_DIR."
                ) from None
            raise StartError(
                f"Vigint already runs on this data directory (process {holder}). Stop it first,"
                " or give another VIGINT_DATA_DIR."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor
        return self

    def outlive_exec(self) -> None:
        """Let the program that this process turns into hold the lock on."""
        if self._descriptor is not None:
            os.set_inheritable(self._descriptor, True)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the lock back."""
        # The file stays: removing it would let two processes lock two files of one name.
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} on {host} is already in use by another program: stop that one, or choose"
            " a free port with --port."
        )
    if error.errno == errno.EACCES:
        return (
            f"Port {port} on {host} may only be used by root: choose one from 1024 on with --port,"
            " and put a reverse proxy in front of it."
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return (
            f"{host} is not an address of this machine: give one with --host, such as 127.0.0.1"
            " for this machine only or 0.0.0.0 for all its networks."
        )
    return (
        f"Port {port} on {host} cannot be listened on ({_reason(error)}): choose another address"
        " with --host and --port."
    )


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.geteuid())
