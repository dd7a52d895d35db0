"""Notify recipients directly, by a mail without video, when the server does not accept an alert."""

import datetime as dt
import logging
from collections.abc import Callable
from typing import Any

from vigint_client.config import MailSettings
from vigint_client.errors import ClientError, ConfigError
from vigint_client.spool_entry import Kept
from vigint_client.text_mail import compose_text_mail, send_text_mail

log = logging.getLogger("vigint_client")

FindMail = Callable[[], MailSettings | None]


def mail_directly(
    kept: Kept, why: ClientError, find_mail: FindMail, *, follows: bool
) -> list[str] | None:
    """Send the French text-only mail; return whom it reached, None without recipients.

    `follows`: the alert is spooled, and its video will follow in the server's own mail.
    """
    try:
        settings = find_mail()
        if settings is None:
            return None
        document = kept.posting.document
        named = document.get("recipients")
        recipients = settings.recipients if named is None else tuple(map(str, named))
        if not recipients:
            return None
        mail = compose_text_mail(
            str(document.get("message", "")),
            document["incident_data"],
            _moment(kept),
            _reason(why),
            alert_type=kept.alert_type,
            settings=settings,
            recipients=recipients,
            follows=follows and bool(kept.posting.batch.frames),
        )
        return send_text_mail(settings, mail, recipients)
    except Exception:
        log.exception("The text-only mail could not be written.")
        return []


def _moment(kept: Kept) -> dt.datetime:
    document = kept.posting.document
    stamps = [stamp for stamp in document.get("timestamps") or () if stamp is not None]
    for value in (document["incident_data"].get("detected_at"), *stamps[:1]):
        moment = _read_moment(value)
        if moment is not None:
            return moment
    return kept.called_at


def _read_moment(value: Any) -> dt.datetime | None:
    try:
        if isinstance(value, str):
            return dt.datetime.fromisoformat(value)
        if isinstance(value, (int, float)):
            return dt.datetime.fromtimestamp(value, dt.UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None


def _reason(why: ClientError) -> str:
    if isinstance(why, ConfigError):
        return "aucun serveur Vigint n’est configuré sur le détecteur."
    if why.status_code is None or why.status_code < 400:
        return "le serveur Vigint ne répond pas."
    return f"le serveur Vigint n’a pas accepté l’alerte (code {why.status_code})."
