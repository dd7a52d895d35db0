"""Damaged files result in a playable product, or a code; none of them blocks processing."""

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.integration.media.damaged_files import Damaged, damage, make_clips
from vigint_web.media.errors import MediaError, MediaErrorCode
from vigint_web.media.pictures import make_poster
from vigint_web.media.probe import probe
from vigint_web.media.rendition import Plan, make_rendition, plan
from vigint_web.media.runner import Limits, Runner
from vigint_web.media.survey import Survey

# The failures that a file can cause. The others are the machine's (tool_failed is for crashes).
_BLAMED = {
    MediaErrorCode.NOT_A_VIDEO,
    MediaErrorCode.BROKEN,
    MediaErrorCode.TOO_MANY_PIXELS,
    MediaErrorCode.OUT_OF_MEMORY,
    MediaErrorCode.TOO_LARGE,
    MediaErrorCode.TIMED_OUT,
}
_LONGEST = 60.0
_CAMPAIGN = 500
_SAMPLE = (3, 10, 22, 35, 46, 57, 68, 71, 80, 94)


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    return make_clips(tmp_path_factory.mktemp("whole"))


def end_of(damaged: Damaged, folder: Path, runner: Runner) -> str:
    """Process a file like an upload; return the result."""
    path = folder / damaged.name
    path.write_bytes(damaged.data)
    try:
        facts = probe(path, runner, filename=damaged.name)
        survey = Survey(facts, folder)
        how = plan(facts)
        if how is not Plan.ORIGINAL:
            make_rendition(path, folder / "r.mp4", facts, runner, survey=survey)
            assert plan(probe(folder / "r.mp4", runner)) is Plan.ORIGINAL
    except MediaError as error:
        return _code_of(error, damaged, folder)
    pictures = "with pictures"
    try:
        if how is Plan.ORIGINAL:
            survey.look(path, runner)
        survey.finish(folder, runner)
        if not (folder / "poster.jpg").exists():
            make_poster(path, folder / "poster.jpg", facts, runner)
    except MediaError as error:
        if error.code is not MediaErrorCode.NO_USABLE_FRAME:
            _code_of(error, damaged, folder)
        pictures = "without pictures"
    assert path.read_bytes() == damaged.data
    return f"ready {pictures}"


def _code_of(error: MediaError, damaged: Damaged, folder: Path) -> str:
    """Return an error's code, which must be one that a file can cause."""
    assert error.code in _BLAMED, f"{damaged.story}: {error}"
    assert str(folder) not in error.detail
    return error.code.value


def endings(
    numbers: Sequence[int], clips: list[bytes], runner: Runner, tmp_path: Path
) -> Counter[str]:
    ends: Counter[str] = Counter()
    slowest = (0.0, "")
    for number in numbers:
        damaged = damage(number, clips)
        folder = tmp_path / str(number)
        folder.mkdir()
        began = time.monotonic()
        ends[end_of(damaged, folder, runner)] += 1
        took = time.monotonic() - began
        slowest = max(slowest, (took, f"{number} {damaged.story}"))
        assert took < _LONGEST, f"{number} {damaged.story}"
    print(f"{dict(ends)}; the slowest took {slowest[0]:.1f} s: {slowest[1]}")
    return ends


def test_some_damaged_files(clips: list[bytes], packaged_runner: Runner, tmp_path: Path) -> None:
    ends = endings(_SAMPLE, clips, Runner(packaged_runner.tools, Limits(seconds=30)), tmp_path)
    assert ends.total() == len(_SAMPLE)
    assert len(ends) > 2


@pytest.mark.campaign
@pytest.mark.timeout(1800)
def test_five_hundred_damaged_files(clips: list[bytes], runner: Runner, tmp_path: Path) -> None:
    limited = Runner(runner.tools, Limits(seconds=30))
    ends = endings(range(_CAMPAIGN), clips, limited, tmp_path)
    assert ends.total() == _CAMPAIGN
    assert ends["ready with pictures"] > 50
    assert ends[MediaErrorCode.BROKEN.value] > 50
