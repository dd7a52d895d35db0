"""Return the settings of a site, or those of the configuration where it has none."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from vigint_web.config.values import LOCALES
from vigint_web.i18n.timezones import is_zone
from vigint_web.models import Site
from vigint_web.services.core.runtime import config


def zone_of(site: Site) -> ZoneInfo:
    """Return the time zone of a site."""
    # An update may remove a name from the time zone database.
    if site.timezone and is_zone(site.timezone):
        return ZoneInfo(site.timezone)
    return config().timezone


def locale_of(site: Site) -> str | None:
    """Return the language of a site's mails; None: that of the kind of mail."""
    return site.locale if site.locale in LOCALES else None


def cool_down_of(site: Site) -> timedelta:
    """Return the time in which repeats of an alert of this site are gathered."""
    seconds = site.cooldown_seconds
    return timedelta(seconds=config().cooldown_seconds if seconds is None else seconds)
