"""Determine the language of a recipient's mails."""

from sqlalchemy import select

from vigint_web.extensions import db
from vigint_web.models import Site, User
from vigint_web.services.core.runtime import config
from vigint_web.services.core.site_settings import locale_of

# The language of alert mails unless another one is known for the recipient.
_ALERTS = "fr"


def known_locale(address: str) -> str | None:
    """Return a user's choice, else the setting for their address or domain."""
    address = address.lower()
    chosen = db.session.scalar(select(User.locale).where(User.email == address))
    configured = dict(config().email.locales)
    return chosen or configured.get(address) or configured.get(f"@{address.rpartition('@')[2]}")


def mail_locale(address: str, site: Site | None) -> str:
    """Return the language of an alert mail about a site to an address."""
    own = locale_of(site) if site is not None else None
    return known_locale(address) or own or _ALERTS
