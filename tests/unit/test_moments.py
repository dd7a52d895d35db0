"""Times as programs and people write them."""

import math
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigint_web.services.core.moments import Moment, parse_moment

PARIS = ZoneInfo("Europe/Paris")
# 29 November 2026, 14:30 in Paris.
NOON = datetime(2026, 11, 29, 13, 30, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "value",
    [
        NOON, int(NOON), str(NOON), f"{int(NOON)},0", NOON * 1e3, int(NOON * 1e6), NOON * 1e9,
        str(int(NOON) * 1000), str(int(NOON) * 10**6), f"/Date({int(NOON)}000)/", "1795959000",
        "2026-11-29T13:30:00Z", "2026-11-29 14:30:00+01:00", "2026-11-29T14:30:00+0100",
        "20261129T133000Z", "Sun, 29 Nov 2026 14:30:00 +0100", "2026-11-29 14:30 CET",
        "Sun Nov 29 2026 14:30:00 GMT+0100 (Central European Standard Time)",
        "2026-11-29T14:30:00+01:00[Europe/Paris]", "2026-11-29 14:30 Europe/Paris",
        "2026-11-29 15:30 UTC+2", "2026-11-29 13h30 UTC",
    ],
)  # fmt: skip
def test_times_that_name_their_zone(value: Any) -> None:
    assert parse_moment(value, PARIS) == Moment(NOON)


@pytest.mark.parametrize(
    "value",
    [
        "29/11/2026 14:30:00", "29/11/26 14:30", "29.11.2026 14h30", "29-11-2026 14:30",
        "le 29 novembre 2026 à 14h30", "dimanche 29 novembre 2026 14:30", "29 nov. 2026 14:30",
        "29/11/2026 à 14 h 30 min", "29/11/2026 - 14:30", " 2026-11-29 14:30 ",
        "2026-11-29 14h30", "2026/11/29 14:30", "2026:11:29 14:30:00", "2026-11-29_14-30-00",
        "20261129143000", "202611291430", "11/29/2026 2:30 PM", "Sun Nov 29 14:30:00 2026",
        "29 November 2026, 2:30pm", "2026-11-29T14:30:00,000", "２０２６-11-29 14:30",
    ],
)  # fmt: skip
def test_times_of_the_installations_zone(value: str) -> None:
    assert parse_moment(value, PARIS) == Moment(NOON, zone_assumed=True)


@pytest.mark.parametrize(
    ("value", "day", "month"),
    [
        ("05/11/2026", 5, 11),
        ("2026-11-05", 5, 11),
        ("2026/11/05 08h", 5, 11),
        ("1er mai 2026", 1, 5),
    ],
)
def test_the_day_comes_first_unless_the_year_does(value: str, day: int, month: int) -> None:
    found = datetime.fromtimestamp(parse_moment(value, PARIS).seconds, PARIS)
    assert (found.day, found.month, found.year) == (day, month, 2026)


@pytest.mark.parametrize(
    "value",
    [
        True, None, [], {}, math.nan, math.inf, -1, 10**400, 1e300, "nan", "inf", "1e400", "", " ",
        "hier", "14:30", "29 nov", "nov 2026", "30/02/2026", "2026-13-01", "0001-01-01T00:00:00",
        "9999-12-31T23:59:59", "2026-11-29 14:30 Foo", "9" * 65, "x" * 101, b"2026",
    ],
)  # fmt: skip
def test_what_is_no_time(value: Any) -> None:
    with pytest.raises(ValueError, match="not a"):
        parse_moment(value, PARIS)


@given(st.text(max_size=60) | st.text("0123456789 :/-.,hTZ+GMUàlenov", max_size=40))
def test_no_text_is_an_accident(text: str) -> None:
    try:
        found = parse_moment(text, PARIS)
    except ValueError:
        return
    assert 0 <= found.seconds < 7_258_118_401


FORMS = ("%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%d.%m.%Y %Hh%Mm%Ss", "%Y%m%dT%H%M%S")


@given(st.integers(800_000_000, 3_700_000_000))
def test_every_second_is_read_in_every_spelling(second: int) -> None:
    when = datetime.fromtimestamp(second, PARIS)
    read = {parse_moment(when.strftime(form), PARIS).seconds for form in FORMS}
    assert read == {when.replace(fold=0).timestamp()}
