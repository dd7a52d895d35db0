"""Boxes of detectors: those that are understood are used, and nothing sent breaks."""

import json
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vigint_web.services.incidents.boxes import (
    MOST_BOXES,
    Box,
    ReadBoxes,
    common_labels,
    main_box,
    read_boxes,
)
from vigint_web.services.incidents.payload_warnings import MOST_WARNINGS, Warnings

SIDES = {"x": 0.1, "y": 0.2, "w": 0.3, "h": 0.4}
BOX = {"frame": 0, **SIDES}


def _read(value: Any) -> tuple[ReadBoxes, list[tuple[str, str]]]:
    warnings = Warnings()
    found = read_boxes(value, warnings)
    return found, [(warning["field"], warning["code"]) for warning in warnings.stored()]


def test_a_box_is_read_with_what_it_says() -> None:
    sent = [{**BOX, "frame": 7, "label": "personne", "score": 0.87, "track": 3, "id": "kept"}]
    found, told = _read(sent)
    assert found.found == (Box(7, 0.1, 0.2, 0.3, 0.4, "personne", 0.87, "3"),)
    assert (found.sent, told) == (sent, [])


def test_boxes_are_in_the_order_of_their_frames() -> None:
    found, _ = _read([{**BOX, "frame": frame} for frame in (4, 0, 2)])
    assert [box.frame for box in found.found] == [0, 2, 4]


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"frame": "7"}, {"frame": 7}),
        ({"frame": 7.0}, {"frame": 7}),
        ({"x": "0,1", "w": " 30 % "}, {}),
        ({"x": "10%", "y": "20%", "w": "30%", "h": "40%"}, {}),
        ({"score": "87 %"}, {"score": 0.87}),
        ({"score": 87}, {"score": 0.87}),
        ({"score": "0,87"}, {"score": 0.87}),
        ({"score": None}, {}),
        ({"label": 0}, {"label": "0"}),
        ({"label": "  sac \n à dos "}, {"label": "sac à dos"}),
        ({"track": "a-1"}, {"track": "a-1"}),
    ],
)
def test_values_are_coerced_as_those_of_other_facts(
    given: dict[str, Any], read: dict[str, Any]
) -> None:
    found, told = _read([{**BOX, **given}])
    assert found.found == (Box(0, 0.1, 0.2, 0.3, 0.4)._replace(**read),)
    assert told == []


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"x": -0.1}, (0.0, 0.2, 0.2, 0.4)),
        ({"x": 0.9}, (0.9, 0.2, 0.1, 0.4)),
        ({"y": -1, "h": 3}, (0.1, 0.0, 0.3, 1.0)),
        ({"w": 1e308}, (0.1, 0.2, 0.9, 0.4)),
    ],
)
def test_sides_outside_of_the_picture_are_moved_to_its_edge(
    given: dict[str, Any], place: tuple[float, ...]
) -> None:
    found, told = _read([{**BOX, **given}])
    assert [box[1:5] for box in found.found] == [place]
    assert told == [("boxes[0]", "clamped")]


def test_rounding_errors_are_no_mistake() -> None:
    found, told = _read([{"frame": 0, "x": -0.0004, "y": 0.5, "w": 1.0008, "h": 0.5000001}])
    assert [box[1:5] for box in found.found] == [(0.0, 0.5, 1.0, 0.5)]
    assert told == []


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"x": 320, "y": 240, "w": 64, "h": 64}, "outside_picture"),
        ({"w": 0}, "outside_picture"),
        ({"w": -0.3, "x": 0.5}, "outside_picture"),
        ({"w": 1e-9}, "outside_picture"),
        ({"frame": -1}, "not_understood"),
        ({"frame": 1.5}, "not_understood"),
        ({"frame": True}, "not_understood"),
        ({"frame": None}, "not_understood"),
        ({"x": "left"}, "not_understood"),
        ({"x": math.nan}, "not_understood"),
        ({"x": 10**400}, "not_understood"),
        ({"x": [0.1]}, "not_understood"),
        ({"x": None}, "not_understood"),
    ],
)
def test_a_box_that_is_none_is_left_out_and_named(given: dict[str, Any], code: str) -> None:
    found, told = _read([BOX, {**BOX, **given}])
    assert found.found == (Box(0, 0.1, 0.2, 0.3, 0.4),)
    assert told == [("boxes[1]", code)]


def test_what_is_odd_about_a_box_does_not_cost_it() -> None:
    odd = {**BOX, "score": "sure", "label": ["a"], "track": "t" * 65}
    found, told = _read([odd])
    assert found.found == (Box(0, 0.1, 0.2, 0.3, 0.4, None, None, "t" * 63 + "…"),)
    assert told == [
        ("boxes[0].score", "not_understood"),
        ("boxes[0].label", "not_text"),
        ("boxes[0].track", "shortened"),
    ]


@pytest.mark.parametrize(
    "given",
    [
        None, [], {}, "", "person at the door", 7, True, [[1, 2, 30, 40]], [None], "[", "[" * 5000,
        [{"x1": 1, "y1": 2, "x2": 3, "y2": 4}], {"0": [BOX]}, [SIDES], [[BOX]],
    ],
)  # fmt: skip
def test_another_form_is_kept_as_it_came(given: Any) -> None:
    assert _read(given) == (ReadBoxes(given), [])


def test_a_list_written_as_text_is_read_and_kept_as_text() -> None:
    text = json.dumps([BOX])
    found, told = _read(text)
    assert (found.sent, len(found.found), told) == (text, 1, [])


def test_not_more_boxes_are_used_than_can_be_shown() -> None:
    sent = [BOX] * (MOST_BOXES + 1)
    found, told = _read(sent)
    assert (len(found.found), found.sent, told) == (MOST_BOXES, sent, [("boxes", "too_many")])


def test_many_odd_boxes_leave_place_for_other_warnings() -> None:
    found, told = _read([BOX, *[{**BOX, "x": "?"}] * 500])
    assert len(found.found) == 1
    assert told == [
        *((f"boxes[{place}]", "not_understood") for place in range(1, 11)),
        ("boxes", "more_warnings"),
    ]


_NUMBERS = (
    st.floats()
    | st.integers()
    | st.sampled_from(["0.5", "50 %", "", "NaN", "-1e300", True, 10**400])
)
_ANY = st.none() | _NUMBERS | st.text(max_size=8) | st.lists(st.none(), max_size=2)
_BOXES = st.fixed_dictionaries(
    dict.fromkeys(("frame", "x", "y", "w", "h"), _ANY),
    optional=dict.fromkeys(("label", "score", "track", "x\x00"), _ANY),
)


@given(st.lists(_BOXES | _ANY, max_size=30))
@example([{**BOX, "x": -1e308, "w": 1e308}])
def test_what_is_used_is_within_the_picture_and_storable(sent: list[Any]) -> None:
    warnings = Warnings()
    found = read_boxes(sent, warnings)
    json.dumps([found.sent, found.found], allow_nan=False).encode()
    assert len(warnings.stored()) <= MOST_WARNINGS + 1
    for box in found.found:
        assert 0 <= box.x < box.x + box.w <= 1.00001
        assert 0 <= box.y < box.y + box.h <= 1.00001
        assert box.score is None or 0 <= box.score <= 1
        assert 0 <= box.frame < 2**31


@given(
    st.builds(
        Box,
        st.integers(0, 9),
        *[st.floats(0, 0.5)] * 4,
        st.sampled_from(["a", "b", None]),
        st.none() | st.floats(0, 1),
    )
)
def test_the_only_box_is_the_main_one(box: Box) -> None:
    assert main_box([box]) == box
    assert common_labels([box]) == ([box.label] if box.label else [])


def test_the_main_box_has_the_highest_score_and_of_equals_the_largest() -> None:
    small, large = Box(0, 0, 0, 0.1, 0.1, score=0.5), Box(1, 0, 0, 0.2, 0.2, score=0.5)
    assert main_box([small, large]) == large
    assert main_box([large, small._replace(score=0.6)]) == small._replace(score=0.6)
    assert main_box([small._replace(score=None), large._replace(score=None)]) == large._replace(
        score=None
    )
    assert main_box([]) is None


def test_the_most_common_labels_come_first() -> None:
    labels = ["sac", "personne", "personne", None, "arme"]
    boxes = [Box(0, 0, 0, 1, 1, label) for label in labels]
    assert common_labels(boxes) == ["personne", "arme", "sac"]
    assert common_labels(boxes, 1) == ["personne"]
