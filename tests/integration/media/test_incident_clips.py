"""encode_frames: real clips, read back packet by packet and pixel by pixel."""

import io
import json
import os
import re
import struct
import zlib
from collections.abc import Sequence
from functools import partial
from itertools import accumulate
from pathlib import Path

import pytest
from PIL import Image

from tests.functional.processes import children_of
from tests.integration.media.media_samples import BOTH_PROGRAMS, frame, picture
from vigint_web.media.errors import MediaError, MediaErrorCode
from vigint_web.media.frames import FrameInfo
from vigint_web.media.incident import FrameRef, encode_frames
from vigint_web.media.pictures import make_poster
from vigint_web.media.probe import probe
from vigint_web.media.rendition import Plan, plan
from vigint_web.media.runner import Limits, Runner, guarded_input
from vigint_web.media.tools import Tools

EPOCH = 1_790_000_000.0


def shown(clip: Path, runner: Runner) -> list[tuple[float, float]]:
    """Return each frame's time and duration in seconds, from the file."""
    question = ["-select_streams", "v:0", "-show_entries", "packet=pts_time,duration_time"]
    result = runner.run(
        [*question, "-of", "json", *guarded_input(clip)], program="ffprobe", capture=True
    )
    packets = json.loads(result.stdout)["packets"]
    return [(float(p["pts_time"]), float(p["duration_time"])) for p in packets]


def pixels(clip: Path, number: int, runner: Runner) -> Image.Image:
    """Decode one frame."""
    pick = ["-vf", f"select=eq(n\\,{number})", "-frames:v", "1", "-f", "rawvideo"]
    facts = probe(clip, runner)
    raw = runner.run(
        [*guarded_input(clip), *pick, "-pix_fmt", "rgb24", "pipe:1"], capture=True
    ).stdout
    return Image.frombytes("RGB", (facts.width, facts.height), raw)


def close(pixel: object, colour: tuple[int, int, int]) -> bool:
    assert isinstance(pixel, tuple)
    return all(abs(a - b) < 40 for a, b in zip(pixel, colour, strict=True))


def undecodable(timestamp: float | None, kind: str = "jpeg") -> FrameRef:
    """A frame with a complete structure, as inspect_frame requires, that no decoder can decode."""
    data = UNDECODABLE_PNG if kind == "png" else UNDECODABLE_JPEG
    return frame(timestamp, data)


def png_chunk(name: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + checksum


UNDECODABLE_PNG = (
    b"\x89PNG\r\n\x1a\n"
    + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 160, 120, 8, 2, 0, 0, 0))
    + png_chunk(b"IDAT", b"no compressed data at all")
    + png_chunk(b"IEND", b"")
)
# A scan that references missing tables.
UNDECODABLE_JPEG = (
    b"\xff\xd8"
    + bytes.fromhex("ffc0 0011 08 0078 00a0 03 012200 021101 031101")
    + bytes.fromhex("ffda 000c 03 0100 0211 0311 003f00")
    + b"no picture\xff\xd9"
)


def regular(count: int, step: float = 0.1) -> list[FrameRef]:
    return [frame(EPOCH + index * step, picture(index)) for index in range(count)]


@BOTH_PROGRAMS
def test_forty_frames_100_ms_apart_make_four_seconds(runner: Runner, tmp_path: Path) -> None:
    out = tmp_path / "clip.part"
    clip = encode_frames(regular(40), out, runner)
    assert (clip.frames_given, clip.frames_used, clip.pace_known) == (40, 40, True)
    assert clip.duration == pytest.approx(4.0, abs=0.001)
    facts = probe(out, runner)
    assert facts.duration == pytest.approx(4.0, abs=0.001)
    assert (facts.profile, facts.pixel_format, facts.fps) == ("High", "yuv420p", 10)
    assert plan(facts) is Plan.ORIGINAL
    data = out.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize(
    "gaps",
    [
        [0.03, 0.47, 0.01, 1.19, 2.3, 0.01, 5.323],
        [0.04, 0.041, 0.039, 0.08, 0.04, 0.001],
        [7.0],
        [59.0, 0.5, 0.5],
    ],
)
def test_irregular_times_are_kept_to_the_millisecond(
    runner: Runner, tmp_path: Path, gaps: Sequence[float]
) -> None:
    times = list(accumulate(gaps, initial=0.0))
    out = tmp_path / "clip.mp4"
    frames = [frame(EPOCH + time, picture(index)) for index, time in enumerate(times)]
    clip = encode_frames(frames, out, runner)
    middle = sorted(gaps)[(len(gaps) - 1) // 2 : len(gaps) // 2 + 1]
    last = sum(middle) / len(middle)
    assert clip.duration == pytest.approx(times[-1] + last, abs=0.002)
    found = shown(out, runner)
    assert [time for time, _ in found] == pytest.approx(times, abs=0.001)
    assert [length for _, length in found] == pytest.approx([*gaps, last], abs=0.002)


def test_frames_are_shown_in_the_order_of_their_times(runner: Runner, tmp_path: Path) -> None:
    colours = ["red", "lime", "blue"]
    given = [frame(EPOCH + (2, 0, 1)[i], picture(0, colour=colours[i])) for i in range(3)]
    out = tmp_path / "clip.mp4"
    encode_frames(given, out, runner)
    assert close(pixels(out, 0, runner).getpixel((150, 100)), (0, 255, 0))
    assert close(pixels(out, 1, runner).getpixel((150, 100)), (0, 0, 255))
    assert close(pixels(out, 2, runner).getpixel((150, 100)), (255, 0, 0))


def test_a_clip_tells_when_its_first_picture_was_taken(runner: Runner, tmp_path: Path) -> None:
    whole = encode_frames([*regular(4)][::-1], tmp_path / "whole.mp4", runner)
    assert whole.began == pytest.approx(EPOCH, abs=0.001)
    start = [undecodable(EPOCH), undecodable(EPOCH + 0.25)]
    later = [frame(EPOCH + 1 + index * 0.3, picture(index)) for index in range(3)]
    late = encode_frames([*start, *later], tmp_path / "late.mp4", runner)
    assert late.frames_used == 3
    assert late.began == pytest.approx(EPOCH + 1, abs=0.001)
    none = encode_frames([frame(None, picture(0))], tmp_path / "none.mp4", runner)
    assert none.began is None


def test_without_times_25_frames_per_second_and_marked(runner: Runner, tmp_path: Path) -> None:
    given = [frame(None, picture(index)) for index in range(10)]
    clip = encode_frames(given, tmp_path / "clip.mp4", runner)
    assert not clip.pace_known
    assert clip.duration == pytest.approx(0.4, abs=0.001)


def test_a_single_frame_is_a_clip_with_a_poster(runner: Runner, tmp_path: Path) -> None:
    out = tmp_path / "clip.mp4"
    clip = encode_frames([frame(EPOCH, picture(1))], out, runner)
    assert (clip.frames_used, clip.pace_known) == (1, False)
    assert clip.duration == pytest.approx(0.04, abs=0.001)
    make_poster(out, tmp_path / "p.jpg", probe(out, runner), runner)
    assert (tmp_path / "p.jpg").stat().st_size > 0


def test_png_frames(runner: Runner, tmp_path: Path) -> None:
    out = tmp_path / "clip.mp4"
    given = [
        frame(EPOCH + index * 0.1, picture(index, kind="PNG", colour="red")) for index in range(10)
    ]
    clip = encode_frames(given, out, runner)
    assert clip.frames_used == 10
    assert clip.duration == pytest.approx(1.0, abs=0.001)
    assert close(pixels(out, 9, runner).getpixel((150, 100)), (255, 0, 0))


@BOTH_PROGRAMS
def test_mixed_sizes_are_fitted_into_the_first(runner: Runner, tmp_path: Path) -> None:
    sizes = [(161, 121), (161, 121), (60, 200), (640, 100), (161, 121)]
    given = [
        frame(EPOCH + index * 0.1, picture(0, size=size, colour="red"))
        for index, size in enumerate(sizes)
    ]
    out = tmp_path / "clip.mp4"
    clip = encode_frames(given, out, runner)
    assert clip.frames_used == 5
    assert clip.duration == pytest.approx(0.5, abs=0.001)
    assert probe(out, runner).resolution == "160x120"
    assert [time for time, _ in shown(out, runner)] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    tall, wide = pixels(out, 2, runner), pixels(out, 3, runner)
    assert close(tall.getpixel((80, 110)), (255, 0, 0))
    assert close(tall.getpixel((10, 60)), (0, 0, 0))
    assert close(wide.getpixel((150, 60)), (255, 0, 0))
    assert close(wide.getpixel((80, 10)), (0, 0, 0))


@pytest.mark.parametrize("rare", ["PNG", "JPEG"])
def test_mixed_kinds(runner: Runner, tmp_path: Path, rare: str) -> None:
    usual = "JPEG" if rare == "PNG" else "PNG"
    given = [
        frame(EPOCH + i * 0.1, picture(i, kind=rare if i % 3 == 1 else usual, colour="lime"))
        for i in range(7)
    ]
    out = tmp_path / "clip.mp4"
    clip = encode_frames(given, out, runner)
    assert clip.frames_used == 7
    assert clip.duration == pytest.approx(0.7, abs=0.001)
    for number in (0, 1, 4, 6):
        assert close(pixels(out, number, runner).getpixel((150, 100)), (0, 255, 0))


@pytest.mark.parametrize("bad", [{0}, {4}, {9}, {0, 4, 5, 9}], ids=str)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_frames_that_cannot_be_decoded_are_left_out_and_counted(
    runner: Runner, tmp_path: Path, bad: set[int], kind: str
) -> None:
    given = [
        undecodable(EPOCH + i * 0.1, kind.lower())
        if i in bad
        else frame(EPOCH + i * 0.1, picture(i, kind=kind))
        for i in range(10)
    ]
    out = tmp_path / "clip.mp4"
    clip = encode_frames(given, out, runner)
    assert (clip.frames_given, clip.frames_used) == (10, 10 - len(bad))
    # Frames skipped at the start cannot be shown; all others keep their time.
    assert clip.duration == pytest.approx(0.9 if 0 in bad else 1.0, abs=0.001)


def test_a_frame_of_the_rare_kind_that_cannot_be_decoded_is_left_out(
    runner: Runner, tmp_path: Path
) -> None:
    given = [*regular(5), undecodable(EPOCH + 0.5, "png"), frame(EPOCH + 0.6, picture(6))]
    clip = encode_frames(given, tmp_path / "clip.mp4", runner)
    assert (clip.frames_given, clip.frames_used) == (7, 6)
    assert clip.duration == pytest.approx(0.7, abs=0.001)


@pytest.mark.parametrize("kind", ["jpeg", "png"])
@pytest.mark.parametrize("count", [1, 10])
def test_no_usable_frame(runner: Runner, tmp_path: Path, kind: str, count: int) -> None:
    out = tmp_path / "clip.mp4"
    given = [undecodable(EPOCH + i * 0.1, kind) for i in range(count)]
    with pytest.raises(MediaError) as caught:
        encode_frames(given, out, runner)
    assert caught.value.code is MediaErrorCode.NO_USABLE_FRAME
    assert not out.exists()


def test_no_frame_at_all(packaged_runner: Runner, tmp_path: Path) -> None:
    with pytest.raises(MediaError) as caught:
        encode_frames([], tmp_path / "clip.mp4", packaged_runner)
    assert caught.value.code is MediaErrorCode.NO_USABLE_FRAME


def test_an_encoder_that_does_not_start_is_not_blamed_on_the_frames(
    tools: Tools, tmp_path: Path
) -> None:
    out = tmp_path / "clip.mp4"
    with pytest.raises(MediaError) as caught:
        encode_frames(regular(5), out, Runner(tools), preset="no-such-preset")
    assert caught.value.code is MediaErrorCode.TOOL_FAILED
    assert not out.exists()


def test_too_large_and_cancelled_leave_no_file(packaged_tools: Tools, tmp_path: Path) -> None:
    out = tmp_path / "clip.mp4"
    with pytest.raises(MediaError) as caught:
        encode_frames(regular(20), out, Runner(packaged_tools, Limits(output_bytes=1000)))
    assert caught.value.code is MediaErrorCode.TOO_LARGE
    stopped = Runner(packaged_tools, should_stop=lambda: True)
    with pytest.raises(MediaError) as caught:
        encode_frames(regular(20), out, stopped)
    assert caught.value.code is MediaErrorCode.CANCELLED
    assert not out.exists()


def test_a_frame_that_cannot_be_loaded_stops_the_work(
    packaged_runner: Runner, tmp_path: Path
) -> None:
    def fail() -> bytes:
        raise FileNotFoundError("frame 3")

    given = [*regular(3), FrameRef(EPOCH + 0.3, FrameInfo("jpeg", 160, 120), fail)]
    with pytest.raises(FileNotFoundError, match="frame 3"):
        encode_frames(given, tmp_path / "clip.mp4", packaged_runner)
    assert not (tmp_path / "clip.mp4").exists()


def test_frames_are_loaded_as_they_are_read_and_not_before(
    packaged_runner: Runner, tmp_path: Path
) -> None:
    size = (640, 480)
    noise = picture_of_noise(size)
    loaded: list[int] = []
    taken: list[int] = []

    def load(index: int) -> bytes:
        loaded.append(index)
        taken.append(max(map(_bytes_read_by, children_of(os.getpid())), default=0))
        return noise

    info = FrameInfo("jpeg", *size)
    given = [FrameRef(EPOCH + i * 0.1, info, partial(load, i)) for i in range(60)]
    clip = encode_frames(given, tmp_path / "clip.mp4", packaged_runner)
    assert clip.frames_used == 60
    assert loaded == list(range(60))
    # All but the content of the pipe was passed to the encoder when the last one was loaded.
    assert taken[-1] > 50 * len(noise)


def _bytes_read_by(pid: int) -> int:
    found = re.search(r"^rchar: (\d+)$", Path(f"/proc/{pid}/io").read_text(), re.MULTILINE)
    assert found
    return int(found[1])


def picture_of_noise(size: tuple[int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise(size, 90).convert("RGB").save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def test_progress_is_a_share(runner: Runner, tmp_path: Path) -> None:
    seen: list[float] = []
    encode_frames(regular(30), tmp_path / "clip.mp4", runner, on_progress=seen.append)
    assert seen == sorted(seen)
    assert 0.8 < seen[-1] <= 1


def test_large_frames_are_made_playable(packaged_runner: Runner, tmp_path: Path) -> None:
    given = [frame(EPOCH + i, picture(i, size=(5000, 2500))) for i in range(2)]
    out = tmp_path / "clip.mp4"
    encode_frames(given, out, packaged_runner)
    facts = probe(out, packaged_runner)
    assert facts.resolution == "3840x1920"
    assert plan(facts) is Plan.ORIGINAL
