"""make_rendition and make_poster on real files, read back by ffprobe."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, ImageStat

from tests.integration.media.media_samples import AAC, BOTH_PROGRAMS, H264, MakeClip, remux
from vigint_web.media.errors import MediaError, MediaErrorCode
from vigint_web.media.frames import inspect_frame
from vigint_web.media.pictures import DARK, make_poster
from vigint_web.media.probe import Probe, probe
from vigint_web.media.rendition import Plan, make_rendition, plan
from vigint_web.media.runner import Limits, Runner, guarded_input
from vigint_web.media.tools import Tools

HEVC = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none")
ODD = "testsrc=size=161x121:rate=25:duration=1"


def rendition_of(source: Path, runner: Runner, tmp_path: Path) -> tuple[Probe, Probe, Path]:
    given = probe(source, runner)
    out = tmp_path / "rendition.part"
    make_rendition(source, out, given, runner)
    return given, probe(out, runner), out


def packet_times(path: Path, runner: Runner) -> list[float]:
    question = ["-select_streams", "v:0", "-show_entries", "packet=pts_time", "-of", "json"]
    result = runner.run([*question, *guarded_input(path)], program="ffprobe", capture=True)
    return sorted(float(packet["pts_time"]) for packet in json.loads(result.stdout)["packets"])


def top_level_boxes(path: Path) -> list[bytes]:
    data, at, names = path.read_bytes(), 0, []
    while at < len(data):
        names.append(data[at + 4 : at + 8])
        at += int.from_bytes(data[at : at + 4], "big")
    return names


SOURCES = {
    "mpeg4-mp3.avi": ("-c:v", "mpeg4", "-c:a", "libmp3lame"),
    "hevc10-ac3.mkv": (*HEVC, "-pix_fmt", "yuv420p10le", "-c:a", "ac3"),
    "wmv2-wmav2.wmv": ("-c:v", "wmv2", "-c:a", "wmav2"),
    "vp8-vorbis.webm": ("-c:v", "libvpx", "-c:a", "libvorbis"),
    "h264-bframes.avi": ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "libmp3lame"),
    "woven.mp4": (*H264, "-flags", "+ilme+ildct", *AAC),
}


@pytest.mark.parametrize(
    ("tools", "name"),
    [
        *(("packaged", name) for name in SOURCES),
        ("path", "hevc10-ac3.mkv"),
        *(
            pytest.param("path", name, marks=pytest.mark.campaign)
            for name in SOURCES
            if name != "hevc10-ac3.mkv"
        ),
    ],
    indirect=["tools"],
)
def test_what_browsers_cannot_play_becomes_what_they_can(
    make_clip: MakeClip, runner: Runner, tmp_path: Path, name: str
) -> None:
    source = make_clip("source-" + name, *SOURCES[name], sound=True)
    given, made, out = rendition_of(source, runner, tmp_path)
    assert plan(given) is Plan.TRANSCODE
    assert plan(made) is Plan.ORIGINAL
    assert (made.codec, made.pixel_format, made.profile) == ("h264", "yuv420p", "High")
    assert (made.audio_codec, made.interlaced, made.resolution) == ("aac", False, "160x120")
    assert made.duration == pytest.approx(given.duration, abs=0.15)
    names = top_level_boxes(out)
    assert names.index(b"moov") < names.index(b"mdat")


@pytest.mark.parametrize(
    ("name", "options", "audio"),
    [
        ("h264-aac.mkv", (*H264, *AAC), "aac"),
        ("h264-aac.flv", (*H264, *AAC, "-ar", "44100"), "aac"),
        ("h264-pcm.mov", (*H264, "-c:a", "pcm_s16le"), "aac"),
        ("h264-opus.mkv", (*H264, "-c:a", "libopus"), "aac"),
        ("h264-mp3.avi", (*H264, "-bf", "0", "-c:a", "libmp3lame"), "mp3"),
    ],
)
def test_the_right_codec_in_a_wrong_container_is_copied(
    make_clip: MakeClip,
    runner: Runner,
    tmp_path: Path,
    name: str,
    options: tuple[str, ...],
    audio: str,
) -> None:
    given, made, _ = rendition_of(
        make_clip("copied-" + name, *options, sound=True), runner, tmp_path
    )
    assert plan(given) is Plan.REMUX
    assert (plan(made), made.audio_codec) == (Plan.ORIGINAL, audio)
    # Re-encoding would have made it High.
    assert made.profile == given.profile != "High"


@pytest.mark.parametrize("codec", ["mpeg4", "libx264"])
def test_a_turn_is_applied_once(
    make_clip: MakeClip, runner: Runner, tmp_path: Path, codec: str
) -> None:
    upright = make_clip(f"upright-{codec}.mp4", "-c:v", codec, "-pix_fmt", "yuv420p")
    turned = tmp_path / "turned.mov"
    remux(upright, turned, "-display_rotation:v", "-90")
    given, made, _ = rendition_of(turned, runner, tmp_path)
    assert (given.rotation, given.resolution) == (90, "120x160")
    assert made.resolution == "120x160"
    # Copied pictures are still rotated by the player; new ones are upright in the file.
    assert made.rotation == (90 if plan(given) is Plan.REMUX else 0)


def test_odd_sizes_become_even(make_clip: MakeClip, runner: Runner, tmp_path: Path) -> None:
    source = make_clip("odd.avi", "-c:v", "mpeg4", source=ODD)
    given, made, _ = rendition_of(source, runner, tmp_path)
    assert (given.resolution, made.resolution) == ("161x121", "160x120")


@BOTH_PROGRAMS
def test_true_times_are_kept(make_clip: MakeClip, runner: Runner, tmp_path: Path) -> None:
    uneven = "setpts='(N*0.04+gte(N,10)*0.313+gte(N,20)*0.777)/TB'"
    scene = ("-vf", f"settb=1/1000,{uneven}", "-fps_mode", "passthrough")
    options = ("-c:v", "libvpx", *scene, "-enc_time_base", "1/1000")
    source = make_clip("uneven.webm", *options)
    before = packet_times(source, runner)
    _, _, out = rendition_of(source, runner, tmp_path)
    after = packet_times(out, runner)
    assert before[20] - before[19] > 0.8
    assert after == pytest.approx([time - before[0] for time in before], abs=0.002)


@BOTH_PROGRAMS
def test_nothing_but_picture_and_sound_is_taken_along(
    make_clip: MakeClip, runner: Runner, tmp_path: Path
) -> None:
    words = tmp_path / "words.srt"
    words.write_text("1\n00:00:00,000 --> 00:00:01,000\nhello\n")
    options = ("-c:v", "mpeg4", "-metadata", "title=private", "-attach", str(words))
    source = make_clip("laden.mkv", *options, "-metadata:s:t", "mimetype=text/plain", sound=True)
    given, made, out = rendition_of(source, runner, tmp_path)
    assert len(given.raw["streams"]) == 3
    assert [stream["codec_type"] for stream in made.raw["streams"]] == ["video", "audio"]
    assert b"private" not in out.read_bytes()


def test_progress_is_a_share(make_clip: MakeClip, runner: Runner, tmp_path: Path) -> None:
    source = make_clip("odd.avi", "-c:v", "mpeg4", source=ODD)
    seen: list[float] = []
    given = probe(source, runner)
    make_rendition(source, tmp_path / "out", given, runner, on_progress=seen.append)
    assert seen == sorted(seen)
    assert 0.8 < seen[-1] <= 1


def test_a_failure_leaves_no_file(
    make_clip: MakeClip, packaged_tools: Tools, tmp_path: Path
) -> None:
    source = make_clip("odd.avi", "-c:v", "mpeg4", source=ODD)
    out = tmp_path / "out"
    runner = Runner(packaged_tools)
    facts = probe(source, runner)
    with pytest.raises(MediaError) as caught:
        make_rendition(source, out, facts, Runner(runner.tools, Limits(output_bytes=2000)))
    assert caught.value.code is MediaErrorCode.TOO_LARGE
    assert not out.exists()


def without_pictures(playable: Path, path: Path) -> Path:
    """Keep a clip's index, so that it probes well, and destroy the data it references."""
    data = bytearray(playable.read_bytes())
    at = data.index(b"mdat") + 4
    end = data.index(b"moov") - 4
    data[at:end] = b"\xff" * (end - at)
    path.write_bytes(data)
    return path


def test_an_index_without_pictures_is_broken(
    playable_clip: Path, runner: Runner, tmp_path: Path
) -> None:
    source = without_pictures(playable_clip, tmp_path / "empty.mp4")
    facts = replace(probe(playable_clip, runner), profile="High 4:2:2")
    with pytest.raises(MediaError) as caught:
        make_rendition(source, tmp_path / "out", facts, runner)
    assert caught.value.code is MediaErrorCode.BROKEN
    with pytest.raises(MediaError) as caught:
        make_poster(source, tmp_path / "p.jpg", facts, runner)
    assert caught.value.code is MediaErrorCode.NO_USABLE_FRAME
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "p.jpg").exists()


def brightness(path: Path) -> float:
    with Image.open(path) as image:
        return float(ImageStat.Stat(image.convert("L")).mean[0])


def poster_of(source: Path, runner: Runner, tmp_path: Path) -> Path:
    out = tmp_path / "poster.part"
    make_poster(source, out, probe(source, runner), runner)
    assert inspect_frame(out.read_bytes()).kind == "jpeg"
    return out


def test_a_poster_is_at_most_1280_wide(make_clip: MakeClip, runner: Runner, tmp_path: Path) -> None:
    source = make_clip("wide.mp4", *H264, source="testsrc2=size=1920x1080:rate=5:duration=1")
    info = inspect_frame(poster_of(source, runner, tmp_path).read_bytes())
    assert (info.width, info.height) == (1280, 720)


def test_a_poster_stands_upright_and_keeps_small_sizes(
    playable_clip: Path, runner: Runner, tmp_path: Path
) -> None:
    turned = tmp_path / "turned.mp4"
    remux(playable_clip, turned, "-display_rotation:v", "-90")
    info = inspect_frame(poster_of(turned, runner, tmp_path).read_bytes())
    assert (info.width, info.height) == (120, 160)


def test_a_poster_of_one_frame(make_clip: MakeClip, runner: Runner, tmp_path: Path) -> None:
    source = make_clip("single.mp4", *H264, "-frames:v", "1")
    assert brightness(poster_of(source, runner, tmp_path)) > DARK


@pytest.mark.parametrize("lit", ["gt(t,4)", "lt(t,0.2)"])
def test_a_poster_shows_a_lit_moment_of_a_dark_clip(
    make_clip: MakeClip, runner: Runner, tmp_path: Path, lit: str
) -> None:
    name = f"dark-{'late' if lit.startswith('gt') else 'early'}.mp4"
    scene = ("-vf", f"eq=brightness=-1:enable='not({lit})'")
    source = make_clip(name, *scene, *H264, source="testsrc2=size=160x120:rate=10:duration=10")
    assert brightness(poster_of(source, runner, tmp_path)) > DARK


def test_a_wholly_dark_clip_has_a_poster_too(
    make_clip: MakeClip, runner: Runner, tmp_path: Path
) -> None:
    source = make_clip("night.mp4", *H264, source="color=black:size=160x120:rate=10:duration=2")
    assert brightness(poster_of(source, runner, tmp_path)) < DARK


def test_the_original_is_left_alone(make_clip: MakeClip, runner: Runner, tmp_path: Path) -> None:
    source = tmp_path / "own.avi"
    shutil.copyfile(make_clip("odd.avi", "-c:v", "mpeg4", source=ODD), source)
    before = source.read_bytes()
    rendition_of(source, runner, tmp_path)
    assert source.read_bytes() == before
