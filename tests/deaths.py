"""Death at a chosen line: a trace function stands in for kill -9."""

import sys
from collections.abc import Callable, Collection
from types import FrameType
from typing import Any


class Killed(BaseException):
    """What kill -9 is to a test: nothing after it runs."""


class Death:
    """Come at the n-th line that is run in some files."""

    def __init__(self, files: Collection[str], at: int) -> None:
        self.files, self.at, self.lines = files, at, 0

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        """Trace the frames of these files only."""
        return self._step if frame.f_code.co_filename in self.files else None

    def _step(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            self.lines += 1
            if self.lines == self.at:
                sys.settrace(None)
                raise Killed
        return self._step


def lines_unless_killed(files: Collection[str], at: int, work: Callable[[], object]) -> int | None:
    """Run something up to a line; return how many lines there were if it came to its end."""
    death = Death(files, at)
    before = sys.gettrace()
    sys.settrace(death)
    try:
        work()
    except Killed:
        return None
    finally:
        sys.settrace(before)
    return death.lines
