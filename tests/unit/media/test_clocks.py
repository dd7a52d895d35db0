"""read_clock: times become times from 0, in order, with gaps of the recording omitted."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigint_web.media.clock import LONGEST_STILL, Clock, Span, Track, read_clock
from vigint_web.media.packets import Stream


def track(*stretches: Sequence[Span], interval: float = 0.04) -> Track:
    return Track(stretches, 100, interval)


def shown_at(clock: Clock, seconds: float, stretch: int = 0) -> float:
    """When a time of a stretch plays, computed from the expression for ffmpeg."""
    shifts = [shift for shift in clock.stretches[stretch] if seconds >= shift.since - 0.002]
    return seconds + shifts[-1].by


def test_a_clock_that_begins_at_an_hour_begins_at_0() -> None:
    clock = read_clock([track([(3600.0, 3603.0)]), track([(3600.02, 3603.01)])])
    assert clock.start == 3600
    assert clock.duration == pytest.approx(3.01)
    assert not clock.jumps
    assert shown_at(clock, 3601) == pytest.approx(1)


def test_sound_before_the_picture_is_kept() -> None:
    clock = read_clock([track([(200.0, 203.0)]), track([(0.0, 210.0)])])
    assert (clock.duration, clock.jumps) == (210, False)


def test_what_nobody_filmed_is_left_out_of_both() -> None:
    picture = track([(0.0, 2.0), (5002.0, 5004.0)])
    sound = track([(0.0, 2.02), (5002.01, 5004.03)])
    clock = read_clock([picture, sound])
    assert clock.jumps
    assert clock.duration == pytest.approx(4.05, abs=0.03)
    assert shown_at(clock, 5003) == pytest.approx(3.02, abs=0.03)


def test_what_was_left_out_is_told() -> None:
    picture = track([(100.0, 102.0), (5102.0, 5104.0), (9104.0, 9106.0)])
    assert _gaps(read_clock([picture])) == [(2, 5000), (4, 9000)]
    sound = track([(100.0, 102.02), (5102.01, 5104.03), (9104.0, 9106.0)])
    assert _gaps(read_clock([picture, sound])) == [(2, 5000), (4, 9000)], "within 40 ms"


def test_gaps_of_the_picture_alone_are_told_of_it() -> None:
    apart = read_clock([track([(0.0, 2.0), (9000.0, 9002.0)]), track([(0.0, 4.0)])])
    assert _gaps(apart) == [(2, 8998)]


def test_a_step_back_takes_no_time_and_gaps_on_both_sides_add_up() -> None:
    clock = read_clock([track([(0.0, 2.0), (102.0, 103.0)], [(50.0, 51.0), (151.0, 152.0)])])
    assert _gaps(clock) == [(2, 100), (4, 200)]


def test_of_times_that_are_none_no_gap_is_known() -> None:
    still = Track([[(0.0, 0.04)]], 100, 0.04, tiny=90)
    assert read_clock([still]).gaps is None


def _gaps(clock: Clock) -> list[tuple[int, int]]:
    return [(round(gap.at), round(gap.left_out)) for gap in clock.gaps or ()]


def test_a_short_gap_is_shown_as_long_as_it_was() -> None:
    clock = read_clock([track([(0.0, 2.0), (30.0, 32.0)])])
    assert (clock.duration, clock.jumps) == (32, False)


def test_pictures_minutes_apart_keep_their_pace() -> None:
    slow = track([(at * 300.0, at * 300.0 + 0.04) for at in range(5)], interval=300)
    assert not read_clock([slow]).jumps


def test_a_picture_that_stays_while_there_is_sound_is_no_gap() -> None:
    clock = read_clock([track([(0.0, 2.0), (500.0, 502.0)]), track([(0.0, 502.0)])])
    assert (clock.duration, clock.jumps) == (502, False)


def test_a_clock_set_back_goes_on_where_it_was() -> None:
    clock = read_clock([track([(95440.0, 95443.0)], [(0.0, 3.0)]),
                        track([(95440.0, 95443.0)], [(0.01, 3.0)])])  # fmt: skip
    assert clock.duration == pytest.approx(6)
    assert shown_at(clock, 95441) == pytest.approx(1)
    assert shown_at(clock, 1, stretch=1) == pytest.approx(4)


def test_clocks_that_do_not_go_together_go_on_each_alone() -> None:
    clock = read_clock([track([(0.0, 2.0), (9000.0, 9002.0)]), track([(0.0, 4.0)])])
    assert (clock.apart, clock.duration) == (True, 4)


def test_times_that_are_all_the_same_are_replaced() -> None:
    stream = Stream()
    for place in range(50):
        stream.add(0.0, 0.0, 0.0, size=100, place=place * 100, flags="K_")
    assert stream.track.stands_still
    assert read_clock([stream.track]).duration == pytest.approx(2.0, abs=0.1)


def test_what_is_read_again_does_not_count() -> None:
    stream = Stream()
    for time, place in ((0.0, 10), (0.04, 20), (0.0, 10), (0.04, 20), (0.08, 30)):
        stream.add(time, time, 0.04, size=10, place=place, flags="__")
    assert (stream.count, len(stream.stretches)) == (3, 1)


_spans = st.lists(st.tuples(st.floats(0, 1e5), st.floats(0.04, 100)), min_size=1, max_size=20).map(
    lambda pairs: sorted((start, start + length) for start, length in pairs)
)


@given(st.lists(_spans, min_size=1, max_size=3))
def test_time_never_stands_still_for_long_nor_goes_back(stretches: list[list[Span]]) -> None:
    clock = read_clock([track(*stretches)])
    assert math.isfinite(clock.duration)
    _assert_gaps_tell_when_it_was(clock, stretches)
    assert clock.duration > 0
    reached = 0.0
    for place, spans in enumerate(stretches):
        assert shown_at(clock, spans[0][0], place) >= reached - 0.01
        end = 0.0
        for start, last in spans:
            begins = shown_at(clock, start, place)
            assert begins >= -0.01
            if end:
                assert begins - end <= LONGEST_STILL + 0.01
            end = max(end, begins + last - start)
        reached = end
    assert clock.duration == pytest.approx(reached, abs=0.01)


def _assert_gaps_tell_when_it_was(clock: Clock, stretches: list[list[Span]]) -> None:
    """Each playing position was filmed as long after the first as the file's own clock says."""
    assert clock.gaps is not None
    of_earlier = 0.0  # seconds that were filmed before the last step back
    for place, spans in enumerate(stretches):
        first = spans[0][0]
        for start, _ in spans:
            plays = shown_at(clock, start, place)
            left_out = [gap.left_out for gap in clock.gaps if gap.at <= plays + 0.001]
            elapsed = plays + (left_out[-1] if left_out else 0.0)
            assert elapsed == pytest.approx(of_earlier + start - first, abs=0.01)
        of_earlier += max(end for _, end in spans) - first
