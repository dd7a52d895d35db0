"""The playable version plays from 0 to its stated end, for a file in any state."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.media.test_format_matrix import flash_at, tone_at
from tests.odd_footage import ODD, Odd, whole_clip
from vigint_web.media.playable import Playable, prepare
from vigint_web.media.rendition import Plan, plan
from vigint_web.media.runner import Runner


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return whole_clip(tmp_path_factory.mktemp("whole"))


def prepared(odd: Odd, whole: Path, folder: Path, runner: Runner) -> tuple[Playable, Path]:
    source, work = folder / odd.name, folder / "work"
    odd.make(whole, source)
    work.mkdir()
    ready = prepare(source, work, runner, filename=odd.name)
    return ready, ready.rendition or source


# In an ordinary run, one container of each oddity that several containers can have …
_SAME_IN_ANOTHER_CONTAINER = {
    "hole.mkv", "hole.mov", "late.mp4", "late.flv", "unknown-sound.avi", "unknown-sound.mov",
    "hour.mp4", "hour.flv", "hour.webm", "jump.mkv", "two-sizes.mp4", "large-cover.mkv",
    "rgb-told.mp4",
}  # fmt: skip
# … and these with this machine's ffmpeg too.
_ON_PATH = {"cut.avi", "late.mkv", "unknown-sound.mkv", "jump.mp4", "two-sizes.mkv"}


def _cases() -> Iterator[Any]:
    for odd in ODD:
        ordinary = {"packaged": odd.name not in _SAME_IN_ANOTHER_CONTAINER}
        ordinary["path"] = odd.name in _ON_PATH
        for program, is_ordinary in ordinary.items():
            marks = () if is_ordinary else pytest.mark.campaign
            yield pytest.param(program, odd, marks=marks, id=f"{program}-{odd.name}")


@pytest.mark.parametrize(("tools", "odd"), [*_cases()], indirect=["tools"])
def test_what_is_read_of_an_odd_file(odd: Odd, whole: Path, runner: Runner, tmp_path: Path) -> None:
    ready, played = prepared(odd, whole, tmp_path, runner)
    assert plan(ready.played) is Plan.ORIGINAL
    slack = 0.15 if odd.pictures[0] == odd.pictures[1] else 0.3
    assert ready.played.duration == pytest.approx(odd.seconds, abs=slack)
    assert ready.facts.duration == ready.played.duration
    assert (ready.played.width, ready.played.height) == odd.size
    fewest, most = odd.pictures
    assert fewest <= ready.played.packets[ready.played.video_stream].count <= most
    assert (ready.facts.audio_codec is not None) == odd.sound
    assert {flaw.value for flaw in ready.flaws} >= odd.flaws
    if not odd.flaws:
        assert ready.flaws == ()
    if odd.flash is not None:
        assert flash_at(played, runner) == pytest.approx(odd.flash, abs=0.1)
        if odd.sound and not odd.name.startswith("late"):
            assert tone_at(played, runner) == pytest.approx(odd.flash, abs=0.1)
    line = ready.survey.finish(tmp_path / "work", runner)
    assert line.sprite is not None
    covered = line.sprite.count * line.sprite.interval
    if "damaged" not in odd.flaws and not odd.name.startswith("late"):
        assert covered == pytest.approx(odd.seconds, abs=2 * line.sprite.interval)
    assert (tmp_path / "work" / "poster.jpg").exists()


def test_a_whole_file_is_played_as_it_is(whole: Path, runner: Runner, tmp_path: Path) -> None:
    ready = prepare(whole, tmp_path, runner, filename="whole.mp4")
    assert (ready.plan, ready.rendition, ready.flaws) == (Plan.ORIGINAL, None, ())
