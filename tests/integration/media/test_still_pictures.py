"""make_poster and make_thumbnail: small enough for a phone, for any picture."""

from pathlib import Path

import pytest
from PIL import Image

from tests.integration.media.media_samples import H264, MakeClip
from vigint_web.media.errors import MediaError
from vigint_web.media.pictures import (
    POSTER_BYTES,
    THUMBNAIL_BYTES,
    make_poster,
    make_thumbnail,
)
from vigint_web.media.probe import probe
from vigint_web.media.runner import Runner

NOISE = "noise=alls=18:allf=t"


def pictures_of(source: Path, runner: Runner, tmp_path: Path) -> tuple[Path, Path]:
    poster, thumbnail = tmp_path / "poster.jpg", tmp_path / "thumbnail.jpg"
    make_poster(source, poster, probe(source, runner), runner)
    make_thumbnail(poster, thumbnail, runner)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["poster.jpg", "thumbnail.jpg"], "no draft is left"
    return poster, thumbnail


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        assert image.format == "JPEG"
        image.load()
        return image.size


@pytest.mark.parametrize("filters", ["null", NOISE], ids=["clean", "night noise"])
def test_pictures_of_a_large_video_are_light(
    make_clip: MakeClip, runner: Runner, tmp_path: Path, filters: str
) -> None:
    scene = f"testsrc2=size=1920x1080:rate=5:duration=1,{filters}"
    source = make_clip(f"large-{len(filters)}.mp4", *H264, "-crf", "18", source=scene)
    poster, thumbnail = pictures_of(source, runner, tmp_path)
    assert size_of(poster) == (1280, 720)
    assert size_of(thumbnail) == (320, 180)
    assert poster.stat().st_size <= POSTER_BYTES
    assert thumbnail.stat().st_size <= THUMBNAIL_BYTES


@pytest.mark.parametrize(
    ("given", "expected"),
    [("720x1280", (180, 320)), ("160x120", (160, 120)), ("1280x64", (320, 16))],
    ids=["upright", "smaller already", "a strip"],
)
def test_a_thumbnail_fits_its_square_and_is_never_enlarged(
    make_clip: MakeClip, runner: Runner, tmp_path: Path, given: str, expected: tuple[int, int]
) -> None:
    source = make_clip(
        f"thumb-{given}.mp4", *H264, source=f"testsrc2=size={given}:rate=5:duration=1"
    )
    _, thumbnail = pictures_of(source, runner, tmp_path)
    assert size_of(thumbnail) == expected


def test_what_is_no_picture_makes_no_thumbnail(runner: Runner, tmp_path: Path) -> None:
    broken = tmp_path / "poster.jpg"
    broken.write_bytes(b"#EXTM3U\nfile:///etc/passwd\n")
    with pytest.raises(MediaError):
        make_thumbnail(broken, tmp_path / "thumbnail.jpg", runner)
    assert [path.name for path in tmp_path.iterdir()] == ["poster.jpg"]
