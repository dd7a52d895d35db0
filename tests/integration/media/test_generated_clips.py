"""Generated clips: each test gets what it asked for, whichever test ran before it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers import Footage

_VARIATIONS: dict[str, Callable[[Footage], Path]] = {
    "seconds": lambda footage: footage.clip("alike.mp4", seconds=1),
    "size": lambda footage: footage.clip("alike.mp4", size="160x120"),
    "options": lambda footage: footage.clip("alike.mp4", "-c:v", "mpeg4"),
}


@pytest.mark.parametrize("varied", _VARIATIONS)
def test_clips_of_one_name_differ_by_what_was_asked(footage: Footage, varied: str) -> None:
    usual = footage.clip("alike.mp4")
    other = _VARIATIONS[varied](footage)
    assert other.name == usual.name
    assert other.read_bytes() != usual.read_bytes()
    assert footage.clip("alike.mp4") == usual


def test_a_clip_is_generated_once(footage: Footage) -> None:
    first = footage.clip("once.mp4", seconds=1)
    written = first.stat().st_mtime_ns
    assert footage.clip("once.mp4", seconds=1).stat().st_mtime_ns == written
