"""Compose the mails about an account: invitations, password resets, notices."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from flask_babel import LazyString, force_locale
from flask_babel import lazy_gettext as _

from vigint_web.config.config import Config
from vigint_web.i18n.formats import day_and_minute
from vigint_web.mail.messages import OutgoingMail, composed
from vigint_web.models import AccountMailPurpose


@dataclass(frozen=True)
class AccountMailFacts:
    """The content of a mail about an account."""

    recipient: str
    purpose: AccountMailPurpose
    locale: str
    message_id: str
    # None: a notice without a link.
    url: str | None
    expires_at: datetime
    base_url: str


@dataclass(frozen=True)
class _Words:
    subject: LazyString
    sentence: LazyString
    button: LazyString | None
    otherwise: LazyString


_WORDS = {
    AccountMailPurpose.INVITATION: _Words(
        subject=_("Your invitation to Vigint"),
        sentence=_(
            "You were given access to the security videos of %(host)s. Choose a password to open"
            " your account."
        ),
        button=_("Choose a password"),
        otherwise=_("Not expecting this? Ignore this mail: no one can log in without a password."),
    ),
    AccountMailPurpose.PASSWORD_RESET: _Words(
        subject=_("A new password for Vigint"),
        sentence=_("Someone, probably you, asked for a new password for your account at %(host)s."),
        button=_("Choose a new password"),
        otherwise=_("Not you? Ignore this mail: your password stays as it is."),
    ),
    AccountMailPurpose.PASSWORD_CHANGED: _Words(
        subject=_("Your Vigint password was changed"),
        sentence=_(
            "The password of your account at %(host)s was changed, and your other sessions were"
            " ended."
        ),
        button=None,
        otherwise=_("Not you? Tell the administrator of this installation at once."),
    ),
    AccountMailPurpose.TWO_FACTOR_RESET: _Words(
        subject=_("Your second factor for Vigint was removed"),
        sentence=_(
            "An administrator removed the second factor of your account at %(host)s, and your"
            " sessions were ended. You can set it up again after your next login."
        ),
        button=None,
        otherwise=_("Not you? Tell the administrator of this installation at once."),
    ),
}


def compose_account_mail(facts: AccountMailFacts, config: Config) -> OutgoingMail:
    """Return a mail in its recipient's language, text and HTML of equal content."""
    words, zone = _WORDS[facts.purpose], config.timezone
    with force_locale(facts.locale):
        subject = str(words.subject)
        return composed(
            "account",
            facts,
            config,
            subject=subject,
            locale=facts.locale,
            sentence=str(words.sentence) % {"host": urlsplit(facts.base_url).netloc},
            button=str(words.button or ""),
            otherwise=str(words.otherwise),
            until=day_and_minute(facts.expires_at, zone),
        )
