"""timeline: the clip keeps the true times of its frames."""

import math
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vigint_web.media.pace import MAX_SPAN_SECONDS, Timeline, fill_gaps, moment_of, timeline

EPOCH = 1_790_000_000.0
stamps = st.integers(0, 3_600_000).map(lambda ms: EPOCH + ms / 1000)


def test_forty_frames_100_ms_apart_last_four_seconds() -> None:
    times = timeline([EPOCH + index * 0.1 for index in range(40)])
    assert times.known
    assert times.duration_ms == 4000
    assert times.offsets_ms == [index * 100 for index in range(40)]


def test_irregular_times_are_kept_and_the_last_frame_stays_for_the_median_interval() -> None:
    times = timeline([10.0, 10.1, 10.4, 12.4])
    assert times == Timeline([0, 1, 2, 3], [0, 100, 400, 2400], 300, known=True)


def test_frames_out_of_order_are_sorted() -> None:
    times = timeline([3.0, 1.0, 2.0])
    assert times.order == [1, 2, 0]
    assert times.duration_ms == 3000


def test_equal_times_are_spread_to_the_next_one_in_the_order_given() -> None:
    times = timeline([1.0, 2.0, 1.0, 2.0, 2.0, 2.0])
    assert times.order == [0, 2, 1, 3, 4, 5]
    assert times.offsets_ms == [0, 500, 1000, 1250, 1500, 1750]
    assert times.duration_ms == 2000


@pytest.mark.parametrize(
    "given_times",
    [
        [EPOCH],
        [None],
        [None, EPOCH, None],
        [EPOCH, math.nan],
        [math.inf, EPOCH, math.inf],
        [EPOCH, EPOCH, EPOCH],
        [0.0, EPOCH],
    ],
)
def test_an_unknown_pace_is_25_frames_per_second_and_says_so(
    given_times: list[float | None],
) -> None:
    times = timeline(given_times)
    assert not times.known
    assert times.order == list(range(len(given_times)))
    assert times.duration_ms == 40 * len(given_times)


@pytest.mark.parametrize(
    ("given_times", "filled"),
    [
        ([0.0, None, 2.0], [0.0, 1.0, 2.0]),
        ([0.0, math.nan, math.inf, 6.0], [0.0, 2.0, 4.0, 6.0]),
        ([None, 1.0, 2.0, None, None], [0.0, 1.0, 2.0, 3.0, 4.0]),
        # A clock that was not set for one frame.
        ([EPOCH, 7.0, EPOCH + 2], [EPOCH, EPOCH + 1, EPOCH + 2]),
        ([None, 1.0], [None, 1.0]),
        ([], []),
    ],
)
def test_missing_times_lie_between_their_neighbours(
    given_times: list[float | None], filled: list[float | None]
) -> None:
    assert fill_gaps(given_times) == filled


@given(st.lists(stamps, min_size=3, max_size=40, unique=True), st.data())
def test_any_one_time_may_be_missing(given_times: list[float], data: st.DataObject) -> None:
    given_times.sort()
    place = data.draw(st.integers(1, len(given_times) - 2))
    gap: list[float | None] = [*given_times]
    gap[place] = None
    times, whole = timeline(gap), timeline(given_times)
    assert times.known
    assert times.order == whole.order
    assert times.offsets_ms[-1] == whole.offsets_ms[-1]
    assert [*times.offsets_ms[:place], *times.offsets_ms[place + 1 :]] == [
        *whole.offsets_ms[:place],
        *whole.offsets_ms[place + 1 :],
    ]


def test_no_frame_has_no_timeline() -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        timeline([])


@given(st.lists(st.one_of(st.none(), stamps, st.floats()), min_size=1, max_size=60))
def test_every_frame_is_shown_once_at_rising_times(given_times: list[float | None]) -> None:
    times = timeline(given_times)
    assert sorted(times.order) == list(range(len(given_times)))
    assert times.offsets_ms[0] == 0
    assert all(before < after for before, after in pairwise(times.offsets_ms))
    assert min(times.durations_ms) > 0
    assert sum(times.durations_ms) == times.duration_ms
    assert times.duration_ms <= 2 * MAX_SPAN_SECONDS * 1000 + len(given_times)


@given(st.lists(stamps, min_size=2, max_size=60, unique=True))
def test_different_times_are_kept_to_the_millisecond(given_times: list[float]) -> None:
    times = timeline(given_times)
    shown = [given_times[index] for index in times.order]
    assert shown == sorted(given_times)
    for offset, time in zip(times.offsets_ms, shown, strict=True):
        assert offset == round((time - shown[0]) * 1000)


@given(st.lists(st.integers(0, 600), min_size=2, max_size=60))
def test_whole_second_clocks_keep_the_length(seconds: list[int]) -> None:
    assume(len(set(seconds)) > 1)
    times = timeline([EPOCH + second for second in seconds])
    steps = sorted(after - before for before, after in pairwise(sorted(set(seconds))))
    middle = (steps[(len(steps) - 1) // 2] + steps[len(steps) // 2]) / 2
    assert times.duration_ms == (max(seconds) - min(seconds) + middle) * 1000


@given(st.lists(stamps, min_size=2, max_size=30), st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(given_times: list[float], random) -> None:  # type: ignore[no-untyped-def]  # hypothesis names no type for it
    shuffled = given_times.copy()
    random.shuffle(shuffled)
    before, after = timeline(given_times), timeline(shuffled)
    assert before.offsets_ms == after.offsets_ms
    assert before.last_duration_ms == after.last_duration_ms


RECEIVED = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "believed"),
    [
        (datetime(2026, 11, 21, 11, 59, 58, tzinfo=UTC), True),
        (datetime(2000, 1, 1, tzinfo=UTC), True),
        (datetime(2026, 11, 22, 12, tzinfo=UTC), True),
        (datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC), False),
        (datetime(1970, 1, 1, 0, 0, 3, tzinfo=UTC), False),
        (datetime(2026, 11, 22, 12, 0, 1, tzinfo=UTC), False),
    ],
)
def test_a_moment_that_no_camera_can_have_told_is_none(moment: datetime, believed: bool) -> None:
    assert moment_of(moment.timestamp(), RECEIVED) == (moment if believed else None)


def test_what_is_no_time_is_no_moment() -> None:
    assert [moment_of(time, RECEIVED) for time in (None, math.nan, math.inf)] == [None] * 3
