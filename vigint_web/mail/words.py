"""Provide the phrases common to all mails: place and time, confidence, risk, and sender."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from flask_babel import LazyString, gettext
from flask_babel import lazy_gettext as _

from vigint_web.config.config import Config
from vigint_web.config.contact import contact_url
from vigint_web.i18n.formats import clock_to_the_second, local, long_day, offset_name
from vigint_web.mail.sanitize import one_line

# The same words as on the pages.
_RISKS: dict[str, LazyString] = {
    "LOW": _("Low risk"),
    "MEDIUM": _("Medium risk"),
    "UNKNOWN": _("Risk not specified"),
    "HIGH": _("High risk"),
    "CRITICAL": _("Critical risk"),
}


@dataclass(frozen=True)
class Confirmation:
    """The person who confirmed a detection, and when."""

    person: str
    at: datetime


def risk_in_words(level: str) -> str:
    """Return a risk level in words."""
    return str(_RISKS.get(level, _RISKS["UNKNOWN"]))


def place_of(site: str, camera: str | None) -> str:
    """Return a site and its camera, on one line."""
    return one_line(site) + (f", {one_line(camera)}" if camera else "")


def moment_of(moment: datetime, zone: ZoneInfo) -> dict[str, str]:
    """Return a time in the current language: its `day`, its `clock` to the second, its `zone`."""
    seen = local(moment, zone)
    return {
        "day": long_day(seen.date()),
        "clock": clock_to_the_second(seen),
        "zone": offset_name(moment, zone),
    }


def verification(confirmed: Confirmation | None, detected_at: datetime, zone: ZoneInfo) -> str:
    """Return the sentence about whether a detection was verified by a person."""
    if confirmed is None:
        return str(gettext("Automatic detection, not verified by a person."))
    at = local(confirmed.at, zone)
    person, clock = one_line(confirmed.person), at.strftime("%H:%M")
    if at.date() == local(detected_at, zone).date():
        return str(gettext("Confirmed by %(person)s at %(clock)s.", person=person, clock=clock))
    return str(
        gettext(
            "Confirmed by %(person)s on %(day)s at %(clock)s.",
            person=person,
            day=long_day(at.date()),
            clock=clock,
        )
    )


def sender_of(config: Config) -> dict[str, str | None]:
    """Return the sender of a mail, `sent_by`, and the contact, `contact`."""
    sent_by = (
        gettext("Sent by Vigint for %(organisation)s.", organisation=config.organisation)
        if config.organisation
        else gettext("Sent by Vigint (%(host)s).", host=urlsplit(config.base_url).netloc)
    )
    contact = config.contact
    return {
        "sent_by": str(sent_by),
        "contact": contact,
        "contact_url": contact_url(contact) if contact else None,
    }
