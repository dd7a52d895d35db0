"""Translate the stored reason of a failed delivery to the reader's language.

A code of ours, perhaps with what it names after a colon. All else is what a mail server or another
program answered: repeated as it came, in whatever language that is.
"""

from collections.abc import Mapping

from flask_babel import LazyString
from flask_babel import lazy_gettext as _

from vigint_web.i18n.sentences import RECIPIENTS, recipient_sentence

_SENTENCES: Mapping[str, LazyString] = {
    # The mail or the call was obsolete.
    "link_gone": _("The link was revoked or deleted before the mail could be sent."),
    "subject_gone": _("What it was about no longer exists."),
    "incident_gone": _("What it is about was deleted before the mail could be sent."),
    "incident_confidential": _("The incident is confidential, and does not name this recipient."),
    "delivered_meanwhile": _("Everything was delivered in the meantime."),
    "webhook_gone": _("This webhook is no longer configured."),
    "video_gone": _("The video was deleted before the call could be made."),
    "source_gone": _("The source was deleted before the call could be made."),
    "dropped_after_restore": _("It waited in a backup, and was not sent after the restore."),
    # It could not be sent.
    "interrupted": _("Every attempt was interrupted, for a whole day."),
    "impossible_address": _("No mailbox can have this address. Correct it in the settings."),
    "no_smtputf8": _(
        "The mail server accepts only addresses with letters from a to z (no SMTPUTF8, RFC 6531)."
    ),
    "outbox_unwritable": _("The outbox cannot be written: %(fact)s"),
    # The receiver did not accept it.
    "too_slow": _("The whole call took too long."),
    "answered": _("It answered %(fact)s."),
    "redirected": _("It answered %(fact)s: redirects are not followed, name the new address."),
    "private_address": _(
        "%(fact)s is an address of this machine or of a private network; [Webhook] allow_private "
        "would allow it."
    ),
    "name_unanswered": _("The name server did not say in time where %(fact)s is."),
    "name_unknown": _("%(fact)s is not known to the name server."),
    "no_link": _("It answered without a link."),
    "video_deleted": _("The video was deleted."),
    "clip_unreadable": _("The clip cannot be read: %(fact)s"),
    "host_silent": _("It did not answer in time."),
}


def delivery_sentence(kept: str | None) -> str:
    """Return why a delivery failed; empty if no reason is stored."""
    code, _colon, fact = (kept or "").partition(":")
    if code in _SENTENCES:
        return str(_SENTENCES[code]) % {"fact": fact}
    return str(recipient_sentence(code)) if code in RECIPIENTS else kept or ""
