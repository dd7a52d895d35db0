"""Survey on real files: sprite, scenes, motion and poster from one decoding."""

import logging
import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image, ImageStat

from tests.integration.media.media_samples import (
    BOTH_PROGRAMS,
    H264,
    MakeClip,
    frame,
    picture,
    remux,
)
from vigint_web.media.errors import MediaError, MediaErrorCode
from vigint_web.media.incident import encode_frames
from vigint_web.media.pictures import SPRITE_BYTES
from vigint_web.media.probe import probe
from vigint_web.media.rendition import Plan, make_rendition, plan
from vigint_web.media.runner import Limits, Runner
from vigint_web.media.survey import Survey
from vigint_web.media.timeline import Timeline
from vigint_web.media.tools import Tools

RED, BLUE = (220, 20, 20), (20, 20, 220)
# Four seconds of red, four of blue with a moving box, four of red.
SCENES = (
    "color=white:size=40x60:rate=25[box];"
    "color=0xdc1414:size=320x240:rate=25:duration=12,"
    "drawbox=color=0x1414dc:t=fill:enable='between(t,4,7.99)'[room];"
    "[room][box]overlay=x='(t-5)*100':y=100:enable='between(t,5.3,6.8)':shortest=1"
)


class Counting(Runner):
    """Count the runs with a file as an input, except for ffprobe."""

    def __init__(self, tools: Tools, source: Path) -> None:
        super().__init__(tools)
        self.source = str(source)
        self.runs: list[list[str]] = []

    def run(self, args, **options):  # type: ignore[no-untyped-def]  # as the one it stands for
        inputs = [word for option, word in pairwise(args) if option == "-i"]
        decodes = options.get("program", "ffmpeg") == "ffmpeg" or "-count_frames" in args
        if decodes and f"file:{self.source}" in inputs:
            self.runs.append(list(args))
        return super().run(args, **options)


def surveyed(source: Path, folder: Path, runner: Runner) -> tuple[Survey, Timeline, Image.Image]:
    survey = Survey(probe(source, runner), folder)
    survey.look(source, runner)
    line = survey.finish(folder, runner)
    with Image.open(folder / "sprite.jpg") as sheet:
        sheet.load()
        return survey, line, sheet


def shown_at(line: Timeline, sheet: Image.Image, seconds: float) -> tuple[float, ...]:
    """The mean colour of the small picture of a position."""
    sprite = line.sprite
    assert sprite is not None
    row, column = divmod(int(seconds / sprite.interval), sprite.columns)
    left, top = column * sprite.width, row * sprite.height
    area = sheet.crop((left, top, left + sprite.width, top + sprite.height))
    return tuple(ImageStat.Stat(area).mean)


@pytest.fixture(scope="session")
def scenes_clip(make_clip: MakeClip) -> Path:
    return make_clip("scenes.mp4", *H264, "-g", "1000", source=SCENES)


@BOTH_PROGRAMS
def test_scenes_motion_and_pictures_are_where_they_are_in_the_video(
    scenes_clip: Path, runner: Runner, tmp_path: Path
) -> None:
    survey, line, sheet = surveyed(scenes_clip, tmp_path, runner)
    assert [scene.start for scene in line.scenes] == pytest.approx([0, 4, 8], abs=0.21)
    assert all(scene.score > 0.1 for scene in line.scenes[1:])
    assert line.motion_interval == 1
    assert [place for place, much in enumerate(line.motion) if much > 10] == [5, 6]
    assert line.sprite is not None
    assert (line.sprite.count, line.sprite.interval) == (12, 1)
    assert (line.sprite.width, line.sprite.height) == (160, 120)
    assert sheet.size == (1600, 240)
    for seconds, colour in ((0.5, RED), (3.5, RED), (4.5, BLUE), (7.5, BLUE), (8.5, RED)):
        assert shown_at(line, sheet, seconds) == pytest.approx(colour, abs=25), seconds
    assert (tmp_path / "poster.jpg").exists()
    with Image.open(tmp_path / "poster.jpg") as poster:
        assert poster.size == (320, 240)
    survey.forget()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "poster.jpg",
        "sprite.jpg",
        "thumbnail.jpg",
    ]


@pytest.mark.parametrize(
    ("name", "options", "wanted"),
    [
        ("once.mp4", H264, Plan.ORIGINAL),
        ("once.mkv", (*H264, "-bf", "0"), Plan.REMUX),
        ("once.avi", ("-c:v", "mpeg4", "-q:v", "3"), Plan.TRANSCODE),
    ],
)
def test_one_decoding_yields_everything(
    make_clip: MakeClip,
    packaged_tools: Tools,
    tmp_path: Path,
    name: str,
    options: tuple[str, ...],
    wanted: Plan,
) -> None:
    source = make_clip(name, *options, source=SCENES)
    runner = Counting(packaged_tools, source)
    facts = probe(source, runner)
    assert plan(facts) is wanted
    survey = Survey(facts, tmp_path)
    seen: list[float] = []
    if wanted is Plan.ORIGINAL:
        survey.look(source, runner, on_progress=seen.append)
    else:
        make_rendition(source, tmp_path / "r.mp4", facts, runner, survey=survey,
                       on_progress=seen.append)  # fmt: skip
        assert plan(probe(tmp_path / "r.mp4", runner)) is Plan.ORIGINAL
    line = survey.finish(tmp_path, runner)
    assert (tmp_path / "poster.jpg").exists()
    assert len(runner.runs) == 1
    assert [scene.start for scene in line.scenes] == pytest.approx([0, 4, 8], abs=0.21)
    assert seen == sorted(seen)
    assert 0.8 < seen[-1] <= 1


def test_a_clip_of_frames_is_decoded_once_before_its_alert(
    packaged_tools: Tools, tmp_path: Path
) -> None:
    frames = [frame(1.7e9 + place / 10, picture(place * 3)) for place in range(20)]
    runner = Counting(packaged_tools, tmp_path / "clip.mp4")
    clip = encode_frames(frames, tmp_path / "clip.mp4", runner)
    assert len(runner.runs) == 1
    assert clip.frames_used == 20
    assert clip.duration == pytest.approx(2, abs=0.01)
    survey = Survey(clip.probe, tmp_path)
    survey.look(tmp_path / "clip.mp4", runner)
    line = survey.finish(tmp_path, runner)
    assert line.sprite is not None
    assert line.sprite.count == 10
    assert max(line.motion) == 100
    assert (tmp_path / "poster.jpg").exists()


def test_of_much_video_only_the_pictures_that_stand_for_themselves_are_decoded(
    scenes_clip: Path, packaged_tools: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    make_clip: MakeClip,
) -> None:  # fmt: skip
    monkeypatch.setattr("vigint_web.media.survey._WHOLE_PIXELS", 1000)
    source = make_clip("keys.mp4", *H264, "-g", "25", source=SCENES)
    runner = Counting(packaged_tools, source)
    _, line, sheet = surveyed(source, tmp_path, runner)
    assert [("-skip_frame" in run) for run in runner.runs] == [True]
    assert [scene.start for scene in line.scenes] == pytest.approx([0, 4, 8], abs=0.21)
    assert min(line.motion[5:7]) > 10 > max(line.motion[:5])
    assert shown_at(line, sheet, 6.5) == pytest.approx(BLUE, abs=40)

    # A video with only one such picture would show too little.
    monkeypatch.setattr("vigint_web.media.survey._FURTHEST_APART", 3.0)
    single = make_clip("single-key.mp4", *H264, "-g", "1000", "-sc_threshold", "0", source=SCENES)
    runner = Counting(packaged_tools, single)
    _, line, _ = surveyed(single, tmp_path, runner)
    assert [("-skip_frame" in run) for run in runner.runs] == [True, False]
    assert len(line.scenes) == 3


@BOTH_PROGRAMS
def test_a_damaged_time_is_not_filled_with_pictures(
    make_clip: MakeClip, tools: Tools, tmp_path: Path
) -> None:
    whole = make_clip("whole.mkv", "-c:v", "mpeg4")
    source = tmp_path / "weeks.mkv"
    jump = ("-c", "copy", "-bsf:v", "setts=ts='if(gte(N,15),TS+20000/TB,TS)'")
    program = str(tools.ffmpeg.path)
    subprocess.run([program, "-v", "error", "-i", str(whole), *jump, str(source)], check=True)
    runner = Runner(tools, Limits(seconds=10))
    survey = Survey(replace(probe(source, runner), duration=1.0), tmp_path)
    make_rendition(source, tmp_path / "r.mp4", survey.probe, runner, survey=survey)
    assert survey.finish(tmp_path, runner).sprite is not None


@pytest.mark.parametrize("frames", [1, 2])
def test_hardly_any_pictures_are_a_timeline_too(
    make_clip: MakeClip, runner: Runner, tmp_path: Path, frames: int
) -> None:
    source = make_clip(f"few-{frames}.mp4", *H264, "-frames:v", str(frames))
    _, line, sheet = surveyed(source, tmp_path, runner)
    assert line.sprite is not None
    assert line.sprite.count == 1
    assert sheet.size == (160, 120)
    assert len(line.motion) == 1
    assert (tmp_path / "poster.jpg").exists()


def test_a_picture_that_stays_while_the_sound_goes_on_is_shown(
    make_clip: MakeClip, runner: Runner, tmp_path: Path
) -> None:
    source = make_clip(
        "talk.mp4", *H264, "-c:a", "aac", sound=True, source="testsrc2=size=160x120:duration=0.04"
    )
    survey, line, _ = surveyed(source, tmp_path, runner)
    assert survey.probe.duration == pytest.approx(1, abs=0.1)
    assert line.sprite is not None
    assert (tmp_path / "poster.jpg").exists()


def test_a_turned_video_has_upright_small_pictures(
    playable_clip: Path, runner: Runner, tmp_path: Path
) -> None:
    turned = tmp_path / "turned.mp4"
    remux(playable_clip, turned, "-display_rotation:v", "-90")
    _, line, sheet = surveyed(turned, tmp_path, runner)
    assert line.sprite is not None
    assert (line.sprite.width, line.sprite.height) == (120, 160)
    assert sheet.size == (1200, 160)


def test_a_sheet_of_noise_stays_light(make_clip: MakeClip, runner: Runner, tmp_path: Path) -> None:
    noise = "nullsrc=size=160x160:rate=2:duration=125,geq=random(1)*255:128:128"
    source = make_clip("noise.mp4", *H264, source=noise)
    _, line, sheet = surveyed(source, tmp_path, runner)
    assert sheet.size == (1600, 1920)
    assert line.sprite is not None
    assert line.sprite.count == 120
    assert (tmp_path / "sprite.jpg").stat().st_size <= SPRITE_BYTES * 2


def test_a_folder_of_any_name_will_do(playable_clip: Path, runner: Runner, tmp_path: Path) -> None:
    folder = tmp_path / "it's [a], b;c%d:\\e"
    folder.mkdir()
    _, line, _ = surveyed(playable_clip, folder, runner)
    assert line.sprite is not None
    assert (folder / "poster.jpg").exists()


def test_where_nothing_can_be_decoded_a_code_says_so(
    playable_clip: Path, runner: Runner, tmp_path: Path
) -> None:
    data = bytearray(playable_clip.read_bytes())
    at, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    data[at:end] = b"\xff" * (end - at)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(data)
    survey = Survey(probe(playable_clip, runner), tmp_path)
    with pytest.raises(MediaError) as caught:
        survey.look(broken, runner)
    assert caught.value.code is MediaErrorCode.NO_USABLE_FRAME
    with pytest.raises(MediaError) as caught:
        survey.finish(tmp_path, runner)
    assert caught.value.code is MediaErrorCode.NO_USABLE_FRAME
    assert not (tmp_path / "poster.jpg").exists()


def test_a_rendition_is_made_without_a_survey_that_fails(
    make_clip: MakeClip,
    packaged_tools: Tools,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = make_clip("plain.avi", "-c:v", "mpeg4")
    runner = Runner(packaged_tools, Limits())
    facts = probe(source, runner)
    survey = Survey(facts, tmp_path / "no such folder")
    with caplog.at_level(logging.INFO):
        make_rendition(source, tmp_path / "r.mp4", facts, runner, survey=survey)
    assert plan(probe(tmp_path / "r.mp4", runner)) is Plan.ORIGINAL
    with pytest.raises(MediaError):
        survey.finish(tmp_path, runner)
