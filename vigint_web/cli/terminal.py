"""Print events on the terminal, one sentence per line."""

import math
import queue
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress

from vigint_web.cli.reports import Report

# The size of the output buffer while the terminal is stopped (Ctrl-S); beyond it lines are dropped,
# but are in the log.
_MOST_WAITING = 1_000
_PATIENCE_SECONDS = 1.0


class Terminal(Report):
    """A terminal that is written to by a thread of its own.

    Output to a terminal may be stopped (Ctrl-S) for any time, and must not block anything else.
    """

    def __init__(self) -> None:
        """Write to standard output; `work` returns a description of the work of a process id."""
        self.work: Callable[[], Mapping[int, str]] = dict
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="terminal", daemon=True)
        self._thread.start()

    def write(self, text: str = "", *, end: str = "\n") -> None:
        """Write a line, or the beginning of one."""
        if self._lines.qsize() < _MOST_WAITING:
            self._lines.put(text + end)

    def close(self) -> None:
        """Wait until everything is written, but not for a stopped terminal."""
        self._lines.put(None)
        self._thread.join(_PATIENCE_SECONDS)

    def _write(self) -> None:
        while (text := self._lines.get()) is not None:
            # The terminal may be gone; the started processes continue, or end by SIGHUP.
            with suppress(OSError, ValueError):
                sys.stdout.write(text)
                sys.stdout.flush()

    def died(self, name: str, what: str, pause: float) -> None:
        """Report the restart of a process."""
        when = f"in {pause:g} s" if pause else "now"
        part = _named(name)
        self.write(f"{part[0].upper()}{part[1:]} {what}; it is started again {when}.")

    def failed(self, sentence: str) -> None:
        """Report why everything stops."""
        self.write(sentence)

    def stopping(self) -> None:
        """Acknowledge Ctrl-C."""
        self.write("\nStopping…")

    def still_waiting(self, left: Mapping[str, int], seconds: float) -> None:
        """Report what Vigint waits for while stopping, and how to stop it at once."""
        doing = self.work()
        names = [_described(name, doing.get(pid)) for name, pid in left.items()]
        self.write(
            f"Waiting for {'; '.join(names)}; {math.ceil(seconds)} s at most.\n"
            "Ctrl-C again stops at once. Work that is cut off is done at the next start."
        )

    def cut_short(self) -> None:
        """Acknowledge the second Ctrl-C."""
        self.write("Stopping at once.")


def terminal_of_a_person() -> Terminal | None:
    """Return the terminal that this process writes to, or None."""
    return Terminal() if sys.stdout.isatty() and sys.stderr.isatty() else None


def _described(name: str, work: str | None) -> str:
    if work is None and name == "web":
        work = "ends what it is sending or receiving"
    return f"{_named(name)}, which {work}" if work else _named(name)


def _named(name: str) -> str:
    # A numbered process has no article: "worker 2".
    return name if name[-1].isdigit() else f"the {name}"
