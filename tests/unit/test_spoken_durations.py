"""Durations as people say them, and percentages."""

import pytest
from flask import Flask
from flask_babel import force_locale
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vigint_web.i18n.formats import percent, spoken_duration

_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86_400}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0, "< 1 s"),
        (1, "1 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (127, "2 min 10 s"),
        (599, "10 min"),
        (734, "12 min"),
        (3599, "1 h"),
        (4000, "1 h 10 min"),
        (36_100, "10 h"),
        (86_000, "1 d"),
        (100_000, "1 d 4 h"),
        (30 * 86_400, "30 d"),
    ],
)
def test_durations_have_two_units_at_most(app: Flask, seconds: float | None, text: str) -> None:
    with force_locale("en"):
        assert spoken_duration(seconds).replace("\xa0", " ") == text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seconds=st.floats(1, 300 * 86_400))
def test_what_is_said_is_the_duration_within_a_tenth(app: Flask, seconds: float) -> None:
    with force_locale("en"):
        said = spoken_duration(seconds).split("\xa0")
    parts = zip(said[::2], said[1::2], strict=True)
    total = sum(int(number) * _UNITS[unit] for number, unit in parts)
    assert abs(total - seconds) <= max(0.5, seconds / 10)


def test_french_days_and_percentages(app: Flask) -> None:
    with force_locale("fr"):
        assert spoken_duration(2 * 86_400) == "2\xa0j"
        assert percent(0.754) == "75\xa0%" or percent(0.754) == "75\u202f%"
    with force_locale("en"):
        assert percent(0.754) == "75%"
        assert percent(None) == "–"
