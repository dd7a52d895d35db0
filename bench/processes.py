"""What the benchmarks of a running installation share."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.functional.installation import Installation
from tests.functional.processes import descendants_of

_TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def installed(**settings: str) -> Iterator[Installation]:
    """Run an installation of its own, with its people and keys, as `vigint up` does by default."""
    with tempfile.TemporaryDirectory() as folder:
        vigint = Installation(Path(folder), **settings)
        try:
            vigint.start()
            vigint.people()
            yield vigint
        finally:
            vigint.end()


def cpu_of(pid: int) -> float:
    """Return the CPU seconds of a process and all below it, ended ones included."""
    total = 0
    for one in [pid, *descendants_of(pid)]:
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(map(int, fields[11:15]))
    return total / _TICKS
