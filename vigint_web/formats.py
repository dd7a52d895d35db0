"""Write times, durations and sizes the way people of a locale read them."""

from datetime import datetime
from zoneinfo import ZoneInfo

from flask_babel import format_datetime, format_decimal, gettext


def local(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return a moment on the wall clock of a zone."""
    return moment.astimezone(zone)


def wall_clock(moment: datetime, zone: ZoneInfo) -> str:
    """Return a moment as ISO 8601 local time to the second, without offset (contracts, mail)."""
    return local(moment, zone).replace(tzinfo=None).isoformat(timespec="seconds")


def offset_name(moment: datetime, zone: ZoneInfo) -> str:
    """Return the zone as an offset and a name, such as `UTC+01:00, Europe/Paris`."""
    offset = local(moment, zone).strftime("%z")
    return f"UTC{offset[:3]}:{offset[3:5]}, {zone.key}"


def date_and_time(moment: datetime) -> str:
    """Return a moment in the reader's locale and the configured zone, to the second."""
    return str(format_datetime(moment, "d MMM yyyy, HH:mm:ss"))


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
    return f"{shown} {units[unit]}"


def megabytes(size: int) -> str:
    """Return a size as the mail contract writes it: `2.3 MB`."""
    return f"{max(0.1, size / 1_000_000):.1f} MB"
