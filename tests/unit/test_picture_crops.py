"""A row's picture shows what the detector found, with its surroundings."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import vigint_web
from vigint_web.http.pages.picture_crops import STEP, ZOOMS, Crop, crop_around, filled

_SIDES = st.integers(16, 4000)


@st.composite
def _boxes(draw: st.DrawFn) -> tuple[float, float, float, float]:
    """Return a box within a picture."""
    w, h = (draw(st.floats(0.001, 1)) for _ in "wh")
    x, y = draw(st.floats(0, 1)) * (1 - w), draw(st.floats(0, 1)) * (1 - h)
    return x, y, w, h


def _shown(at: int, part: float) -> tuple[float, float]:
    """Return from where to where a side of the picture is shown, as the style sheet crops it."""
    begin = at / 100 * (1 - part)
    return begin, begin + part


@given(_boxes(), _SIDES, _SIDES)
def test_the_middle_of_the_box_is_in_the_picture_and_all_of_it_where_it_fits(
    box: tuple[float, float, float, float], width: int, height: int
) -> None:
    crop, (x, y, w, h) = crop_around(box, width, height), box
    parts = [part / crop.zoom for part in filled(width, height)]
    for at, part, begin, length in zip((crop.at_x, crop.at_y), parts, (x, y), (w, h), strict=True):
        first, last = _shown(at, part)
        assert -1e-9 <= first <= last <= 1 + 1e-9
        assert first - 0.026 <= begin + length / 2 <= last + 0.026
        if 1.5 * length <= part and part >= 0.2:
            assert first - 0.026 <= begin, "it begins in the picture, but for the rounding"
            assert begin + length <= last + 0.026


@given(_boxes())
def test_a_picture_of_the_rows_shape_is_shown_whole_for_a_large_box(
    box: tuple[float, float, float, float],
) -> None:
    x, y, w, h = box
    crop = crop_around((x, y, max(w, 0.7), h), 1280, 720)
    assert crop == Crop(50, 50, 1.0)


def test_a_small_box_is_enlarged_and_centred() -> None:
    assert crop_around((0.45, 0.4, 0.1, 0.2), 1280, 720) == Crop(50, 50, 3.0)
    assert crop_around((0.0, 0.9, 0.05, 0.1), 1280, 720) == Crop(0, 100, 3.0)
    assert crop_around((0.1, 0.1, 0.3, 0.4), 1280, 720) == Crop(0, 0, 1.5)
    # A tall picture of a phone: its width is shown.
    assert crop_around((0.1, 0.7, 0.8, 0.1), 720, 1280) == Crop(50, 85, 1.0)


@pytest.mark.parametrize("zoom", ZOOMS)
def test_the_style_sheet_knows_every_class(zoom: float) -> None:
    known = (Path(vigint_web.__file__).parent / "static/css/inbox.css").read_text()
    for at in range(0, 101, STEP):
        for name in Crop(at, at, zoom).classes.split():
            assert re.search(rf"\.{name} \{{ --", known), name
