"""plan: files that every browser plays are unchanged, others are remuxed or transcoded."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigint_web.media.geometry import MAX_LONG_SIDE, playable_size
from vigint_web.media.probe import Probe
from vigint_web.media.rendition import Plan, plan, playable_content_type

PLAYABLE = Probe(
    container="mov,mp4,m4a,3gp,3g2,mj2",
    format="mp4",
    size=1000,
    duration=2.0,
    width=1920,
    height=1080,
    fps=25.0,
    bitrate=1_000_000,
    codec="h264",
    pixel_format="yuv420p",
    rotation=0,
    profile="High",
    level=40,
    bit_depth=8,
    field_order="progressive",
    has_b_frames=2,
    audio_codec="aac",
    audio_channels=2,
    audio_sample_rate=48_000,
)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"format": "m4v"},
        {"audio_codec": "mp3"},
        {"audio_codec": None},
        {"rotation": 90},
        {"profile": "Constrained Baseline"},
        {"pixel_format": "yuvj420p"},
        {"field_order": None},
    ],
)
def test_original(changes: dict[str, object]) -> None:
    assert plan(replace(PLAYABLE, **changes)) is Plan.ORIGINAL  # type: ignore[arg-type]  # table of fields


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "mov"},
        {"format": "mkv"},
        {"format": "flv"},
        {"format": "avi", "has_b_frames": 0},
        {"audio_codec": "ac3"},
        {"format": "mkv", "audio_codec": "opus"},
    ],
)
def test_remux(changes: dict[str, object]) -> None:
    assert plan(replace(PLAYABLE, **changes)) is Plan.REMUX  # type: ignore[arg-type]  # table of fields


@pytest.mark.parametrize(
    "changes",
    [
        {"codec": "hevc", "profile": "Main"},
        {"codec": "mpeg4", "format": "avi"},
        {"codec": "vp9", "format": "webm", "audio_codec": "opus"},
        {"pixel_format": "yuv420p10le", "profile": "High 10"},
        {"pixel_format": "yuv444p"},
        {"profile": "High 4:2:2"},
        {"field_order": "tt"},
        {"level": 60},
        {"width": 7680, "height": 4320},
        {"format": "avi"},
    ],
)
def test_transcode(changes: dict[str, object]) -> None:
    assert plan(replace(PLAYABLE, **changes)) is Plan.TRANSCODE  # type: ignore[arg-type]  # table of fields


def test_what_is_played_is_mp4() -> None:
    for wanted in (Plan.REMUX, Plan.TRANSCODE):
        assert playable_content_type(replace(PLAYABLE, format="avi"), wanted) == "video/mp4"
    assert playable_content_type(PLAYABLE, Plan.ORIGINAL) == "video/mp4"
    with pytest.raises(ValueError, match="avi"):
        playable_content_type(replace(PLAYABLE, format="avi"), Plan.ORIGINAL)


def test_resolution_reads_as_people_write_it() -> None:
    assert PLAYABLE.resolution == "1920x1080"


@given(st.integers(1, 20_000), st.integers(1, 20_000))
def test_playable_sizes_are_even_and_bounded(width: int, height: int) -> None:
    new_width, new_height = playable_size(width, height)
    assert new_width % 2 == new_height % 2 == 0
    assert 2 <= max(new_width, new_height) <= MAX_LONG_SIDE
    if max(width, height) <= MAX_LONG_SIDE and min(width, height) > 1:
        assert width - new_width in (0, 1)
        assert height - new_height in (0, 1)
