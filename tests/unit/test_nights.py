"""A night is from 20:00 to 08:00 by the reader's clock, on the days when the clocks change too."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigint_web.http.pages.paging import last_night

PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("now", "begin", "end"),
    [
        ("2026-11-30T03:00", "2026-11-29T20:00", "2026-11-30T08:00"),
        ("2026-11-30T07:59", "2026-11-29T20:00", "2026-11-30T08:00"),
        ("2026-11-30T19:59", "2026-11-29T20:00", "2026-11-30T08:00"),
        ("2026-11-30T20:00", "2026-11-30T20:00", "2026-12-01T08:00"),
        ("2026-03-29T12:00", "2026-03-28T20:00", "2026-03-29T08:00"),  # of eleven hours
        ("2026-10-25T12:00", "2026-10-24T20:00", "2026-10-25T08:00"),  # of thirteen hours
    ],
)
def test_the_night_under_way_or_the_last_one(now: str, begin: str, end: str) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=PARIS)
    found = [edge.astimezone(PARIS) for edge in last_night(moment, PARIS)]
    assert [f"{edge:%Y-%m-%dT%H:%M}" for edge in found] == [begin, end]


@given(
    st.datetimes(
        min_value=datetime(2000, 1, 1),  # noqa: DTZ001 - the zone is given below
        max_value=datetime(2100, 1, 1),  # noqa: DTZ001
        timezones=st.just(UTC),
    ),
    st.sampled_from(["Europe/Paris", "Asia/Kathmandu", "Pacific/Apia", "America/St_Johns"]),
)
def test_a_night_has_begun_and_is_not_a_day_old(now: datetime, zone: str) -> None:
    begin, end = last_night(now, ZoneInfo(zone))
    assert begin <= now < begin + timedelta(hours=49)  # a zone may skip a whole day
    assert timedelta(hours=10) <= end - begin <= timedelta(hours=14)
