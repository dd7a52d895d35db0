"""Counting by day and by span: compared with counting one by one, through every change of
clocks.
"""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigint_web.services.reports.trends import (
    Tally,
    Trend,
    beginning,
    days_until,
    edges_of,
    series,
    trend,
)

PARIS = ZoneInfo("Europe/Paris")
ZONES = st.sampled_from(
    [
        ZoneInfo(name)
        for name in (
            "UTC",
            "Europe/Paris",
            "America/Santiago",  # the clock changes at midnight
            "Australia/Lord_Howe",  # by half an hour
            "Pacific/Apia",  # a skipped day
            "Asia/Kathmandu",
        )
    ]
)
# From 20 December 2011, some days before Samoa skipped one, until 2030.
MOMENTS = st.integers(1_324_339_200, 1_893_456_000).map(
    lambda seconds: datetime.fromtimestamp(seconds, UTC)
)


def _tally(edges: tuple[datetime, ...], moments: list[datetime]) -> Tally:
    ends = [*edges[1:], datetime.max.replace(tzinfo=UTC)]
    counts = (
        sum(start <= moment < end for moment in moments)
        for start, end in zip(edges, ends, strict=True)
    )
    return Tally(edges, tuple(counts))


@given(now=MOMENTS, zone=ZONES, ages=st.lists(st.integers(0, 20 * 86_400), max_size=30))
def test_every_moment_is_counted_on_its_day_and_in_its_span(
    now: datetime, zone: ZoneInfo, ages: list[int]
) -> None:
    moments = [now - timedelta(seconds=age) for age in ages]
    days = days_until(now, zone, 14)
    tally = _tally(edges_of(now, days, zone), moments)
    for item in series(tally, days, zone):
        here = [moment.astimezone(zone).date() for moment in moments]
        assert item.count == here.count(item.day), item.day
    for span in (timedelta(days=1), timedelta(days=7)):
        found = trend(tally, now, span)
        assert found.count == sum(moment >= now - span for moment in moments)
        assert found.before == sum(now - 2 * span <= moment < now - span for moment in moments)


@given(now=MOMENTS, zone=ZONES)
def test_days_follow_each_other_until_today(now: datetime, zone: ZoneInfo) -> None:
    days = days_until(now, zone, 14)
    assert len(days) == 14
    assert days[-1] == now.astimezone(zone).date()
    begins = [beginning(day, zone) for day in days]
    # The day that Samoa skipped begins and ends at once.
    assert all(start <= end for start, end in pairwise(begins))
    assert begins[-1] <= now < beginning(days[-1] + timedelta(days=1), zone)


@pytest.mark.parametrize(
    ("day", "hours"),
    [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 6, 1), 24)],
)
def test_the_day_of_a_clock_change_is_as_long_as_it_is(day: date, hours: int) -> None:
    length = beginning(day + timedelta(days=1), PARIS) - beginning(day, PARIS)
    assert length == timedelta(hours=hours)


def test_the_last_minute_of_a_day_is_not_of_the_next() -> None:
    now = datetime(2026, 10, 26, 12, tzinfo=PARIS)
    days = days_until(now, PARIS, 14)
    late = datetime(2026, 10, 25, 23, 59, 59, tzinfo=PARIS)
    midnight = datetime(2026, 10, 26, tzinfo=PARIS)
    counted = series(_tally(edges_of(now, days, PARIS), [late, midnight]), days, PARIS)
    assert [item.count for item in counted[-2:]] == [1, 1]


@pytest.mark.parametrize(
    ("count", "before", "direction", "difference"),
    [(5, 2, "up", 3), (2, 5, "down", -3), (4, 4, "same", 0), (0, 0, "same", 0)],
)
def test_which_way_it_goes(count: int, before: int, direction: str, difference: int) -> None:
    found = Trend(count, before)
    assert (found.direction, found.difference) == (direction, difference)
