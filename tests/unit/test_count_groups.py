"""Groups of kept counts: spans of a period, histograms, adding and taking away."""

import math
from collections import Counter
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from vigint_web.models import IncidentCount
from vigint_web.services.reports.count_groups import (
    Counts,
    monday_of,
    pieces_of,
    stored_histogram,
)
from vigint_web.services.reports.histograms import bucket_of, quantile, seconds_of

DAYS = st.dates(date(2020, 1, 1), date(2030, 12, 31))
SECONDS = st.floats(0, 400 * 86_400)


@given(first=DAYS, number=st.integers(0, 400))
def test_the_spans_of_a_period_are_its_days_each_once(first: date, number: int) -> None:
    last = first + timedelta(days=number)
    pieces = pieces_of(first, last)
    found = list(pieces.days)
    if pieces.weeks is not None:
        monday = pieces.weeks[0]
        while monday <= pieces.weeks[1]:
            assert monday == monday_of(monday)
            found += [monday + timedelta(days=day) for day in range(7)]
            monday += timedelta(weeks=1)
    assert sorted(found) == [first + timedelta(days=day) for day in range(number + 1)]
    assert len(pieces.days) <= 12


@given(seconds=SECONDS)
def test_a_duration_is_read_from_its_bucket_within_a_tenth(seconds: float) -> None:
    read = seconds_of(bucket_of(seconds))
    assert (read == 0) if seconds < 1 else 0.9 < read / seconds < 1.1


@given(durations=st.lists(st.floats(1, 400 * 86_400), min_size=1), part=st.sampled_from([0.5, 0.9]))
def test_a_quantile_is_that_of_the_durations_within_a_tenth(
    durations: list[float], part: float
) -> None:
    exact = sorted(durations)[math.ceil(part * len(durations)) - 1]
    read = quantile(Counter(bucket_of(one) for one in durations), part)
    assert read is not None
    assert 0.9 < read / exact < 1.1


def test_there_is_no_quantile_of_nothing() -> None:
    assert quantile({}, 0.5) is None


@given(buckets=st.dictionaries(st.integers(0, 120), st.integers(1, 1000)))
def test_a_histogram_is_stored_and_read(buckets: dict[int, int]) -> None:
    row = IncidentCount(
        incidents=9, undecided=4, confirmed=3, false_alarms=2,
        mailed=stored_histogram(Counter(buckets)), viewed={}, decided={"7": 1},
    )  # fmt: skip
    read = Counts()
    read.add_stored([row])
    assert read == Counts(9, 4, 3, 2, Counter(buckets), Counter(), Counter({7: 1}))


def test_what_is_added_and_taken_away_leaves_nothing() -> None:
    one = Counts(3, 1, 1, 1, Counter({5: 2}), Counter({9: 1}), Counter({12: 2}))
    sum_ = Counts()
    sum_.add(one)
    assert sum_ == one
    sum_.add(one, -1)
    assert sum_.is_empty
    assert stored_histogram(sum_.mailed) == stored_histogram(sum_.decided) == {}


def test_the_share_of_false_alarms_is_of_the_judged_ones() -> None:
    assert Counts(10, 6, 1, 3).share_of_false_alarms == 0.75
    assert Counts(10, 10).share_of_false_alarms is None
