"""The French text-only mail that goes out directly when the server cannot be reached."""

import datetime as dt
import email.errors
import email.utils
import html
import logging
import smtplib
import ssl
import threading
import zoneinfo
from collections.abc import Callable, Mapping, Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any

from vigint_client.config import MailSettings

log = logging.getLogger("vigint_client")

TIMEOUT = 15.0  # for each step
LONGEST = 60.0  # for all together: a server that drips never times out
SUBMISSIONS_PORT = 465
_DETAILS = (
    ("risk_level", "Niveau de risque"),
    ("frame_count", "Numéro d'image"),
    ("confidence", "Confiance"),
    ("analysis", "Analyse IA"),
)


def compose_text_mail(
    message: str,
    incident_data: Mapping[str, Any],
    moment: dt.datetime,
    reason: str,
    *,
    alert_type: str,
    settings: MailSettings,
    recipients: Sequence[str],
    follows: bool = False,
) -> EmailMessage:
    """Return the alert's mail without a video; `reason` is one French sentence.

    `follows`: the frames are kept, and the server will mail the video's link.
    """
    lines = _lines(
        message, incident_data, local_moment(moment, settings.timezone), reason, alert_type
    )
    if follows:
        lines.append(
            "Les images sont conservées sur le détecteur: un second message donnera le lien de la "
            "vidéo dès que le serveur les aura reçues."
        )
    mail = EmailMessage()
    mail["Subject"] = _subject(incident_data, alert_type)
    mail["From"] = _one_line(settings.sender)
    mail["To"] = ", ".join(_one_line(recipient) for recipient in recipients)
    mail["Date"] = email.utils.format_datetime(dt.datetime.now(dt.UTC))
    mail["Message-ID"] = email.utils.make_msgid(domain=_domain(settings.sender))
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("\n".join(lines) + "\n", cte="quoted-printable")
    mail.add_alternative(_html(lines), subtype="html", cte="quoted-printable")
    return mail


def send_text_mail(
    settings: MailSettings,
    mail: EmailMessage,
    recipients: Sequence[str],
    make_context: Callable[[], ssl.SSLContext] = ssl.create_default_context,
) -> list[str]:
    """Hand a mail to the SMTP server; return the recipients it accepted, maybe none.

    The server's certificate is verified. Network failures are logged, not raised.
    """

    def send() -> list[str]:
        reached: list[str] | None = None
        try:
            with _connected(settings, make_context) as smtp:
                if settings.username and settings.password:
                    smtp.login(settings.username, settings.password)
                refused = smtp.send_message(mail, settings.sender, list(recipients))
                reached = [recipient for recipient in recipients if recipient not in refused]
        except (OSError, smtplib.SMTPException):
            # What was accepted stays accepted, however the goodbye went.
            if reached is None:
                raise
        return reached

    try:
        return _within(LONGEST, send)
    except (OSError, smtplib.SMTPException, UnicodeError) as why:
        # The text of an SMTP answer may repeat what was sent, so only its kind is logged.
        log.error(
            "The text-only mail could not be sent by %s:%d (%s): check VIGINT_SMTP_SERVER, "
            "VIGINT_SMTP_PORT, VIGINT_SMTP_USE_TLS and the account.",
            settings.server, settings.port, type(why).__name__,
        )  # fmt: skip
        return []


def _within(seconds: float, work: Callable[[], list[str]]) -> list[str]:
    """Return what work returns, or raise TimeoutError: names are looked up without a time-out."""
    results: list[list[str]] = []
    failures: list[Exception] = []

    def run() -> None:
        try:
            results.append(work())
        except Exception as why:
            failures.append(why)

    thread = threading.Thread(target=run, name="vigint-mail", daemon=True)
    try:
        thread.start()
    except RuntimeError:
        # The interpreter is ending and starts no thread any more.
        return work()
    thread.join(seconds)
    if failures:
        raise failures[0]
    if not results:
        raise TimeoutError
    return results[0]


def local_moment(moment: dt.datetime, timezone: str) -> dt.datetime:
    """Return a moment in the configured zone; one without offset is taken to be in it."""
    try:
        zone: dt.tzinfo | None = zoneinfo.ZoneInfo(timezone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        zone = None
    if moment.tzinfo is None:
        return moment.replace(tzinfo=zone) if zone else moment.astimezone()
    return moment.astimezone(zone)


def _connected(settings: MailSettings, make_context: Callable[[], ssl.SSLContext]) -> smtplib.SMTP:
    if settings.use_tls and settings.port == SUBMISSIONS_PORT:
        return smtplib.SMTP_SSL(
            settings.server, settings.port, timeout=TIMEOUT, context=make_context()
        )
    smtp = smtplib.SMTP(settings.server, settings.port, timeout=TIMEOUT)
    if settings.use_tls:
        try:
            smtp.starttls(context=make_context())
        except BaseException:
            smtp.close()
            raise
    return smtp


def _subject(data: Mapping[str, Any], alert_type: str) -> str:
    subject = f"🚨 Alerte Vigint - {_one_line(data.get('incident_type') or alert_type)}"
    risk = data.get("risk_level")
    return f"{subject} - [{_one_line(risk)}]" if risk else subject


def _lines(
    message: str,
    data: Mapping[str, Any],
    local: dt.datetime,
    reason: str,
    alert_type: str,
) -> list[str]:
    where = ", ".join(_one_line(data[key]) for key in ("site", "camera") if data.get(key))
    lead = f"{where}, le " if where else "Le "
    lines = [
        f"{lead}{local:%d/%m/%Y} à {local:%H:%M:%S} ({local.tzname()}): "
        "Détection automatique, non vérifiée par une personne.",
        "",
        "🚨 ALERTE SYSTÈME VIGINT",
        f"Type d'alerte: {_one_line(alert_type).upper()}",
        f"Horodatage: {local:%Y-%m-%dT%H:%M:%S}",
        *message.splitlines(),
    ]
    details = [
        f"{label}: {_one_line(data[key])}"
        for key, label in _DETAILS
        if data.get(key) is not None and data.get(key) != ""
    ]
    if details:
        lines += ["", "DÉTAILS DE L'INCIDENT:", *details]
    return [*lines, "", f"⚠️ Vidéo non disponible: {reason}"]


def _html(lines: Sequence[str]) -> str:
    body = "".join(f"<p>{html.escape(line)}</p>\n" for line in lines if line)
    return f'<!DOCTYPE html>\n<html lang="fr"><body>\n{body}</body></html>\n'


def _one_line(value: object) -> str:
    return " ".join(str(value).encode("utf-8", "replace").decode().split())


def _domain(address: str) -> str:
    try:
        return Address(addr_spec=email.utils.parseaddr(address)[1]).domain or "localhost"
    except (ValueError, IndexError, email.errors.MessageError):
        return "localhost"
