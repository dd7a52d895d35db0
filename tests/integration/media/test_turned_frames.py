"""encode_frames: each frame is rotated by its EXIF, once, independent of the others."""

import io
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.integration.media.media_samples import frame
from vigint_web.media.incident import encode_frames
from vigint_web.media.probe import probe
from vigint_web.media.runner import Runner, guarded_input

EPOCH = 1_790_000_000.0
_IN_CAMPAIGN = pytest.mark.campaign
# In an ordinary run: the program and the first turn of a mixture; the usual turn and the other one.
_MIXED = {("packaged", 1), ("packaged", 6), ("path", 6)}
_HELD = {(1, 6), (3, 8), (6, 1), (8, 5)}
# Clockwise from the upper left, as displayed.
CORNERS = ((220, 30, 30), (30, 160, 30), (220, 220, 30), (30, 30, 220))
# How a picture with an EXIF rotation is stored: the inverse rotation (Exif 2.32, 4.6.4).
STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def turned(
    orientation: int, size: tuple[int, int] = (320, 180), kind: str = "JPEG", **options: Any
) -> bytes:
    """Return a picture with coloured corners, stored like by a camera held that way."""
    image = Image.new("RGB", size)
    for colour, place in zip(CORNERS, ((0, 0), (1, 0), (1, 1), (0, 1)), strict=True):
        left, top = (round(side * at / 2) for at, side in zip(place, size, strict=True))
        right, bottom = (round(side * (at + 1) / 2) for at, side in zip(place, size, strict=True))
        image.paste(colour, (left, top, right, bottom))
    if orientation in STORED:
        image = image.transpose(STORED[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    image.save(buffer, kind, exif=exif, **options)
    return buffer.getvalue()


def pictures_of(clip: Path, runner: Runner) -> list[Image.Image]:
    facts = probe(clip, runner)
    size = (facts.width, facts.height)
    raw = runner.run(
        [*guarded_input(clip), "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"], capture=True
    ).stdout
    step = size[0] * size[1] * 3
    return [Image.frombytes("RGB", size, raw[at : at + step]) for at in range(0, len(raw), step)]


def corners_of(picture: Image.Image) -> list[int]:
    """Return the colour of each corner of the non-black part, clockwise from the upper left."""
    box = picture.convert("L").point(lambda luma: 255 * (luma > 30)).getbbox()
    assert box
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    points = [(left + width * x // 4, top + height * y // 4) for x, y in
              ((1, 1), (3, 1), (3, 3), (1, 3))]  # fmt: skip
    return [_nearest(picture.getpixel(point)) for point in points]


def _nearest(pixel: Any) -> int:
    far = [sum((a - b) ** 2 for a, b in zip(pixel, colour, strict=True)) for colour in CORNERS]
    return far.index(min(far))


def _clip(runner: Runner, folder: Path, given: Sequence[bytes]) -> list[Image.Image]:
    out = folder / "clip.mp4"
    frames = [frame(EPOCH + index * 0.2, data) for index, data in enumerate(given)]
    clip = encode_frames(frames, out, runner)
    assert clip.frames_used == len(given)
    assert clip.duration == pytest.approx(len(given) * 0.2, abs=0.001)
    return pictures_of(out, runner)


@pytest.mark.parametrize(
    ("kind", "orientation"),
    [
        *(("JPEG", orientation) for orientation in range(1, 9)),
        # The turn is read alike from both kinds of file.
        *(
            pytest.param("PNG", orientation, marks=() if orientation == 6 else _IN_CAMPAIGN)
            for orientation in range(1, 9)
        ),
    ],
)
def test_a_clip_of_turned_frames_is_upright(
    runner: Runner, tmp_path: Path, kind: str, orientation: int
) -> None:
    shown = _clip(runner, tmp_path, [turned(orientation, kind=kind)] * 3)
    assert {picture.size for picture in shown} == {(320, 180)}
    assert [corners_of(picture) for picture in shown] == [[0, 1, 2, 3]] * 3
    # The whole picture, without bars.
    assert all(min(picture.convert("L").tobytes()) > 30 for picture in shown)


@pytest.mark.parametrize(
    ("tools", "first"),
    [
        # All orientations are in each mixture.
        pytest.param(program, first, marks=() if (program, first) in _MIXED else _IN_CAMPAIGN)
        for program, first in product(("packaged", "path"), range(1, 9))
    ],
    indirect=["tools"],
)
def test_any_mixture_of_turns_sizes_and_kinds_is_upright(
    runner: Runner, tmp_path: Path, first: int
) -> None:
    sizes = [(320, 180), (180, 320), (160, 90)]
    rest = [
        turned((first + index) % 8 + 1, sizes[index % 3], kind="PNG" if index % 4 == 1 else "JPEG")
        for index in range(12)
    ]
    shown = _clip(runner, tmp_path, [turned(first), *rest])
    assert {picture.size for picture in shown} == {(320, 180)}
    assert [corners_of(picture) for picture in shown] == [[0, 1, 2, 3]] * 13


@pytest.mark.parametrize(
    ("usual", "other"),
    [
        pytest.param(*turns, marks=() if turns in _HELD else _IN_CAMPAIGN)
        for turns in product((1, 3, 6, 8), (1, 5, 6, 8))
    ],
)
def test_one_frame_that_was_held_otherwise(
    packaged_runner: Runner, tmp_path: Path, usual: int, other: int
) -> None:
    given = [turned(usual), turned(other), turned(usual)]
    shown = _clip(packaged_runner, tmp_path, given)
    assert [corners_of(picture) for picture in shown] == [[0, 1, 2, 3]] * 3


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0", "4:1:1"])
@pytest.mark.parametrize("orientation", [6, pytest.param(7, marks=_IN_CAMPAIGN)])
def test_any_colour_sampling_can_be_turned(
    runner: Runner, tmp_path: Path, subsampling: str, orientation: int
) -> None:
    given = turned(orientation, subsampling=subsampling)
    shown = _clip(runner, tmp_path, [given, turned(1), given])
    assert [corners_of(picture) for picture in shown] == [[0, 1, 2, 3]] * 3
