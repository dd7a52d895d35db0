"""ffmpeg is isolated: no file makes it read another one or open a connection."""

import os
import socket
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.media.hostile_files import (
    DISGUISES,
    SCRIPTS,
    alias_entry,
    linked_matroska,
    url_entry,
    with_data_elsewhere,
)
from tests.integration.media.media_samples import BOTH_PROGRAMS, H264, MakeClip
from vigint_web.media.errors import MediaError, MediaErrorCode
from vigint_web.media.pictures import make_poster
from vigint_web.media.probe import Probe, probe
from vigint_web.media.rendition import make_rendition
from vigint_web.media.runner import MIB, Limits, Runner
from vigint_web.media.survey import Survey
from vigint_web.media.tools import Tools

# Opening the file without a writer blocks until this time is over.
_SHORT = Limits(seconds=10)
_REFUSED = {MediaErrorCode.NOT_A_VIDEO, MediaErrorCode.BROKEN}
_NOTHING = {*_REFUSED, MediaErrorCode.NO_USABLE_FRAME}


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file that must not be read: a process that opens it blocks until the time is over."""
    path = tmp_path / "secret.mp4"
    os.mkfifo(path)
    return path


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A port that must not be connected to."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server
        with pytest.raises(BlockingIOError):
            server.accept()


def address(listener: socket.socket, scheme: str = "http") -> str:
    return f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/x.ts"


def refused(path: Path, runner: Runner) -> None:
    """Read a file in every way; none yields a result, and none blocks."""
    with pytest.raises(MediaError) as caught:
        probe(path, runner, filename=path.name)
    assert caught.value.code in _REFUSED, path.name
    assert "secret" not in caught.value.detail


def refused_by_everything(path: Path, pretended: Probe, runner: Runner) -> None:
    """Continue as if it had been recognized as a video."""
    folder = path.parent / "made"
    folder.mkdir(exist_ok=True)
    for look in (
        lambda: make_rendition(path, folder / "r.mp4", pretended, runner),
        lambda: Survey(pretended, folder).look(path, runner),
        lambda: make_poster(path, folder / "p.jpg", pretended, runner),
    ):
        with pytest.raises(MediaError) as caught:
            look()
        assert caught.value.code in _NOTHING, path.name


@pytest.mark.parametrize("suffix", ["mp4", "m3u8"])
def test_no_script_is_followed(
    packaged_tools: Tools, tmp_path: Path, secret: Path, listener: socket.socket, suffix: str
) -> None:
    runner = Runner(packaged_tools, _SHORT)
    for name, maker in SCRIPTS.items():
        for target in (f"file://{secret}", address(listener)):
            path = tmp_path / f"{name}.{suffix}"
            path.write_bytes(maker(target))
            refused(path, runner)


@pytest.mark.campaign
@pytest.mark.timeout(1800)
def test_no_script_is_followed_under_any_name_and_disguise(
    tools: Tools, tmp_path: Path, secret: Path, listener: socket.socket
) -> None:
    runner = Runner(tools, _SHORT)
    for suffix in ("avi", "mpd", "ffconcat"):
        for name, maker in SCRIPTS.items():
            for disguise in DISGUISES.values():
                for target in (
                    str(secret), f"file://{secret}", "secret.mp4", address(listener),
                    address(listener, "tcp"), address(listener, "rtmp"),
                ):  # fmt: skip
                    path = tmp_path / f"{name}.{suffix}"
                    path.write_bytes(maker(disguise.replace("{}", target)))
                    refused(path, runner)


@pytest.mark.parametrize("name", ["hls", "concat", "sdp"])
def test_not_even_after_a_probe_that_was_deceived(
    packaged_tools: Tools,
    playable_clip: Path,
    tmp_path: Path,
    secret: Path,
    listener: socket.socket,
    name: str,
) -> None:
    runner = Runner(packaged_tools, _SHORT)
    pretended = probe(playable_clip, runner)
    for target in (str(secret), address(listener)):
        path = tmp_path / "deceived.mp4"
        path.write_bytes(SCRIPTS[name](target))
        refused_by_everything(path, pretended, runner)


def test_such_a_script_would_be_followed_by_an_ffmpeg_that_is_no_guest(
    packaged_tools: Tools, tmp_path: Path, listener: socket.socket
) -> None:
    """Otherwise the tests above would prove nothing."""
    path = tmp_path / "list.m3u8"
    path.write_bytes(SCRIPTS["hls"](address(listener)))
    program = str(packaged_tools.ffprobe.path)
    asking = [program, "-v", "error", "-protocol_whitelist", "file,http,tcp", "-rw_timeout", "1000"]
    subprocess.run(
        [*asking, "-allowed_extensions", "ALL", str(path)], capture_output=True, check=False
    )
    connection, _ = listener.accept()
    connection.close()


@pytest.fixture(scope="session")
def film(make_clip: MakeClip) -> Path:
    return make_clip("film.mov", *H264)


def decodes(path: Path, program: Path, *options: str) -> bool:
    """Return whether ffmpeg without restrictions finds pictures in a file."""
    done = subprocess.run(
        [str(program), "-v", "error", "-nostdin", *options, "-i", str(path),
         "-f", "rawvideo", "-"],
        capture_output=True, check=False,
    )  # fmt: skip
    return bool(done.stdout)


@pytest.mark.parametrize("kind", ["url", "alis"])
def test_a_mov_whose_data_lie_elsewhere_stays_without_them(
    film: Path, runner: Runner, tmp_path: Path, kind: str
) -> None:
    other = tmp_path / "other.mov"
    other.write_bytes(film.read_bytes())
    entry = alias_entry(other) if kind == "alis" else url_entry(other.as_uri())
    path = tmp_path / "film.mov"
    path.write_bytes(with_data_elsewhere(film, entry))
    if kind == "alis":
        bare = runner.tools.ffmpeg.path
        asked = ("-enable_drefs", "1", "-use_absolute_path", "1")
        assert decodes(path, bare, *asked), "a reference that works if it is followed"
    try:
        facts = probe(path, runner, filename=path.name)
    except MediaError as error:
        assert error.code in _REFUSED  # noqa: PT017 - both ends are right
    else:
        refused_by_everything(path, facts, runner)


@pytest.mark.parametrize("kind", ["url", "alis"])
def test_a_mov_that_names_an_address_or_a_device_hangs_nowhere(
    film: Path,
    packaged_tools: Tools,
    tmp_path: Path,
    secret: Path,
    listener: socket.socket,
    kind: str,
) -> None:
    entry = alias_entry(secret) if kind == "alis" else url_entry(address(listener))
    path = tmp_path / "film.mov"
    path.write_bytes(with_data_elsewhere(film, entry))
    runner = Runner(packaged_tools, _SHORT)
    refused_by_everything(path, probe(film, runner), runner)


@BOTH_PROGRAMS
def test_a_matroska_file_that_names_the_next_one_is_played_alone(
    film: Path, runner: Runner, tmp_path: Path, secret: Path
) -> None:
    streamed = subprocess.run(
        [str(runner.tools.ffmpeg.path), "-v", "error", "-i", str(film), "-c", "copy",
         "-f", "matroska", "pipe:1"],
        capture_output=True, check=True,
    ).stdout  # fmt: skip
    path = tmp_path / "linked.mkv"
    path.write_bytes(linked_matroska(streamed, str(secret)))
    facts = probe(path, runner, filename=path.name)
    made = tmp_path / "r.mp4"
    make_rendition(path, made, facts, runner)
    assert probe(made, runner).duration == pytest.approx(1, abs=0.1)


def test_attachments_are_left_where_they_are(
    film: Path, runner: Runner, tmp_path: Path, no_leftovers: Path
) -> None:
    words = tmp_path / "payload.sh"
    words.write_text("#!/bin/sh\n")
    path = tmp_path / "laden.mkv"
    program = str(runner.tools.ffmpeg.path)
    laden = ["-attach", str(words), "-metadata:s:t", "mimetype=font/ttf"]
    laden += ["-metadata:s:t", "filename=/tmp/../../payload.sh"]
    subprocess.run(
        [program, "-v", "error", "-i", str(film), "-c", "copy", *laden, str(path)], check=True
    )
    before = {entry.name for entry in tmp_path.iterdir()}
    make_rendition(path, tmp_path / "r.mp4", probe(path, runner), runner)
    assert {entry.name for entry in tmp_path.iterdir()} - before == {"r.mp4"}


def test_a_container_that_tells_of_a_billion_pixels_is_refused(
    make_clip: MakeClip, runner: Runner, tmp_path: Path
) -> None:
    clip = make_clip("raw.avi", "-c:v", "rawvideo", "-pix_fmt", "bgr24", "-frames:v", "2")
    data = bytearray(clip.read_bytes())
    at = data.index(b"strf") + 12
    path = tmp_path / "billion.avi"
    # ffmpeg itself refuses a picture of a billion pixels.
    for side, code in ((10_000, MediaErrorCode.TOO_MANY_PIXELS), (32_768, MediaErrorCode.BROKEN)):
        data[at : at + 8] = struct.pack("<ii", side, side)
        path.write_bytes(data)
        with pytest.raises(MediaError) as caught:
            probe(path, runner)
        assert caught.value.code is code


@BOTH_PROGRAMS
def test_pictures_that_tell_of_a_billion_pixels_are_not_decoded(
    make_clip: MakeClip, tools: Tools, tmp_path: Path
) -> None:
    clip = make_clip("pictures.avi", "-c:v", "mjpeg", "-frames:v", "5")
    data = clip.read_bytes()
    size = b"\xff\xc0\x00\x11\x08" + struct.pack(">HH", 120, 160)
    assert data.count(size) == 5
    path = tmp_path / "billion.avi"
    path.write_bytes(data.replace(size, size[:5] + struct.pack(">HH", 32_768, 32_768)))
    runner = Runner(tools, Limits(seconds=10, memory_bytes=512 * MIB))
    try:
        facts = probe(path, runner)
    except MediaError as error:
        assert error.code is MediaErrorCode.TOO_MANY_PIXELS  # noqa: PT017 - both ends are right
        facts = probe(clip, runner)
    refused_by_everything(path, facts, runner)
