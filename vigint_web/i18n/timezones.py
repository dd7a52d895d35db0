"""List the time zones that users can choose from."""

from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from babel.dates import get_timezone, get_timezone_location

# The most common zones of French readers first, then the rest of the world by name.
COMMON = (
    "Europe/Paris",
    "Europe/Brussels",
    "Europe/Luxembourg",
    "Europe/Zurich",
    "Europe/London",
    "America/Guadeloupe",
    "America/Martinique",
    "America/Cayenne",
    "Indian/Reunion",
    "Indian/Mayotte",
    "Pacific/Noumea",
    "Pacific/Tahiti",
    "America/Toronto",
    "America/New_York",
    "UTC",
)
_REGIONS = {
    "Africa",
    "America",
    "Antarctica",
    "Arctic",
    "Asia",
    "Atlantic",
    "Australia",
    "Europe",
    "Indian",
    "Pacific",
}


def is_zone(name: str) -> bool:
    """Return whether a name is in both this machine's and Babel's time zone data."""
    try:
        ZoneInfo(name)
        get_timezone(name)
    except (LookupError, ValueError, OSError):
        return False
    return True


@cache
def zone_named(name: str) -> ZoneInfo:
    """Return a known zone; kept, because Python keeps eight and reads the others' files again."""
    return ZoneInfo(name)


@cache
def offered_zones() -> tuple[str, ...]:
    """Return the names to offer: the common ones, then places by region."""
    known = available_timezones()
    places = {name for name in known if name.partition("/")[0] in _REGIONS}
    common = [name for name in COMMON if name in known]
    return (*common, *sorted(places - set(common)))


def find_zone(text: str, locale: str) -> str | None:
    """Return the zone for a typed name, in any spelling, or for a city in a language."""
    wanted = " ".join(text.replace("_", " ").split()).casefold()
    if not wanted:
        return None
    names = {_plain(name): name for name in sorted(available_timezones())}
    found = names.get(wanted)
    if found is None:
        cities = [
            name
            for name in offered_zones()
            if wanted in {_plain(name.rpartition("/")[2]), city_of(name, locale).casefold()}
        ]
        # Of the names of one place (London, Belfast, Jersey) prefer the common one.
        usual = [name for name in cities if name in COMMON or _plain(name).endswith(f"/{wanted}")]
        found = next(iter(usual if len(cities) > 1 else cities), None)
    return found if found is not None and is_zone(found) else None


@cache
def city_of(name: str, locale: str) -> str:
    """Return the place that gives a zone its name, in a language."""
    try:
        return get_timezone_location(name, locale=locale, return_city=True)
    except LookupError:
        return name.rpartition("/")[2].replace("_", " ")


def offset_of(zone: ZoneInfo, moment: datetime) -> str:
    """Return a zone's offset from UTC at a time, such as `UTC+01:00`."""
    offset = moment.astimezone(zone).strftime("%z")
    return f"UTC{offset[:3]}:{offset[3:5]}"


def _plain(name: str) -> str:
    return name.replace("_", " ").casefold()
