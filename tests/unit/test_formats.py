"""Times, durations and sizes as people read them."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from babel.dates import get_timezone
from flask import Flask
from flask_babel import force_locale
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vigint_web.i18n import formats, timezones

PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("moment", "clock", "zone"),
    [
        (datetime(2026, 1, 1, 11, 0, 0, 999_999, tzinfo=UTC), "2026-01-01T12:00:00", "UTC+01:00"),
        (datetime(2026, 7, 1, 10, 0, tzinfo=UTC), "2026-07-01T12:00:00", "UTC+02:00"),
        (datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC), "2026-03-29T01:59:59", "UTC+01:00"),
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), "2026-03-29T03:00:00", "UTC+02:00"),
        # The hour that occurs twice: the offset distinguishes the two.
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
        assert _plain(formats.file_size(size)) == english
    with force_locale("fr"):
        assert _plain(formats.file_size(size)) == french


@given(st.floats(59.95, 1e6))
def test_no_duration_shows_sixty_seconds(seconds: float) -> None:
    assert ":60" not in formats.duration(seconds)


NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ZONES = st.sampled_from(timezones.offered_zones()).map(ZoneInfo)
MOMENTS = st.integers(631_152_000, 2_145_830_400).map(  # 1990 to 2037
    lambda seconds: datetime.fromtimestamp(seconds, UTC)
)


def _plain(text: str) -> str:
    return text.replace("\u202f", " ").replace("\xa0", " ")


@pytest.mark.parametrize(
    ("seconds", "english", "french"),
    [
        (0, "just now", "à l’instant"),
        (-44, "just now", "à l’instant"),
        (-45, "45 s ago", "il y a 45 s"),
        (-60, "1 min ago", "il y a 1 min"),
        (-300, "5 min ago", "il y a 5 min"),
        (-3599, "59 min ago", "il y a 59 min"),
        (-3600, "1 h ago", "il y a 1 h"),
        (-2 * 3600 + 1, "1 h ago", "il y a 1 h"),
        (-23 * 3600 - 3599, "23 h ago", "il y a 23 h"),
        (-86_400, "1 day ago", "il y a 1 j"),
        (-15 * 86_400, "2 weeks ago", "il y a 2 semaines"),
        (-400 * 86_400, "1 year ago", "il y a 1 an"),
        (30, "in 30 s", "dans 30 s"),
        (5400, "in 1 h", "dans 1 h"),
    ],
)
def test_how_long_ago(app: Flask, seconds: int, english: str, french: str) -> None:
    moment = NOW + timedelta(seconds=seconds)
    with force_locale("en"):
        assert _plain(formats.ago(moment, NOW)) == english
    with force_locale("fr"):
        assert _plain(formats.ago(moment, NOW)) == french


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # it is only read
@given(st.integers(-(10**9), 10**9), st.sampled_from(["fr", "en"]))
def test_distances_are_never_rounded_up(app: Flask, seconds: int, locale: str) -> None:
    with force_locale(locale):
        distance = _plain(formats.ago(NOW + timedelta(seconds=seconds), NOW))
    number = re.search(r"[\d ,]*\d", distance)
    if number is None:
        assert -45 < seconds <= 0
        return
    value = int(re.sub(r"\D", "", number.group()))
    unit = next(
        size
        for size, names in (
            (31_536_000, (" an", " year")),
            (2_592_000, (" mois", " month")),
            (604_800, (" sem", " week")),
            (86_400, (" j", " day")),
            (3600, (" h",)),
            (60, (" min",)),
            (1, (" s",)),
        )
        if any(name in distance for name in names)
    )
    assert value * unit <= abs(seconds) < (value + 1) * unit
    assert distance.startswith(("dans", "in ")) == (seconds > 0)


def test_lists_show_distances_while_they_are_short(app: Flask) -> None:
    with force_locale("fr"):
        assert _plain(formats.since(NOW - timedelta(hours=23, minutes=59), NOW)) == "il y a 23 h"
        assert formats.since(NOW - timedelta(hours=24), NOW) == "20\u00a0nov.\u00a02026, 13:00"
        assert formats.since(NOW + timedelta(days=2), NOW) == "23\u00a0nov.\u00a02026, 13:00"


@given(MOMENTS, ZONES)
def test_a_wall_clock_and_its_offset_are_the_moment(moment: datetime, zone: ZoneInfo) -> None:
    """In any zone, and with repeated hours: clock and offset identify one time."""
    clock, offset = formats.wall_clock(moment, zone), timezones.offset_of(zone, moment)
    found = re.fullmatch(r"UTC([+-]\d\d:\d\d)", offset)
    assert found is not None
    exact = moment.astimezone(zone).utcoffset()
    assert exact is not None
    if exact.total_seconds() % 60 == 0:
        again = datetime.fromisoformat(clock + found.group(1))
        assert again == moment.replace(microsecond=0)
    assert formats.offset_name(moment, zone) == f"{offset}, {zone.key}"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # it is only read
@given(MOMENTS, st.sampled_from(timezones.offered_zones()))
def test_what_people_read_is_the_wall_clock_of_their_zone(
    app: Flask, moment: datetime, name: str
) -> None:
    """Babel has time zone data of its own: both must agree."""
    ours, babels = ZoneInfo(name), get_timezone(name)
    with app.test_request_context("/login"), pytest.MonkeyPatch.context() as patch:
        patch.setattr("flask_babel.get_timezone", lambda: babels)
        patch.setattr("vigint_web.i18n.formats.get_timezone", lambda: babels)
        assert formats.reader_zone() == ours
        shown = formats.date_and_time(moment)
    assert shown.endswith(moment.astimezone(ours).strftime("%H:%M:%S"))


@pytest.mark.parametrize(
    ("value", "english", "french"),
    [(None, "–", "–"), (0, "0", "0"), (12_345, "12,345", "12 345"), (0.5, "0.5", "0,5")],
)
def test_numbers(app: Flask, value: float | None, english: str, french: str) -> None:
    with force_locale("en"):
        assert formats.number(value) == english
    with force_locale("fr"):
        assert _plain(formats.number(value)) == french


def test_the_common_zones_come_first_and_each_once() -> None:
    offered = timezones.offered_zones()
    assert offered[0] == "Europe/Paris"
    assert set(timezones.COMMON) <= set(offered)
    assert len(set(offered)) == len(offered) > 300
    assert all(timezones.is_zone(name) for name in offered)


@given(st.text(max_size=80))
def test_whatever_is_typed_is_a_zone_or_none(text: str) -> None:
    found = timezones.find_zone(text, "fr")
    assert found is None or timezones.is_zone(found)


@pytest.mark.parametrize("name", timezones.COMMON)
def test_a_zone_is_found_by_its_name_and_its_city(name: str) -> None:
    assert timezones.find_zone(name, "fr") == name
    assert timezones.find_zone(timezones.city_of(name, "fr"), "fr") == name
    assert timezones.find_zone(timezones.city_of(name, "en"), "en") == name


def test_an_address_breaks_after_its_signs_and_stays_escaped() -> None:
    assert formats.breakable("a.b@c-d.example") == "a.<wbr>b@<wbr>c-<wbr>d.<wbr>example"
    assert formats.breakable("<b>&'@x") == "&lt;b&gt;&amp;&#39;@<wbr>x"
