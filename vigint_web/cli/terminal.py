"""Talks to the person at the terminal: what happens, in words, one line for each."""

import math
import queue
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress

from vigint_web.cli.reports import Report

# What is said while a terminal is held (Ctrl-S) is dropped from here on; the log has it all.
_MOST_WAITING = 1_000
_PATIENCE_SECONDS = 1.0


class Terminal(Report):
    """A terminal that is written to by a thread of its own.

    A terminal may be held for as long as somebody likes, and nothing else may wait for it.
    """

    def __init__(self) -> None:
        """Write to standard output; `work` is asked what the process with an id is doing."""
        self.work: Callable[[], Mapping[int, str]] = dict
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="terminal", daemon=True)
        self._thread.start()

    def say(self, text: str = "", *, end: str = "\n") -> None:
        """Write a line, or the beginning of one."""
        if self._lines.qsize() < _MOST_WAITING:
            self._lines.put(text + end)

    def close(self) -> None:
        """Wait until all is written, but not for a terminal that is held."""
        self._lines.put(None)
        self._thread.join(_PATIENCE_SECONDS)

    def _write(self) -> None:
        while (text := self._lines.get()) is not None:
            # The terminal may be gone; what was started goes on or ends by SIGHUP, as it is told.
            with suppress(OSError, ValueError):
                sys.stdout.write(text)
                sys.stdout.flush()

    def died(self, name: str, what: str, pause: float) -> None:
        """Say that a process is started again."""
        when = f"in {pause:g} s" if pause else "now"
        part = _named(name)
        self.say(f"{part[0].upper()}{part[1:]} {what}; it is started again {when}.")

    def failed(self, sentence: str) -> None:
        """Say why everything stops."""
        self.say(sentence)

    def stopping(self) -> None:
        """Answer Ctrl-C."""
        self.say("\nStopping…")

    def still_waiting(self, left: Mapping[str, int], seconds: float) -> None:
        """Say what keeps Vigint from stopping, and how to stop it at once."""
        doing = self.work()
        names = [_described(name, doing.get(pid)) for name, pid in left.items()]
        self.say(
            f"Waiting for {'; '.join(names)}; {math.ceil(seconds)} s at most.\n"
            "Ctrl-C again stops at once. Work that is cut off is done at the next start."
        )

    def cut_short(self) -> None:
        """Answer the second Ctrl-C."""
        self.say("Stopping at once.")


def terminal_of_a_person() -> Terminal | None:
    """Return the terminal that this process writes to, if it does."""
    return Terminal() if sys.stdout.isatty() and sys.stderr.isatty() else None


def _described(name: str, work: str | None) -> str:
    if work is None and name == "web":
        work = "ends what it is sending or receiving"
    return f"{_named(name)}, which {work}" if work else _named(name)


def _named(name: str) -> str:
    # One of several needs no article: "worker 2".
    return name if name[-1].isdigit() else f"the {name}"
