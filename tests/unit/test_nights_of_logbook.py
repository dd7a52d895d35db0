"""Nights by the clock of a site, and when their logs are mailed: each once, through changes of
clocks.
"""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigint_web.services.logbook.nights import (
    Hours,
    due_at,
    latest_night,
    night_of,
    nights_due,
)

PARIS = ZoneInfo("Europe/Paris")
ZONES = st.sampled_from(
    [ZoneInfo(name) for name in ("UTC", "Europe/Paris", "America/Santiago", "Pacific/Apia")]
)
MINUTES = st.integers(0, 24 * 60 - 1)
HOURS = st.builds(Hours, MINUTES, MINUTES, MINUTES)
MOMENTS = st.integers(1_704_067_200, 1_830_000_000).map(
    lambda seconds: datetime.fromtimestamp(seconds, UTC)
)


@pytest.mark.parametrize(
    ("day", "length"),
    [(date(2026, 3, 28), 11), (date(2026, 10, 24), 13), (date(2026, 11, 29), 12)],
)
def test_a_night_lasts_from_evening_to_morning_by_the_clock(day: date, length: int) -> None:
    night = night_of(day, Hours(), PARIS)
    assert night.end - night.begin == timedelta(hours=length)
    assert night.begin.astimezone(PARIS).hour == 20
    assert night.end.astimezone(PARIS).hour == 8


def test_a_mailing_time_that_the_clock_skips_or_shows_twice_comes_once() -> None:
    hours = Hours(20 * 60, 2 * 60, 2 * 60 + 30)
    skipped = night_of(date(2026, 3, 28), hours, PARIS)
    assert due_at(skipped, hours, PARIS) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    twice = night_of(date(2026, 10, 24), hours, PARIS)
    assert due_at(twice, hours, PARIS) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@given(now=MOMENTS, hours=HOURS, zone=ZONES)
def test_the_latest_night_has_begun_and_the_next_has_not(
    now: datetime, hours: Hours, zone: ZoneInfo
) -> None:
    night = latest_night(now, hours, zone)
    assert night.begin <= now
    assert now - night.begin <= timedelta(hours=26)


@given(start=MOMENTS, hours=HOURS, zone=ZONES, steps=st.lists(st.integers(1, 3000), max_size=30))
def test_whenever_the_scheduler_looks_every_night_is_due_once_and_after_its_end(
    start: datetime, hours: Hours, zone: ZoneInfo, steps: list[int]
) -> None:
    """Looks may be days apart, as after a standstill; a night is mailed by the first one."""
    now, mailed = start, []
    for minutes in steps:
        now += timedelta(minutes=minutes)
        for night in nights_due(start, now, hours, zone):
            assert night.end <= due_at(night, hours, zone) <= now
            if night.day not in mailed:
                mailed.append(night.day)
    assert mailed == sorted(mailed)
    if mailed and max(steps) < 6 * 24 * 60:
        # No day between the first and the last is left out.
        assert len(mailed) == (mailed[-1] - mailed[0]).days + 1


def test_nights_before_the_first_recipient_are_not_due() -> None:
    now = datetime(2026, 11, 30, 9, tzinfo=UTC)
    assert [night.day for night in nights_due(now - timedelta(hours=3), now, Hours(), PARIS)] == [
        date(2026, 11, 29)
    ]
    assert list(nights_due(now - timedelta(minutes=30), now, Hours(), PARIS)) == []
