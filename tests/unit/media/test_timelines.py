"""media.timeline and media.webvtt: numbers and text, without a file."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigint_web.media.timeline import (
    MAX_MOTION_VALUES,
    MAX_PICTURES,
    MAX_SCENES,
    PICTURE_SIDE,
    Sample,
    Scene,
    find_scenes,
    lay_out,
    measure_motion,
    read_samples,
)
from vigint_web.media.webvtt import chapters, pictures, timestamp

PRINTED = """frame:0    pts:0       pts_time:0
lavfi.scd.mafd=0.000
lavfi.scd.score=0.000
frame:1    pts:1       pts_time:0.2
lavfi.scd.mafd=12.668
lavfi.scd.score=10.500
lavfi.scd.time=0.2
frame:2    pts:2       pts_time:nan
lavfi.scd.mafd=1.0
frame:3    pts:3       pts_time:-0.4
lavfi.scd.mafd=3
lavfi.scd.score=2e0
"""

DURATIONS = st.floats(0.001, 500_000, allow_nan=False)
SIDES = st.integers(1, 8192)


def test_what_ffmpeg_printed_is_read_in_order_of_time() -> None:
    assert read_samples(PRINTED) == [
        Sample(-0.4, 3.0, 0.02),
        Sample(0.0, 0.0, 0.0),
        Sample(0.2, 12.668, 0.105),
    ]
    assert read_samples("") == read_samples("nonsense\n" * 3) == []


@pytest.mark.parametrize(
    ("duration", "count", "interval", "grid"),
    [
        (0.04, 1, 0.1, (1, 1)),
        (2, 10, 0.2, (10, 1)),
        (35, 35, 1, (10, 4)),
        (120, 120, 1, (10, 12)),
        (10_800, 120, 90, (10, 12)),
    ],
)
def test_a_sheet_has_a_picture_a_second_but_few_for_the_short_and_the_long(
    duration: float, count: int, interval: float, grid: tuple[int, int]
) -> None:
    sheet = lay_out(duration, 1920, 1080)
    assert (sheet.count, sheet.interval) == (count, interval)
    assert (sheet.columns, sheet.rows) == grid
    assert (sheet.width, sheet.height) == (160, 90)


@pytest.mark.parametrize(
    ("size", "aspect", "small"),
    [
        ((1080, 1920), 1.0, (90, 160)),
        ((720, 576), 16 / 11, (160, 88)),
        ((8192, 2), 1.0, (160, 2)),
        ((100, 100), 1.0, (160, 160)),
    ],
)
def test_small_pictures_have_the_shape_that_is_displayed(
    size: tuple[int, int], aspect: float, small: tuple[int, int]
) -> None:
    sheet = lay_out(10, *size, aspect)
    assert (sheet.width, sheet.height) == small


@given(DURATIONS, SIDES, SIDES)
def test_every_sheet_holds_its_pictures_and_covers_the_length(
    duration: float, width: int, height: int
) -> None:
    sheet = lay_out(duration, width, height)
    assert 1 <= sheet.count <= MAX_PICTURES
    assert sheet.columns * (sheet.rows - 1) < sheet.count <= sheet.columns * sheet.rows
    assert sheet.count * sheet.interval >= duration * 0.999
    assert max(sheet.width, sheet.height) <= PICTURE_SIDE
    assert sheet.width % 2 == sheet.height % 2 == 0


def test_scenes_begin_at_cuts_and_are_no_flicker() -> None:
    samples = [
        Sample(0.2, 50, 0.5),  # too near the beginning
        Sample(10.0, 30, 0.3),
        Sample(10.4, 20, 0.2),  # the same cut, less sharp
        Sample(15.0, 4, 0.04),
        Sample(20.0, 90, 1.4),
        Sample(29.9, 90, 0.9),  # too near the end
    ]
    assert find_scenes(samples, 30) == [Scene(0, 0), Scene(10.0, 0.3), Scene(20.0, 1.0)]
    assert find_scenes([], 30) == [Scene(0, 0)]


@given(
    st.lists(st.builds(Sample, st.floats(0, 4000), st.floats(0, 100), st.floats(0, 1))), DURATIONS
)
def test_scenes_and_motion_are_bounded_and_in_order(samples: list[Sample], duration: float) -> None:
    samples.sort(key=lambda sample: sample.time)
    scenes = find_scenes(samples, duration)
    starts = [scene.start for scene in scenes]
    assert starts[0] == 0
    assert starts == sorted(set(starts))
    assert len(scenes) <= MAX_SCENES
    assert all(start < duration for start in starts[1:])
    motion, interval = measure_motion(samples, duration)
    assert 1 <= len(motion) <= MAX_MOTION_VALUES
    assert len(motion) * interval >= duration * 0.999
    assert all(0 <= value <= 100 for value in motion)


def test_motion_is_where_something_moves_and_a_cut_is_none() -> None:
    samples = [Sample(place / 5, 0.01, 0.0) for place in range(100)]
    samples[50] = Sample(10.0, 60.0, 0.6)
    samples[27:30] = [Sample(place / 5, 4.0, 0.03) for place in range(27, 30)]
    motion, interval = measure_motion(samples, 20)
    assert interval == 1
    assert motion == [0, 0, 0, 0, 0, 100, *[0] * 14]


def test_noise_is_no_crowd() -> None:
    motion, _ = measure_motion([Sample(place / 5, 0.03, 0.0) for place in range(50)], 10)
    assert max(motion) <= 5


def test_what_was_measured_over_a_gap_counts_for_all_of_it() -> None:
    samples = [Sample(0, 0, 0), Sample(4, 0, 0), Sample(8, 5, 0.01), Sample(12, 0, 0)]
    motion, _ = measure_motion(samples, 12)
    assert motion == [0, 0, 0, 0, 100, 100, 100, 100, 0, 0, 0, 0]


def test_previews_name_a_rectangle_for_each_part() -> None:
    text = pictures(
        "sprite.jpg?v=1", columns=2, width=160, height=90, interval=1.5, count=3, duration=4.2
    )
    assert text == (
        "WEBVTT\n\n"
        "00:00:00.000 --> 00:00:01.500\nsprite.jpg?v=1#xywh=0,0,160,90\n\n"
        "00:00:01.500 --> 00:00:03.000\nsprite.jpg?v=1#xywh=160,0,160,90\n\n"
        "00:00:03.000 --> 00:00:04.200\nsprite.jpg?v=1#xywh=0,90,160,90\n"
    )


def test_chapters_follow_each_other_to_the_end() -> None:
    text = chapters([0, 10.25], ["Scène 1", "a --> b\n<b>&"], 3725.5)
    assert text == (
        "WEBVTT\n\n"
        "00:00:00.000 --> 00:00:10.250\nScène 1\n\n"
        "00:00:10.250 --> 01:02:05.500\na --&gt; b &lt;b&gt;&amp;\n"
    )
    assert chapters([], [], None) == "WEBVTT\n"
    assert "00:00:00.000 --> 00:00:00.001" in chapters([0], ["x"], None)


@given(st.floats(0, 1_000_000))
def test_timestamps_are_webvtts(seconds: float) -> None:
    found = re.fullmatch(r"(\d{2,}):([0-5]\d):([0-5]\d\.\d{3})", timestamp(seconds))
    assert found
    hours, minutes, rest = found.groups()
    assert int(hours) * 3600 + int(minutes) * 60 + float(rest) == pytest.approx(seconds, abs=6e-4)
