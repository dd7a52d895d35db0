"""Tie a process to its parent, and notify its service manager."""

import atexit
import ctypes
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType
from typing import Any, NoReturn

_PR_SET_PDEATHSIG = 1
# Loaded at import: between fork and exec another thread's locks may be held for ever, so nothing
# may be imported or opened there.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(parent: int | None = None) -> None:
    """Have the kernel kill this process (SIGKILL) as soon as process `parent` ends.

    Call it in the child: as `preexec_fn=partial(die_with_parent, os.getpid())`, or right after
    `os.fork()` with the parent's process id taken before the fork; without it, a parent that dies
    before this call goes unnoticed. Survives exec, not a fork.

    Linux only (prctl(2), PR_SET_PDEATHSIG); elsewhere it does nothing. The kernel's "parent" is
    the *thread* that forked: start children that shall outlive a thread from the main thread.
    """
    if _libc is None:
        return
    if _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        errno = ctypes.get_errno()
        raise OSError(errno, os.strerror(errno))
    # A parent that died before the call above sends no signal.
    if parent is not None and os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


class Shield:
    """Defer SIGTERM during a critical operation; see `shielded`."""

    def __init__(self) -> None:
        self._before: Any = None

    def hold(self) -> None:
        """Ignore SIGTERM from now on. Does nothing outside the main thread."""
        if self._before is None and threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, signal.SIG_IGN)

    def drop(self) -> None:
        """Restore the previous handler of SIGTERM."""
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)
            self._before = None


@contextmanager
def shielded() -> Iterator[Shield]:
    """Run a block that may call `hold`; restore SIGTERM at its end."""
    shield = Shield()
    try:
        yield shield
    finally:
        shield.drop()


def end_at_once_until_ready(numbers: Set[int]) -> None:
    """Make these signals end every process forked from here, until it sets its own handlers.

    No signal is lost in between: they are blocked from before the fork until the handlers are set.
    """

    def end(_number: int, _frame: FrameType | None) -> None:
        os._exit(0)

    def set_handlers() -> None:
        for number in numbers:
            signal.signal(number, end)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)

    os.register_at_fork(
        before=partial(signal.pthread_sigmask, signal.SIG_BLOCK, numbers),
        after_in_parent=partial(signal.pthread_sigmask, signal.SIG_UNBLOCK, numbers),
        after_in_child=set_handlers,
    )


def run_and_exit(work: Callable[[], object]) -> NoReturn:
    """Run the main work of this process, then end the process without finalizing the interpreter.

    Finalization unloads every module: half a second of processor time in each process of this
    application, and several end at once. Functions registered with `atexit` run, and standard
    streams are flushed; threads are not waited for.

    An exception other than SystemExit is propagated, and ends the process as usual.
    """
    try:
        work()
        status = 0
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(status & 0xFF)


def notify_manager(state: str) -> None:
    """Notify a service manager of this process's state: `READY=1`, `WATCHDOG=1` (sd_notify(3)).

    Does nothing without NOTIFY_SOCKET.
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, suppress(OSError):
        # An abstract address is written with an at sign.
        manager.connect(address.replace("@", "\0", 1) if address[0] == "@" else address)
        manager.sendall(state.encode())
