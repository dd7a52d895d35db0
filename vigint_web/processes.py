"""Ties a process to the one that started it: to its life, and to what it wants to know."""

import ctypes
import os
import signal
import socket
import sys
from contextlib import suppress

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
    # A parent that died before the call above sends no signal any more.
    if parent is not None and os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def tell_manager(state: str) -> None:
    """Tell a service manager how this process is: `READY=1`, `WATCHDOG=1` (sd_notify(3)).

    Without a manager that asks (NOTIFY_SOCKET) it does nothing.
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, suppress(OSError):
        # An abstract address is written with an at sign.
        manager.connect(address.replace("@", "\0", 1) if address[0] == "@" else address)
        manager.sendall(state.encode())
