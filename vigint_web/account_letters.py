"""Compose the mails about an account: invitations, password resets, notices."""

import time
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from babel.dates import format_datetime
from flask import render_template
from flask_babel import LazyString, force_locale
from flask_babel import lazy_gettext as _

from vigint_web.config import Config
from vigint_web.formats import local, offset_name
from vigint_web.mail import Letter
from vigint_web.models import AccountMailPurpose


@dataclass(frozen=True)
class AccountLetter:
    """Everything a mail about an account tells."""

    recipient: str
    purpose: AccountMailPurpose
    locale: str
    message_id: str
    # Null: a notice, which opens nothing.
    url: str | None
    expires_at: datetime
    base_url: str


@dataclass(frozen=True)
class _Words:
    subject: LazyString
    said: LazyString
    button: LazyString | None
    otherwise: LazyString


_WORDS = {
    AccountMailPurpose.INVITATION: _Words(
        subject=_("Your invitation to Vigint"),
        said=_(
            "You were given access to the security videos of %(host)s. Choose a password to open"
            " your account."
        ),
        button=_("Choose a password"),
        otherwise=_(
            "You did not expect this? Ignore this mail: without a password nobody gets in."
        ),
    ),
    AccountMailPurpose.PASSWORD_RESET: _Words(
        subject=_("A new password for Vigint"),
        said=_("Somebody, probably you, asked for a new password for your account at %(host)s."),
        button=_("Choose a new password"),
        otherwise=_("It was not you? Ignore this mail: your password stays as it is."),
    ),
    AccountMailPurpose.PASSWORD_CHANGED: _Words(
        subject=_("Your Vigint password was changed"),
        said=_(
            "The password of your account at %(host)s was changed, and your other sessions were"
            " ended."
        ),
        button=None,
        otherwise=_("It was not you? Tell the administrator of this installation at once."),
    ),
    AccountMailPurpose.TWO_FACTOR_RESET: _Words(
        subject=_("Your second factor for Vigint was removed"),
        said=_(
            "An administrator removed the second factor of your account at %(host)s, and your"
            " sessions were ended. You can set it up again after your next login."
        ),
        button=None,
        otherwise=_("It was not you? Tell the administrator of this installation at once."),
    ),
}


def compose_account_mail(facts: AccountLetter, config: Config) -> Letter:
    """Return a mail in its recipient's language, text and HTML of equal content."""
    words, zone = _WORDS[facts.purpose], config.timezone
    with force_locale(facts.locale):
        subject = str(words.subject)
        moment = format_datetime(
            local(facts.expires_at, zone), "d MMMM yyyy, HH:mm", locale=facts.locale
        )
        shown = {
            "facts": facts,
            "locale": facts.locale,
            "subject": subject,
            "said": str(words.said) % {"host": urlsplit(facts.base_url).netloc},
            "button": str(words.button or ""),
            "otherwise": str(words.otherwise),
            "until": f"{moment} ({offset_name(facts.expires_at, zone)})",
        }
        text = render_template("mail/account.txt", **shown)
        html = render_template("mail/account.html", **shown)
    message = Letter(
        subject=subject,
        recipients=[facts.recipient],
        body=text,
        html=html,
        sender=config.email.sender,
        date=time.time(),
        charset="utf-8",
        extra_headers={"Auto-Submitted": "auto-generated"},
    )
    message.msgId = facts.message_id
    return message
