"""Write times, durations and sizes the way people of a locale read them."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from babel.dates import TIMEDELTA_UNITS, format_datetime, format_timedelta
from flask_babel import format_decimal, get_locale, get_timezone, gettext

from vigint_web.clock import utcnow
from vigint_web.zones import offset_of

_RECENT = timedelta(hours=24)
_JUST_NOW = timedelta(seconds=45)
_DAY = 86_400
# English as written outside the United States goes with dates such as “21 Nov 2026”.
_DIALECTS = {"en": "en_GB"}


def reader_zone() -> ZoneInfo:
    """Return the zone of whoever reads: a logged-in person's own, else the installation's."""
    return ZoneInfo(str(get_timezone()))


def local(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return a moment on the wall clock of a zone."""
    return moment.astimezone(zone)


def wall_clock(moment: datetime, zone: ZoneInfo) -> str:
    """Return a moment as ISO 8601 local time to the second, without offset (contracts, mail)."""
    return local(moment, zone).replace(tzinfo=None).isoformat(timespec="seconds")


def offset_name(moment: datetime, zone: ZoneInfo) -> str:
    """Return the zone as an offset and a name, such as `UTC+01:00, Europe/Paris`."""
    return f"{offset_of(zone, moment)}, {zone.key}"


def date_and_time(moment: datetime) -> str:
    """Return a moment in the reader's locale and zone, to the second."""
    return _shown(moment, "d MMM yyyy, HH:mm:ss")


def date_and_minute(moment: datetime) -> str:
    """Return a moment in the reader's locale and zone, to the minute."""
    return _shown(moment, "d MMM yyyy, HH:mm")


def clock_time(moment: datetime) -> str:
    """Return the hour and the minute of a moment in the reader's zone."""
    return _shown(moment, "HH:mm")


def day(moment: datetime) -> str:
    """Return the date of a moment in the reader's locale and zone."""
    return _shown(moment, "d MMM yyyy")


def is_recent(moment: datetime, now: datetime | None = None) -> bool:
    """Return whether a moment is so near that people count hours, not days."""
    return abs((now or utcnow()) - moment) < _RECENT


def ago(moment: datetime, now: datetime | None = None) -> str:
    """Return how far a moment is from now: 5 min ago, in 2 hr, just now; never rounded up."""
    delta = moment - (now or utcnow())
    if -_JUST_NOW < delta <= timedelta():
        return str(gettext("just now"))
    seconds = max(1, int(abs(delta).total_seconds()))
    unit = next(unit for _, unit in TIMEDELTA_UNITS if seconds >= unit)
    whole = timedelta(seconds=seconds // unit * unit)
    locale = str(get_locale())
    return format_timedelta(
        whole if delta > timedelta() else -whole,
        # Never the next unit before it is full: 59 minutes are not an hour.
        threshold=1,
        add_direction=True,
        # “2 sem.” and “1 a” are short, but not what people write.
        format="short" if unit <= _DAY else "long",
        locale=_DIALECTS.get(locale, locale),
    )


def since(moment: datetime, now: datetime | None = None) -> str:
    """Return a moment as lists show it: by its distance while it is recent, else by its date."""
    return ago(moment, now) if is_recent(moment, now) else date_and_minute(moment)


def duration(seconds: float | None) -> str:
    """Return a duration as people say it: 4.0 s, 1:05, 1:02:03."""
    if seconds is None:
        return "–"
    if round(seconds, 1) < 60:
        return str(gettext("%(seconds)s s", seconds=format_decimal(round(seconds, 1))))
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{secs:02d}" if hours else f"{minutes}:{secs:02d}"


def number(value: float | None) -> str:
    """Return a number as the locale groups and points it."""
    return "–" if value is None else str(format_decimal(value))


def share(value: float | None) -> str:
    """Return a number from 0 to 1 with two digits, as the locale writes it."""
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
    # Figure and unit stay on one line.
    return f"{shown}\N{NO-BREAK SPACE}{units[unit]}"


def megabytes(size: int) -> str:
    """Return a size as the mail contract writes it: `2.3 MB`."""
    return f"{max(0.1, size / 1_000_000):.1f} MB"


def _shown(moment: datetime, pattern: str) -> str:
    # By the machine's table of zones, as everything else here: that of pytz, which Flask-Babel
    # would take, may be another year's.
    return format_datetime(moment, pattern, tzinfo=reader_zone(), locale=get_locale())
