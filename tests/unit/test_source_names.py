"""name_refusal: the files accepted as sources by their names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigint_web.services.videos.filenames import name_refusal


@pytest.mark.parametrize("suffix", ["mp4", "avi", "mov", "mkv", "wmv", "flv", "webm", "m4v", "MP4"])
def test_the_eight_formats_are_sources(suffix: str) -> None:
    assert name_refusal(f"a.{suffix}") is None


@pytest.mark.parametrize(
    "name", ["IMG_0001", "cam.1", "le 29.11.2026 14.30", "video ", "Cour (nord)."]
)
def test_a_name_without_an_ending_is_decided_by_its_content(name: str) -> None:
    assert name_refusal(name) is None


@pytest.mark.parametrize("suffix", ["dav", "264", "265", "h264", "ts", "MTS", "vob", "asf", "exe"])
def test_what_recorders_write_is_named_as_such(suffix: str) -> None:
    assert name_refusal(f"x.mp4.{suffix}") == "from_recorder"


@pytest.mark.parametrize("suffix", ["txt", "3gp", "mpg", "jpg", "7z", "pdf", "mp3", "sh"])
def test_everything_else_is_no_video(suffix: str) -> None:
    assert name_refusal(f"x.{suffix}") == "not_a_video"


@given(st.text(max_size=300))
def test_no_name_is_an_accident(name: str) -> None:
    assert name_refusal(name) in {None, "from_recorder", "not_a_video"}
