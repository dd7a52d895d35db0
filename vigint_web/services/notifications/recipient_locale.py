"""Know in which language somebody reads their mails."""

from sqlalchemy import select

from vigint_web.extensions import db
from vigint_web.models import User
from vigint_web.services.core.runtime import config

# What the alert mail is written in unless somebody is known to read another language.
_ALERTS = "fr"


def known_locale(address: str) -> str | None:
    """Return what a person chose, else what is configured for their address or their domain."""
    address = address.lower()
    chosen = db.session.scalar(select(User.locale).where(User.email == address))
    configured = dict(config().email.locales)
    return chosen or configured.get(address) or configured.get(f"@{address.rpartition('@')[2]}")


def mail_locale(address: str) -> str:
    """Return the language of an alert mail to an address."""
    return known_locale(address) or _ALERTS
