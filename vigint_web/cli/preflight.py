"""Check, before anything is started, for conditions that would prevent Vigint from running."""

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
    """Explain in one sentence why Vigint cannot start and what to do about it."""


# The backlog of connections while the web server is replaced, the kernel's usual maximum.
_BACKLOG = 2048


def check_port(host: str, port: int) -> None:
    """Check that the web server can listen on the port; raises what `listen` raises."""
    listen(host, port).close()


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Several web servers can be started on it one after the other: meanwhile new connections wait and
    are not refused.

    Raises:
        StartError: the port is taken or not allowed, or the host is not of this machine.
    """
    try:
        # getaddrinfo() reduces 70000 modulo 65536 to 4464.
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
    # The web server sets it too; without it a recently closed port counts as taken.
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
    """Lock a data directory for one supervisor; a context manager.

    The kernel releases the lock when the process ends, for whatever reason.
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
        """Keep the lock across exec, for the program that replaces this process."""
        if self._descriptor is not None:
            os.set_inheritable(self._descriptor, True)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Release the lock."""
        # The file is not removed: otherwise two processes could lock two files of the same name.
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
