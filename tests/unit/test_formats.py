"""Times, durations and sizes as people read them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask_babel import force_locale
from hypothesis import given
from hypothesis import strategies as st

from vigint_web import formats

PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("moment", "clock", "zone"),
    [
        (datetime(2026, 1, 1, 11, 0, 0, 999_999, tzinfo=UTC), "2026-01-01T12:00:00", "UTC+01:00"),
        (datetime(2026, 7, 1, 10, 0, tzinfo=UTC), "2026-07-01T12:00:00", "UTC+02:00"),
        (datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC), "2026-03-29T01:59:59", "UTC+01:00"),
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), "2026-03-29T03:00:00", "UTC+02:00"),
        # The hour that comes twice: the offset tells which one is meant.
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "2026-10-25T02:30:00", "UTC+02:00"),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "2026-10-25T02:30:00", "UTC+01:00"),
    ],
)
def test_local_times_without_offset_and_the_zone_beside_them(
    moment: datetime, clock: str, zone: str
) -> None:
    assert formats.wall_clock(moment, PARIS) == clock
    assert formats.offset_name(moment, PARIS) == f"{zone}, Europe/Paris"


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0.1 MB"), (99_999, "0.1 MB"), (2_300_000, "2.3 MB"), (26_214_400, "26.2 MB")],
)
def test_megabytes_of_the_mail(size: int, text: str) -> None:
    assert formats.megabytes(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (4.04, "4 s"),
        (59.94, "59.9 s"),
        (59.96, "1:00"),
        (65, "1:05"),
        (3723, "1:02:03"),
    ],
)
def test_durations(app: Flask, seconds: float | None, text: str) -> None:
    with force_locale("en"):
        assert formats.duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "english", "french"),
    [
        (None, "–", "–"),
        (0, "0 B", "0 o"),
        (999, "999 B", "999 o"),
        (1_500, "1.5 kB", "1,5 ko"),
        (999_999, "1 MB", "1 Mo"),
        (2_300_000_000, "2.3 GB", "2,3 Go"),
    ],
)
def test_sizes(app: Flask, size: int | None, english: str, french: str) -> None:
    with force_locale("en"):
        assert formats.file_size(size) == english
    with force_locale("fr"):
        assert formats.file_size(size).replace("\u202f", " ").replace("\xa0", " ") == french


@given(st.floats(59.95, 1e6))
def test_no_duration_shows_sixty_seconds(seconds: float) -> None:
    assert ":60" not in formats.duration(seconds)
