"""A night is from 20:00 to 08:00 by the reader's clock, on the days when the clocks change too."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask_babel import force_locale
from hypothesis import given
from hypothesis import strategies as st

from vigint_web.http.pages.incident_groups import by_shift, shift_of
from vigint_web.http.pages.paging import last_night
from vigint_web.i18n.formats import night_or_day
from vigint_web.models import Incident, IncidentState

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


@given(
    st.datetimes(
        min_value=datetime(2000, 1, 1),  # noqa: DTZ001 - the zone is given below
        max_value=datetime(2100, 1, 1),  # noqa: DTZ001
        timezones=st.just(UTC),
    ),
    st.sampled_from(["Europe/Paris", "Asia/Kathmandu", "America/St_Johns"]),
)
def test_every_time_is_of_one_night_or_day(moment: datetime, zone: str) -> None:
    shift = shift_of(moment, ZoneInfo(zone))
    assert shift.begin <= moment < shift.end
    assert timedelta(hours=10) <= shift.end - shift.begin <= timedelta(hours=14)
    assert shift_of(shift.begin, ZoneInfo(zone)) == shift
    following = shift_of(shift.end, ZoneInfo(zone))
    assert (following.begin, following.is_night) == (shift.end, not shift.is_night)
    assert following.name != shift.name


def _row(moment: str, state: IncidentState = IncidentState.NEW) -> Incident:
    at = datetime.fromisoformat(moment).replace(tzinfo=PARIS)
    return Incident(detected_at=at, created_at=at, state=state)


@pytest.fixture
def _reader(app: Flask) -> Iterator[None]:
    with app.test_request_context():
        yield


@pytest.mark.usefixtures("_reader")
def test_rows_are_divided_and_only_what_other_pages_share_is_counted() -> None:
    rows = [
        _row("2026-11-29T23:00"),
        _row("2026-11-29T19:00"),
        _row("2026-11-29T09:00", IncidentState.CLOSED),
        _row("2026-11-29T07:00"),
    ]
    asked = []

    def count(begin: datetime, end: datetime) -> int:
        asked.append((begin.astimezone(PARIS).hour, end.astimezone(PARIS).hour))
        return 40

    whole = by_shift(rows, PARIS, count, begins_above=False, ends_below=False)
    assert [(len(one.rows), one.undecided) for one in whole] == [(1, 1), (2, 1), (1, 1)]
    assert asked == []
    middle = by_shift(rows, PARIS, count, begins_above=True, ends_below=True)
    assert [one.undecided for one in middle] == [40, 1, 40]
    assert asked == [(20, 8), (20, 8)]
    plain = by_shift(rows, PARIS, None, begins_above=True, ends_below=True)
    assert [one.undecided for one in plain] == [None, None, None]
    assert by_shift([], PARIS, count, begins_above=False, ends_below=False) == []


@pytest.mark.parametrize(
    ("moment", "french", "english"),
    [
        ("2031-11-29T02:00", "Nuit du 28 au 29 nov. 2031", "Night of 28 to 29 Nov 2031"),
        ("2031-12-01T02:00", "Nuit du 30 nov. au 1er déc. 2031", "Night of 30 Nov to 1 Dec 2031"),
        ("2031-12-01T22:00", "Nuit du 1er au 2 déc. 2031", "Night of 1 to 2 Dec 2031"),
        ("2031-11-29T12:00", "samedi 29 nov. 2031", "Saturday 29 Nov 2031"),
    ],
)
def test_nights_and_days_have_names(app: Flask, moment: str, french: str, english: str) -> None:
    shift = shift_of(datetime.fromisoformat(moment).replace(tzinfo=PARIS), PARIS)
    for locale, name in (("fr", french), ("en", english)):
        with app.test_request_context(), force_locale(locale):
            assert night_or_day(shift.begin, shift.end).replace("\xa0", " ") == name
