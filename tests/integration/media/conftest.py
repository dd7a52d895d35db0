"""Real ffmpeg binaries and small clips made by them."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import generated_once
from tests.integration.media.media_samples import AAC, H264, MakeClip, packaged_ffmpeg
from vigint_web.media.runner import Runner
from vigint_web.media.tools import Tools, find_tools


@pytest.fixture(scope="session")
def packaged_tools() -> Tools:
    """The ffmpeg and ffprobe that come with Vigint's requirements."""
    return Tools(
        ffmpeg=find_tools(ffmpeg=packaged_ffmpeg()).ffmpeg,
        ffprobe=find_tools_without_path().ffprobe,
    )


def find_tools_without_path() -> Tools:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", "/nonexistent")
        return find_tools()


@pytest.fixture(
    scope="session", params=["packaged", pytest.param("path", marks=pytest.mark.campaign)]
)
def tools(request: pytest.FixtureRequest, packaged_tools: Tools) -> Tools:
    """Each pair of programs on this machine: always the packaged one, and PATH's if any.

    Only tests marked BOTH_PROGRAMS use PATH's in an ordinary run, the others in the campaign.
    """
    if request.param == "packaged":
        return packaged_tools
    if not (shutil.which("ffmpeg") and shutil.which("ffprobe")):
        pytest.skip("no ffmpeg and ffprobe on PATH")
    found = find_tools()
    if found.ffmpeg.origin != "PATH":
        pytest.skip("the ffmpeg on PATH is too old or lacks something")
    return found


@pytest.fixture
def runner(tools: Tools) -> Runner:
    return Runner(tools)


@pytest.fixture
def packaged_runner(packaged_tools: Tools) -> Runner:
    return Runner(packaged_tools)


@pytest.fixture(scope="session")
def make_clip(tmp_path_factory: pytest.TempPathFactory) -> MakeClip:
    """Return a function that generates a clip with a moving test picture, and optionally a tone."""
    folder = tmp_path_factory.mktemp("clips")
    program = packaged_ffmpeg()

    def make(
        name: str,
        *options: str,
        source: str = "testsrc2=size=160x120:rate=25:duration=1",
        sound: bool = False,
    ) -> Path:
        tone = ("-f", "lavfi", "-i", "sine=duration=1") if sound else ()
        start = [program, "-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i", source]
        asked = (*start, *tone, *options)

        def generate(path: Path) -> None:
            subprocess.run([*asked, str(path)], check=True, capture_output=True)

        return generated_once(folder, name, asked, generate)

    return make


@pytest.fixture(scope="session")
def playable_clip(make_clip: MakeClip) -> Path:
    return make_clip("playable.mp4", *H264, *AAC, sound=True)


@pytest.fixture
def no_leftovers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give runs a separate place for temporary files, and check that it is empty afterwards."""
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    yield place
    assert list(place.iterdir()) == []
