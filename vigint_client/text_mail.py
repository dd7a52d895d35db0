"""The French text-only mail that is sent directly when the server cannot be reached."""

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
from vigint_client.mail_headers import WholeWords
from vigint_client.smtp import SUBMISSIONS_PORT, Patience, PatientSMTP, PatientSMTPS

log = logging.getLogger("vigint_client")

# The total time in seconds for transmitting a mail, which a detector waits for. After that its
# answer is waited for as long as RFC 5321 says, because a shorter timeout sends a second copy.
LONGEST = 60.0
_GOODBYE = Patience(command=2.0)
_MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin",
    "juillet", "août", "septembre", "octobre", "novembre", "décembre",
)  # fmt: skip
_DETAILS = (
    ("risk_level", "Niveau de risque"),
    ("frame_count", "Numéro d'image"),
    ("confidence", "Confiance"),
    ("analysis", "Analyse IA"),
)

# As in the server's mail.
_TEST = (
    "TEST\N{NO-BREAK SPACE}: ceci est une alerte d’essai, pas un incident. Il n’y a rien à faire."
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
            "Les images sont conservées sur le détecteur\N{NO-BREAK SPACE}: un second e-mail "
            "donnera le lien de la vidéo dès que le serveur les aura reçues."
        )
    subject = _subject(incident_data, alert_type)
    if incident_data.get("test") is True:
        lines, subject = [_TEST, "", *lines], f"TEST – {subject}"
    mail = EmailMessage(policy=WholeWords())
    mail["Subject"] = subject
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
    """Send a mail to the SMTP server; return the recipients it accepted, maybe none.

    The server's certificate is verified. Network failures are logged, not raised.
    """

    def send(handing_over: Callable[[], None]) -> list[str]:
        reached: list[str] | None = None
        try:
            with _connected(settings, make_context, handing_over) as smtp:
                if settings.username and settings.password:
                    smtp.login(settings.username, settings.password)
                refused = smtp.send_message(mail, settings.sender, list(recipients))
                reached = [recipient for recipient in recipients if recipient not in refused]
                smtp.patience = _GOODBYE
        except (OSError, smtplib.SMTPException):
            # Accepted recipients stay accepted, whatever the answer to QUIT.
            if reached is None:
                raise
        return reached

    try:
        return _Sending(send).wait(LONGEST)
    except (OSError, smtplib.SMTPException, UnicodeError) as why:
        # The text of an SMTP answer may repeat the request, so only its type is logged.
        log.error(
            "The text-only mail could not be sent by %s:%d (%s): check VIGINT_SMTP_SERVER, "
            "VIGINT_SMTP_PORT, VIGINT_SMTP_USE_TLS and the account.",
            settings.server, settings.port, type(why).__name__,
        )  # fmt: skip
        return []


class _Sending:
    """One attempt in a thread of its own, because name resolution has no timeout."""

    def __init__(self, work: Callable[[Callable[[], None]], list[str]]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._given_up = self._handed_over = False
        self._results: list[list[str]] = []
        self._failures: list[Exception] = []

    def wait(self, seconds: float) -> list[str]:
        """Return the result, or raise TimeoutError, after which nothing is sent.

        A mail that was transmitted in time is waited for as long as necessary.
        """
        thread = threading.Thread(target=self._run, name="vigint-mail", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            # The interpreter is ending and cannot start a thread.
            return self._work(lambda: None)
        thread.join(seconds)
        with self._lock:
            self._given_up = thread.is_alive() and not self._handed_over
        if not self._given_up:
            thread.join()
        if self._failures:
            raise self._failures[0]
        if not self._results:
            raise TimeoutError
        return self._results[0]

    def _run(self) -> None:
        try:
            self._results.append(self._work(self._hand_over))
        except Exception as why:
            self._failures.append(why)

    def _hand_over(self) -> None:
        with self._lock:
            if self._given_up:
                raise TimeoutError
            self._handed_over = True


def local_moment(moment: dt.datetime, timezone: str) -> dt.datetime:
    """Return a time in the configured zone, which is also assumed for one without offset."""
    try:
        zone: dt.tzinfo | None = zoneinfo.ZoneInfo(timezone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        zone = None
    if moment.tzinfo is None:
        return moment.replace(tzinfo=zone) if zone else moment.astimezone()
    return moment.astimezone(zone)


def _connected(
    settings: MailSettings,
    make_context: Callable[[], ssl.SSLContext],
    handing_over: Callable[[], None],
) -> PatientSMTP | PatientSMTPS:
    server, port = settings.server, settings.port
    if settings.use_tls and port == SUBMISSIONS_PORT:
        return PatientSMTPS(server, port, context=make_context(), handing_over=handing_over)
    smtp = PatientSMTP(server, port, handing_over=handing_over)
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
    return f"{subject} - [{_told('risk_level', risk)}]" if risk else subject


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
        f"{lead}{_day(local)} à {local:%H:%M:%S} ({_zone(local)}). "
        "Détection automatique, non vérifiée par une personne.",
        "",
        "🚨 ALERTE SYSTÈME VIGINT",
        f"Type d'alerte: {_one_line(alert_type).upper()}",
        f"Horodatage: {local:%Y-%m-%dT%H:%M:%S}",
        *message.splitlines(),
    ]
    details = [
        f"{label}: {_told(key, data[key])}"
        for key, label in _DETAILS
        if data.get(key) is not None and data.get(key) != ""
    ]
    if details:
        lines += ["", "DÉTAILS DE L'INCIDENT:", *details]
    return [*lines, "", f"⚠️ Vidéo non disponible\N{NO-BREAK SPACE}: {reason}"]


def _day(local: dt.datetime) -> str:
    """Return a date in French format."""
    number = "1er" if local.day == 1 else str(local.day)
    return f"{number} {_MONTHS[local.month - 1]} {local.year}"


def _zone(local: dt.datetime) -> str:
    """Return the zone as in the server's mail: its offset, and its name if it has one."""
    offset = f"{local:%z}"
    name = getattr(local.tzinfo, "key", None)
    return f"UTC{offset[:3]}:{offset[3:5]}" + (f", {name}" if name else "")


def _told(key: str, value: object) -> str:
    text = _one_line(value)
    # Values that programs send without a risk, in the words of the server's mail.
    return "non précisé" if key == "risk_level" and text.upper() == "UNKNOWN" else text


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
