"""Look at processes and sockets of this machine, and wait for conditions."""

import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal, TypeVar

Found = TypeVar("Found")


# Reached only when the condition never becomes true, even on a busy machine.
PATIENCE_SECONDS = 120.0
SELDOM = 0.1
# A killed process is gone after milliseconds; one that was overlooked goes on for ever.
DYING_SECONDS = 10.0


def wait_until(
    condition: Callable[[], Found | Literal[False] | None],
    what: str,
    seconds: float = PATIENCE_SECONDS,
    *,
    pause: float = 0.02,
) -> Found:
    """Return the first true result of a condition; fail with its name after the time limit.

    Args:
        seconds: enough for a busy machine; less only where that is tested.
        pause: the seconds between two looks; more (SELDOM) where a look is a request, whose
            answers would take the processor from what is waited for.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(pause)


def parent_of(pid: int) -> int | None:
    """Return a process's parent; None if it has ended (a zombie has)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[1])


def command_of(pid: int) -> str:
    """Return a process's command line; empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except OSError:
        return ""


def all_processes() -> list[int]:
    """Return every process of this machine, oldest number first."""
    return sorted(int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def children_of(pid: int) -> list[int]:
    """Return the processes that one started and that still run."""
    return [other for other in all_processes() if parent_of(other) == pid]


def descendants_of(pid: int) -> list[int]:
    """Return the descendants of a process."""
    parents = {other: parent_of(other) for other in all_processes()}
    found, level = [], {pid}
    while level:
        level = {other for other, parent in parents.items() if parent in level}
        found += sorted(level)
    return found


def runs(pid: int) -> bool:
    """Return whether a process has not ended."""
    return parent_of(pid) is not None


def processes_that_name(text: str) -> list[int]:
    """Return the processes with a text in their command line or environment."""
    found = []
    for pid in all_processes():
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            continue
        if (
            pid != os.getpid()
            and runs(pid)
            and text in command_of(pid) + environment.decode(errors="replace")
        ):
            found.append(pid)
    return found


def left_behind(text: str, below: Sequence[int] = ()) -> list[str]:
    """Return the command lines of processes that go on after the end of their installation.

    A killed process needs the CPU once more to end, and on a busy machine the process that killed
    it may have ended before.

    Args:
        text: is in their command line or environment.
        below: further processes, found before the end.
    """

    def left() -> list[int]:
        return [pid for pid in below if runs(pid)] + processes_that_name(text)

    with suppress(AssertionError):
        wait_until(lambda: not left(), "all have ended", DYING_SECONDS)
    return [f"{pid} {command_of(pid)}" for pid in left()]


def freeze(pid: int) -> bool:
    """Stop a process (SIGSTOP); return whether it still existed."""
    try:
        os.kill(pid, signal.SIGSTOP)
    except ProcessLookupError:
        return False
    return runs(pid)


def established(port: int) -> int:
    """Return how many connections to a port its server has not closed (proc(5), /proc/net/tcp)."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    # 01 is ESTABLISHED, 08 CLOSE_WAIT: the client has closed, the server has not.
    return sum(1 for line in lines if line[1].endswith(f":{port:04X}") and line[3] in {"01", "08"})


def bytes_written_by(pids: list[int]) -> int:
    """Return what processes have written by write() and sendfile(); send() does not count."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/io").read_text().splitlines():
            if line.startswith("wchar:"):
                total += int(line.split()[1])
    return total
