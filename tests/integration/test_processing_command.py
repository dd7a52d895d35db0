"""`vigint test-video-processing`: its output, and that it keeps nothing."""

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.helpers import Footage
from vigint_web.cli.media import test_video_processing as command
from vigint_web.errors import VigintError

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Give a function that runs the command on an installation of its own."""
    data_dir = tmp_path / "data"
    handlers = logging.getLogger().handlers[:]

    def do(path: Path, *options: str) -> Result:
        return CliRunner().invoke(
            command,
            ["--file-path", str(path), *options],
            env={"VIGINT_DATA_DIR": str(data_dir), "VIGINT_CONFIG": ""},
        )

    yield do
    logging.getLogger().handlers[:] = handlers
    left = [path for path in data_dir.rglob("*") if path.is_file()]
    assert [path.name for path in left if path.name != "secret-key"] == []


def test_a_file_that_plays_as_it_is(run: Run, footage: Footage) -> None:
    path = footage.clip("plain.mp4", seconds=1)
    before = path.read_bytes()
    done = run(path, "--json")
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    assert (facts["file"], facts["format"], facts["codec"]) == ("plain.mp4", "mp4", "h264")
    assert (facts["resolution"], facts["size"]) == ("320x240", len(before))
    assert facts["duration"] == pytest.approx(1, abs=0.1)
    assert (facts["browsers_get"], facts["rendition"]) == ("original", None)
    assert facts["scenes"][0] == {"start": 0.0, "score": 0.0}
    assert facts["sprite"]["count"] == 10
    assert facts["sprite"]["bytes"] > 500
    assert facts["picture_bytes"] > 500
    assert facts["seconds"] > 0
    assert path.read_bytes() == before


def test_a_file_that_is_encoded_anew_as_a_table(run: Run, footage: Footage) -> None:
    done = run(footage.clip("old.avi", "-c:v", "mpeg4", seconds=1))
    assert done.exit_code == 0, done.output
    rows = dict(line.split(maxsplit=1) for line in done.stdout.splitlines() if line)
    assert rows["codec"] == "mpeg4"
    assert rows["duration"].startswith("1 s (1.0")
    assert rows["browsers_get"] == "transcode: an H.264 MP4 encoded anew"
    assert "resolution 320x240, codec h264" in rows["rendition"]
    assert rows["scenes"].startswith("1, beginning at 0.0")
    assert rows["sprite"].startswith("10 pictures of 160x120, one each 0.1")
    assert float(rows["seconds"]) > 0


def test_a_failure_is_a_sentence(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("These are notes, no video.\n" * 50)
    done = run(path)
    assert done.exit_code == 1
    assert isinstance(done.exception, VigintError)
    assert str(done.exception).startswith("This file is not a video that can be read.")
    assert str(tmp_path) not in str(done.exception)
    assert run(tmp_path / "nowhere.mp4").exit_code == 2
