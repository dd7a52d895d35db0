"""When which boxes are drawn: by the frames that the clip shows."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigint_web.media.pace import timeline
from vigint_web.media.shown_frames import WHOLE, ShownFrame, fitted, shown_of_frames
from vigint_web.services.incidents.box_frames import (
    Drawn,
    draw_boxes,
    drawn_document,
    in_clip,
    place_frames,
)
from vigint_web.services.incidents.boxes import Box

SIZE = (640, 480)


def _shown(count: int, step: float = 0.1) -> list[ShownFrame]:
    return [ShownFrame(place, round(place * step, 3)) for place in range(count)]


def _times(
    shown: list[ShownFrame], length: float, *boxed: int
) -> list[tuple[int, float, float, float]]:
    return [place[:4] for place in place_frames(shown, length, set(boxed))]


def test_boxes_are_drawn_while_their_frame_is_shown() -> None:
    assert _times(_shown(3), 0.35, 0, 1, 2) == [
        (0, 0, 0.1, 0.1),
        (1, 0.1, 0.2, 0.2),
        (2, 0.2, 0.35, 0.35),
    ]


def test_a_frame_without_boxes_has_none_where_every_frame_was_looked_at() -> None:
    assert _times(_shown(6), 0.6, 0, 1, 4, 5)[1] == (1, 0.1, 0.2, 0.2)


def test_boxes_are_held_where_only_every_third_frame_was_looked_at() -> None:
    assert _times(_shown(10), 1.0, 0, 3, 9) == [
        (0, 0, 0.1, 0.3),
        (3, 0.3, 0.4, 0.6),
        (9, 0.9, 1.0, 1.0),
    ]


def test_boxes_are_held_for_a_second_at_most() -> None:
    assert _times(_shown(20, 1.0), 20.0, 0, 5, 10)[0] == (0, 0, 1.0, 1.0)
    assert _times(_shown(20, 0.4), 8.0, 0, 5, 10)[0] == (0, 0, 0.4, 1.0)


def test_frames_that_the_clip_does_not_show_are_left_out() -> None:
    shown = [ShownFrame(place, at) for place, at in ((4, 0.0), (2, 0.2), (7, 0.3))]
    found = _times(shown, 0.4, 0, 2, 3, 4, 99)
    assert found == [(4, 0.0, 0.2, 0.2), (2, 0.2, 0.3, 0.3)]
    assert place_frames([], 0.4, {0}) == []


@given(
    st.lists(st.floats(0.001, 5), min_size=1, max_size=30),
    st.sets(st.integers(0, 29)),
)
def test_places_follow_each_other_and_do_not_overlap(steps: list[float], boxed: set[int]) -> None:
    ats = [sum(steps[:number]) for number in range(len(steps))]
    shown = [ShownFrame(number, at) for number, at in enumerate(ats)]
    places = place_frames(shown, sum(steps), boxed)
    assert {place.frame for place in places} == {n for n in boxed if n < len(steps)}
    for place in places:
        assert place.at < place.until <= place.held
    for before, after in pairwise(places):
        assert before.held <= after.at + 1e-9


def test_the_main_box_is_one_that_the_clip_shows() -> None:
    boxes = [Box(0, 0, 0, 1, 1, score=0.9), Box(2, 0.5, 0.5, 0.5, 0.5, score=0.4)]
    shown = [ShownFrame(1, 0.0), ShownFrame(2, 0.1, (0.0, 0.25, 1.0, 0.5))]
    drawn = draw_boxes(boxes, shown, 0.2)
    assert drawn.main == Box(2, 0.5, 0.5, 0.5, 0.25, score=0.4)
    assert (drawn.main_at, drawn.poster_at) == (0.1, None)
    assert draw_boxes(boxes, shown[:1], 0.2) == Drawn([])


def test_all_frames_are_in_a_clip_in_which_none_is_missing() -> None:
    times = timeline([10.0, 10.2, 10.1, 10.3])
    assert [(one.place, one.at) for one in shown_of_frames(times, [SIZE] * 4)] == [
        (0, 0.0), (2, 0.1), (1, 0.2), (3, 0.3),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("shown", "began", "places"),
    [
        ([0, 0.1, 0.4], 0, [0, 1, 3]),
        ([0, 0.3], 1, [1, 3]),
        ([0], 3, [3]),
        ([0, 0.1], 0, [0, 1]),
    ],
)
def test_frames_left_out_by_the_encoder_are_not_shown(
    shown: list[float], began: int, places: list[int]
) -> None:
    times = timeline([10.0, 10.1, 10.25, 10.4])
    assert [one.place for one in shown_of_frames(times, [SIZE] * 4, shown, began)] == places


def test_a_frame_of_another_shape_fills_a_part_of_the_picture() -> None:
    assert fitted((640, 480), (1280, 960)) == WHOLE
    assert fitted((480, 640), (640, 480)) == (0.21875, 0.0, 0.5625, 1.0)
    assert fitted((640, 240), (640, 480)) == (0.0, 0.25, 1.0, 0.5)
    box = in_clip(Box(0, 0.5, 0.5, 0.5, 0.5, "a", 0.5, "1"), (0.0, 0.25, 1.0, 0.5))
    assert box == Box(0, 0.5, 0.5, 0.5, 0.25, "a", 0.5, "1")


def test_the_document_has_the_boxes_of_each_frame() -> None:
    boxes = [Box(0, 0, 0, 0.5, 0.5, "a"), Box(0, 0.5, 0, 0.5, 0.5), Box(1, 0, 0, 1, 1)]
    places = place_frames(_shown(1), 0.1, {0, 1})
    document: dict[str, Any] = drawn_document(boxes, places, 0.0)
    assert document == {
        "poster_at": 0.0,
        "frames": [
            {
                "at": 0.0,
                "until": 0.1,
                "held": 0.1,
                "boxes": [
                    (0, 0, 0.5, 0.5, "a", None, None),
                    (0.5, 0, 0.5, 0.5, None, None, None),
                ],
            }
        ],
    }
