"""Format times, durations and sizes for a locale."""

import re
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from babel.dates import TIMEDELTA_UNITS, format_date, format_datetime, format_timedelta
from flask_babel import format_decimal, format_percent, get_locale, get_timezone, gettext
from markupsafe import Markup, escape

from vigint_web.clock import utcnow
from vigint_web.i18n.timezones import offset_of
from vigint_web.i18n.typography import NO_BREAK, dimensions, first_of_month

_RECENT = timedelta(hours=24)
_JUST_NOW = timedelta(seconds=45)
_DAY = 86_400
# English as written outside the United States goes with dates such as “21 Nov 2026”.
_DIALECTS = {"en": "en_GB"}
# A date stays on one line.
_DATE = f"d{NO_BREAK}MMM{NO_BREAK}yyyy"
_SIGNS = re.compile(r"([@._+-])(?=\w)")


def reader_zone() -> ZoneInfo:
    """Return the reader's zone: a logged-in user's own, else the installation's."""
    return ZoneInfo(str(get_timezone()))


def local(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return a time as local time of a zone."""
    return moment.astimezone(zone)


def wall_clock(moment: datetime, zone: ZoneInfo) -> str:
    """Return a time as ISO 8601 local time to the second, without offset (contracts, mail)."""
    return local(moment, zone).replace(tzinfo=None).isoformat(timespec="seconds")


def offset_name(moment: datetime, zone: ZoneInfo) -> str:
    """Return the zone as an offset and a name, such as `UTC+01:00, Europe/Paris`."""
    return f"{offset_of(zone, moment)}, {zone.key}"


def date_and_time(moment: datetime) -> str:
    """Return a time in the reader's locale and zone, to the second."""
    return _shown(moment, f"{_DATE}, HH:mm:ss")


def date_and_minute(moment: datetime) -> str:
    """Return a time in the reader's locale and zone, to the minute."""
    return _shown(moment, f"{_DATE}, HH:mm")


def day(moment: datetime) -> str:
    """Return the date of a time in the reader's locale and zone."""
    return _shown(moment, _DATE)


def short_day(of: date) -> str:
    """Return a day and its month, as a label in charts."""
    return _in_words(format_date(of, f"d{NO_BREAK}MMM", locale=get_locale()))


def long_day(of: date) -> str:
    """Return a date with its month in full, in the reader's locale."""
    return _in_words(format_date(of, "d MMMM yyyy", locale=get_locale()))


def unbroken_day(of: date) -> str:
    """Return a date with its month in full, for pages, where a date stays on one line."""
    return long_day(of).replace(" ", NO_BREAK)


def medium_day(of: date) -> str:
    """Return a date in the reader's locale, like `day`."""
    return _in_words(format_date(of, _DATE, locale=get_locale()))


def clock(moment: datetime) -> str:
    """Return the time of day of a time, to the second, in the reader's zone."""
    return _shown(moment, "HH:mm:ss")


def night_or_day(begin: datetime, end: datetime) -> str:
    """Return the name of a night, or of a day, by its first and last time in the reader's zone.

    The year is given if it is not the present one.
    """
    first, last = begin.date(), end.date()
    locale, years = get_locale(), "" if last.year == _today().year else " yyyy"
    if first == last:
        return _in_words(format_date(last, f"EEEE d{NO_BREAK}MMM{years}", locale=locale))
    start = short_day(first)
    if (first.year, first.month) == (last.year, last.month):
        start = start.split()[0]
    finish = _in_words(format_date(last, f"d{NO_BREAK}MMM{years}", locale=locale))
    return str(gettext("Night of %(first)s to %(last)s", first=start, last=finish))


def _today() -> date:
    return local(utcnow(), reader_zone()).date()


def clock_to_the_second(moment: datetime) -> str:
    """Return a time of day in its own zone."""
    return f"{moment:%H:%M:%S}"


def day_and_minute(moment: datetime, zone: ZoneInfo) -> str:
    """Return a time with its month in full and its zone, for mails."""
    seen = local(moment, zone)
    return f"{long_day(seen.date())}, {seen:%H:%M} ({offset_name(moment, zone)})"


def day_and_second(moment: datetime, zone: ZoneInfo) -> str:
    """Return a time with its month in full, to the second, without its zone."""
    seen = local(moment, zone)
    return f"{long_day(seen.date())}, {clock_to_the_second(seen)}"


def is_recent(moment: datetime, now: datetime | None = None) -> bool:
    """Return whether a time is near enough to be given in hours instead of days."""
    return abs((now or utcnow()) - moment) < _RECENT


def ago(moment: datetime, now: datetime | None = None) -> str:
    """Return the distance of a time from now: 5 min ago, in 2 h, just now; never rounded up."""
    delta = moment - (now or utcnow())
    if -_JUST_NOW < delta <= timedelta():
        return str(gettext("just now"))
    return _in_one_unit(delta, add_direction=True)


def apart(moment: datetime, other: datetime) -> str:
    """Return the distance of two times: 5 min, 2 h; never rounded up."""
    if moment == other:
        return str(gettext("%(seconds)s s", seconds=0))
    return _in_one_unit(abs(moment - other), add_direction=False)


def _in_one_unit(delta: timedelta, *, add_direction: bool) -> str:
    seconds = max(1, int(abs(delta).total_seconds()))
    unit = next(unit for _, unit in TIMEDELTA_UNITS if seconds >= unit)
    whole = timedelta(seconds=seconds // unit * unit)
    locale = str(get_locale())
    text = format_timedelta(
        whole if delta > timedelta() else -whole,
        # The next unit only when it is full: 59 minutes are not an hour.
        threshold=1,
        add_direction=add_direction,
        # “2 sem.” and “1 a” are short, but unusual.
        format="short" if unit <= _DAY else "long",
        locale=_DIALECTS.get(locale, locale),
    )
    # The symbols of the units (BIPM), as in British newspapers: 16 h ago, 45 s ago, 2 h earlier.
    return re.sub(r"\b(h)rs?\b|\b(min)s\b|\b(s)ecs?\b", r"\1\2\3", text) if locale == "en" else text


def since(moment: datetime, now: datetime | None = None) -> str:
    """Return a time for lists: its distance while it is recent, else its date."""
    return ago(moment, now) if is_recent(moment, now) else date_and_minute(moment)


def duration(seconds: float | None) -> str:
    """Return a duration for people: 4.0 s, 1:05, 1:02:03."""
    if seconds is None:
        return "–"
    if round(seconds, 1) < 60:
        return str(gettext("%(seconds)s s", seconds=format_decimal(round(seconds, 1))))
    return _clock(round(seconds))


def spoken_duration(seconds: float | None) -> str:
    """Return a duration as people say it, with two units at most: 45 s, 2 min 10 s, 1 h 20 min.

    Rounded to about a tenth, like the histograms that it is read from.
    """
    if seconds is None:
        return "–"
    if seconds < 1:
        return f"<{NO_BREAK}{_unit(1, 1)}"
    for most, smaller, larger, step in (
        (60, 1, 60, 1),
        (600, 1, 60, 10),
        (3600, 60, 3600, 1),
        (36_000, 60, 3600, 10),
        (_DAY, 3600, _DAY, 1),
        (10 * _DAY, 3600, _DAY, 1),
    ):
        units, rest = divmod(round(seconds / smaller / step) * step, larger // smaller)
        if units * larger + rest * smaller < most:
            return _two_units(units, larger, rest, smaller)
    return _two_units(round(seconds / _DAY), _DAY, 0, 3600)


def _two_units(units: int, larger: int, rest: int, smaller: int) -> str:
    parts = [_unit(units, larger)] if units else []
    if rest or not parts:
        parts.append(_unit(rest, smaller))
    return NO_BREAK.join(parts)


def _unit(number: int, seconds: int) -> str:
    # The symbols of the units (BIPM) are the same in every language, but for days.
    symbol = {1: "s", 60: "min", 3600: "h", _DAY: str(gettext("d"))}[seconds]
    return f"{format_decimal(number)}{NO_BREAK}{symbol}"


def percent(value: float | None) -> str:
    """Return a part from 0 to 1 as a whole percentage, in the locale's format."""
    return "–" if value is None else str(format_percent(value))


def _clock(whole: int) -> str:
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{secs:02d}" if hours else f"{minutes}:{secs:02d}"


def number(value: float | None) -> str:
    """Return a number with the locale's grouping and decimal separator."""
    return "–" if value is None else str(format_decimal(value))


def share(value: float | None) -> str:
    """Return a number from 0 to 1 with two digits, in the locale's format."""
    return "–" if value is None else str(format_decimal(value, "0.00"))


def file_size(size: int | None) -> str:
    """Return a size in the locale's units of 1000."""
    if size is None:
        return "–"
    value, unit = float(size), 0
    units = (gettext("B"), gettext("kB"), gettext("MB"), gettext("GB"), gettext("TB"))
    while value >= 999.5 and unit < len(units) - 1:
        value, unit = value / 1000, unit + 1
    shown = format_decimal(round(value, 1) if unit else int(value))
    # Keep number and unit on one line.
    return f"{shown}{NO_BREAK}{units[unit]}"


def resolution(written: str | None) -> str:
    """Return the size of a picture, stored as 640x480, for people."""
    width, _x, height = (written or "").partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        return "–"
    return dimensions(int(width), int(height))


def breakable(address: str) -> Markup:
    """Return an address that a narrow line breaks after its signs rather than within a word."""
    return Markup(_SIGNS.sub(r"\1<wbr>", str(escape(address))))  # noqa: S704 - escaped


def part_of(start: float, end: float) -> str:
    """Return a part of a video: 0 s – 4.2 s, or in clock format at both ends, 0:04 – 1:05."""
    if round(end, 1) < 60:
        return f"{duration(start)} – {duration(end)}"
    return f"{_clock(int(start))} – {_clock(round(end))}"


def end_of_span(end: datetime, start: datetime) -> str:
    """Return the end of a span to the second; with its date only if that differs."""
    zone = reader_zone()
    same_day = local(end, zone).date() == local(start, zone).date()
    return _shown(end, "HH:mm:ss") if same_day else date_and_time(end)


def megabytes(size: int) -> str:
    """Return a size as the mail contract writes it: `2.3 MB`, at least `0.1 MB`."""
    return f"{max(0.1, size / 1_000_000):.1f} MB"


def _shown(moment: datetime, pattern: str) -> str:
    # With the machine's time zone database, like everything else here: that of pytz, which
    # Flask-Babel would use, may be of another year.
    shown = format_datetime(moment, pattern, tzinfo=reader_zone(), locale=get_locale())
    return _in_words(shown)


def _in_words(shown: str) -> str:
    return first_of_month(shown) if str(get_locale()).startswith("fr") else shown
