"""read_frame_times: when frames were taken, with any detector's time stamps."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigint_web.media.pace import steady, timeline
from vigint_web.services.incidents.frame_times import FrameTimes, read_frame_times
from vigint_web.services.incidents.payload_warnings import Warnings

PARIS = ZoneInfo("Europe/Paris")
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def read(values: list[Any]) -> tuple[FrameTimes, list[tuple[str, str]]]:
    warnings = Warnings()
    found = read_frame_times(values, PARIS, warnings, "frames[{}].timestamp".format)
    return found, [(one["field"], one["code"]) for one in warnings.stored()]


def offsets(found: FrameTimes) -> list[int]:
    """Return the clip's time of each frame, in the order of the frames, in milliseconds."""
    times = timeline(steady([one.seconds if one else None for one in found.moments]).times)
    assert times.known
    shown = dict(zip(times.order, times.offsets_ms, strict=True))
    return [shown[place] for place in range(len(shown))]


# Detectors' formats of a frame's time.
STAMPS: dict[str, Callable[[datetime], Any]] = {
    "epoch seconds": datetime.timestamp,
    "epoch seconds as text": lambda moment: str(moment.timestamp()),
    "epoch milliseconds": lambda moment: moment.timestamp() * 1000,
    "epoch milliseconds as text": lambda moment: str(round(moment.timestamp() * 1000)),
    "epoch microseconds": lambda moment: round(moment.timestamp() * 1e6),
    "epoch nanoseconds": lambda moment: round(moment.timestamp() * 1e3) * 10**6,
    "ISO 8601": datetime.isoformat,
    "without zone": lambda moment: moment.astimezone(PARIS).strftime("%Y-%m-%d %H:%M:%S.%f"),
    "as people write": lambda moment: moment.astimezone(PARIS).strftime("%d/%m/%Y %H:%M:%S.%f"),
}


@pytest.mark.parametrize("stamp", STAMPS)
@given(missing=st.sets(st.integers(1, 8), max_size=6), odd=st.sampled_from([None, "", "?", {}]))
def test_a_missing_or_odd_time_lies_between_its_neighbours(
    stamp: str, missing: set[int], odd: Any
) -> None:
    values = [STAMPS[stamp](NOON + timedelta(milliseconds=500 * n)) for n in range(10)]
    values = [odd if place in missing else value for place, value in enumerate(values)]
    found, warned = read(values)
    assert offsets(found) == [500 * n for n in range(10)]
    assert found.first is not None
    assert found.first.seconds == pytest.approx(NOON.timestamp())
    expected = {f"frames[{place}].timestamp" for place in missing} if odd in ("?", {}) else set()
    assert {field for field, _ in warned} == expected


@given(st.lists(st.sampled_from(sorted(STAMPS)), min_size=10, max_size=10))
def test_spellings_may_be_mixed(stamps: list[str]) -> None:
    values = [
        STAMPS[stamp](NOON + timedelta(milliseconds=500 * n)) for n, stamp in enumerate(stamps)
    ]
    assert offsets(read(values)[0]) == [500 * n for n in range(10)]


@pytest.mark.parametrize(
    ("unit", "step"),
    [(unit, step) for unit in (1, 1e3, 1e6, 1e9) for step in (0.01, 0.04, 0.2, 1.0, 5.0)],
)
@pytest.mark.parametrize("start", [0.0, 90.0, 5400.0])
def test_positions_in_a_stream_are_a_pace_and_no_time(
    unit: float, step: float, start: float
) -> None:
    values = [round((start + n * step) * unit, 6) for n in range(20)]
    for given_values in (values, [str(value) for value in values]):
        found, warned = read([*given_values[:5], None, *given_values[6:]])
        assert offsets(found) == [round(n * step * 1000) for n in range(20)]
        assert (found.first, warned) == (None, [])


def test_positions_of_opencv() -> None:
    found, _ = read([0.0, 40.0, 80.0, 120.0])
    assert offsets(found) == [0, 40, 80, 120]


@pytest.mark.parametrize(
    "values",
    [
        ["00:00:01.000", "00:00:01.040", "00:00:01.080"],
        ["14:30:00,00", "14:30:00,04", "14:30:00,08"],
        ["0:01.00", "0:01.04", "0:01.08"],
    ],
)
def test_a_time_without_a_date_is_a_pace(values: list[str]) -> None:
    found, warned = read(values)
    assert (offsets(found), found.first, warned) == ([0, 40, 80], None, [])


def _local(moment: datetime) -> str:
    return moment.astimezone(PARIS).strftime("%Y-%m-%d %H:%M:%S.%f")


# Summer time ends in Paris at this time: 03:00 becomes 02:00.
END_OF_SUMMER = datetime(2026, 10, 25, 1, tzinfo=UTC)


@given(
    st.integers(-4_000_000, 4_000_000),
    st.lists(st.integers(1, 20_000), min_size=3, max_size=30),
)
def test_over_the_end_of_summer_time_the_order_of_frames_decides(
    start: int, steps: list[int]
) -> None:
    moments = [END_OF_SUMMER + timedelta(milliseconds=start)]
    for step in steps:
        moments.append(moments[-1] + timedelta(milliseconds=step))
    found, warned = read([_local(moment) for moment in moments])
    assert warned == []
    seconds = [one.seconds for one in found.moments if one]
    true = [after - before for before, after in pairwise([m.timestamp() for m in moments])]
    assert [b - a for a, b in pairwise(seconds)] == pytest.approx(true, abs=0.001)


def test_frames_that_name_their_zone_are_left_alone() -> None:
    moments = [END_OF_SUMMER + timedelta(seconds=n - 2) for n in range(5)]
    found, _ = read([moment.astimezone(PARIS).isoformat() for moment in moments])
    assert [one.seconds for one in found.moments if one] == [m.timestamp() for m in moments]
    assert found.first is not None
    assert not found.first.zone_assumed


@pytest.mark.parametrize("jump", [-86_400, -3600, -61, 61, 3600, 40_000, 10**8])
@pytest.mark.parametrize("place", [1, 5, 9])
def test_a_clock_that_is_set_is_said_and_not_filmed(jump: float, place: int) -> None:
    true = [NOON + timedelta(milliseconds=100 * n) for n in range(10)]
    values = [
        (moment - timedelta(seconds=jump * (n < place))).timestamp()
        for n, moment in enumerate(true)
    ]
    found, warned = read(values)
    assert offsets(found) == [100 * n for n in range(10)]
    assert warned == [(f"frames[{place}].timestamp", "clock_step")]
    # It is right once it is set.
    assert found.first is not None
    assert found.first.seconds == pytest.approx(NOON.timestamp(), abs=0.001)


def test_one_time_that_fits_neither_neighbour_is_odd() -> None:
    values = [NOON.timestamp() + n / 10 for n in range(10)]
    values[4] += 7200
    found, warned = read(values)
    assert offsets(found) == [100 * n for n in range(10)]
    assert warned == [("frames[4].timestamp", "implausible")]
    assert found.first is not None
    assert found.first.seconds == NOON.timestamp()


def test_a_clock_that_was_not_set_at_first() -> None:
    values = [n / 10 if n < 7 else NOON.timestamp() + n / 10 for n in range(10)]
    found, _ = read(values)
    assert offsets(found) == [100 * n for n in range(10)]


@pytest.mark.parametrize("step", [60, 120, 600, 1800])
def test_pictures_minutes_apart_are_no_clock_that_was_set(step: int) -> None:
    found, warned = read([NOON.timestamp() + n * step for n in range(10)])
    assert warned == []
    assert offsets(found) == [n * step * 1000 for n in range(10)]


_ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=30),
    st.text("0123456789:.,- T", max_size=20), st.lists(st.none()),
    st.dictionaries(st.text(), st.none()),
    st.datetimes().map(str), st.floats(0, 2e9),
)  # fmt: skip


@given(st.lists(_ODD, max_size=40))
def test_nothing_is_an_accident_and_every_frame_has_its_place(values: list[Any]) -> None:
    found, warned = read(values)
    assert len(found.moments) == len(values)
    for place, (value, moment) in enumerate(zip(values, found.moments, strict=True)):
        if moment is None and value is not None and value != "" and len(warned) < 100:
            blank = isinstance(value, str) and not value.strip()
            assert blank or (f"frames[{place}].timestamp", "not_understood") in warned
