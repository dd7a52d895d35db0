"""Run a command on a terminal of its own, 80 × 24, and read its screen."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path

from tests.functional.installation import ROOT

ROWS, COLUMNS = 24, 80
_PATIENCE = 120.0


class OnTerminal:
    """A command whose standard input, output and error are a terminal."""

    def __init__(self, folder: Path, environment: Mapping[str, str], *arguments: str) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "vigint_web", *arguments],
            cwd=folder,
            env={**environment, "PYTHONPATH": str(ROOT)},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            # It is the controlling terminal, so Ctrl-C is a signal.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - one system call
        )
        os.close(slave)
        self._seen = b""

    @property
    def seen(self) -> str:
        """Return all output so far."""
        return self._seen.decode("utf-8", "replace").replace("\r\n", "\n")

    def read_until(self, text: str) -> str:
        """Read until a text was printed; return all output."""
        deadline = time.monotonic() + _PATIENCE
        while text not in self.seen:
            assert self._read(), f"it ended before it said {text!r}: {self.seen}"
            assert time.monotonic() < deadline, f"it never said {text!r}: {self.seen}"
        return self.seen

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._master, keys.encode())

    def end(self) -> int:
        """Read to the end; return the status."""
        while self._read():
            pass
        return self.process.wait(_PATIENCE)

    def close(self) -> None:
        """End the process."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)

    def _read(self) -> bool:
        if not select.select([self._master], [], [], 1.0)[0]:
            return True
        try:
            got = os.read(self._master, 65_536)
        except OSError:  # EIO: no process has it open
            return False
        self._seen += got
        return bool(got)


def rows_of(text: str) -> int:
    """Return how many rows of the terminal a text takes."""
    plain = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)
    return sum(max(1, -(-len(line) // COLUMNS)) for line in plain.splitlines())
