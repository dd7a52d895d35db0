"""Compose alert mails and send them, by SMTP or into the outbox."""

import os
import re
import smtplib
import ssl
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from flask import current_app, render_template
from flask_babel import force_locale, format_date, format_datetime, gettext
from flask_mail import Connection, Message

from vigint_web.config import Config
from vigint_web.formats import local, megabytes, offset_name, wall_clock
from vigint_web.wording import failure_sentence

_TIMEOUT = 15.0  # seconds, for each step of SMTP
_GOODBYE = 2.0  # seconds, for the last one
OUTBOX = "outbox"
SMTP = "smtp"


class MailUndelivered(Exception):
    """Say why a mail was not accepted this time; trying again may help."""


class MailRefused(Exception):
    """Say why a mail was refused for good."""


@dataclass(frozen=True)
class ClipFacts:
    """What a mail says of the video behind its link."""

    url: str
    video_id: str
    size: int
    expires_at: datetime
    hours: int
    pace_known: bool


@dataclass(frozen=True)
class AlertMail:
    """Everything an alert mail tells."""

    recipient: str
    message_id: str
    reference: str
    alert_type: str
    incident_type: str
    risk_level: str
    message: str
    site: str
    camera: str | None
    detected_at: datetime
    zone_assumed: bool
    frame_count: int | None
    confidence: float | None
    analysis: str
    clip: ClipFacts | None
    failure_code: str | None


@dataclass(frozen=True)
class LinkMail:
    """Everything that a mail about a shared link tells."""

    recipient: str
    message_id: str
    url: str
    sharer: str
    link_recipient: str
    about: str
    note: str
    not_before: datetime | None
    expires_at: datetime | None
    max_views: int | None
    played_at: datetime | None


class Letter(Message):
    """A mail whose bytes are made once: what is recorded is what was sent, boundaries included."""

    _bytes: bytes | None = None

    def as_bytes(self) -> bytes:
        """Return the message of RFC 5322, the same at every call."""
        if self._bytes is None:
            self._bytes = bytes(super().as_bytes())
        return self._bytes


def compose_alert(facts: AlertMail, config: Config) -> Letter:
    """Return the French alert mail (contracts, section 8), text and HTML of equal content."""
    zone = config.timezone
    with force_locale("fr"):
        seen = local(facts.detected_at, zone)
        shown = {
            "facts": facts,
            "clip": facts.clip,
            "day": format_date(seen.date(), "d MMMM yyyy"),
            "clock": seen.strftime("%H:%M:%S"),
            "zone": offset_name(facts.detected_at, zone),
            "stamp": wall_clock(facts.detected_at, zone),
            "confidence": "–" if facts.confidence is None else f"{facts.confidence:.2f}",
            "size": megabytes(facts.clip.size) if facts.clip else "",
            "expiry": wall_clock(facts.clip.expires_at, zone) if facts.clip else "",
            "failure": failure_sentence(facts.failure_code) if facts.failure_code else "",
        }
        text = render_template("mail/alert.txt", **shown)
        html = render_template("mail/alert.html", **shown)
    message = Letter(
        subject=_header(f"🚨 Alerte Vigint - {facts.incident_type} - [{facts.risk_level}]"),
        recipients=[facts.recipient],
        body=text,
        html=html,
        sender=config.email.sender,
        date=time.time(),
        charset="utf-8",
        extra_headers={"Auto-Submitted": "auto-generated", "X-Vigint-Incident": facts.reference},
    )
    message.msgId = facts.message_id
    return message


def compose_shared(facts: LinkMail, config: Config) -> Letter:
    """Return the mail that brings somebody a link."""
    with force_locale(config.default_locale):
        subject = gettext("%(sharer)s shares a video with you", sharer=facts.sharer)
        return _about_link("shared", subject, facts, config)


def compose_played(facts: LinkMail, config: Config) -> Letter:
    """Return the mail that tells a sharer of the first use of a link."""
    with force_locale(config.default_locale):
        subject = gettext("The link sent to %(recipient)s was used", recipient=facts.link_recipient)
        return _about_link("played", subject, facts, config)


def _about_link(template: str, subject: str, facts: LinkMail, config: Config) -> Letter:
    def told(moment: datetime | None) -> str:
        if moment is None:
            return ""
        seen = local(moment, config.timezone).replace(tzinfo=None)
        clock = format_datetime(seen, "d MMMM yyyy, HH:mm", rebase=False)
        return f"{clock} ({offset_name(moment, config.timezone)})"

    shown = {
        "facts": facts,
        "starts": told(facts.not_before),
        "expiry": told(facts.expires_at),
        "played": told(facts.played_at),
    }
    message = Letter(
        subject=_header(subject),
        recipients=[facts.recipient],
        body=render_template(f"mail/{template}.txt", **shown),
        html=render_template(f"mail/{template}.html", **shown),
        sender=config.email.sender,
        date=time.time(),
        charset="utf-8",
        extra_headers={"Auto-Submitted": "auto-generated"},
    )
    message.msgId = facts.message_id
    return message


def send(message: Message, config: Config) -> str:
    """Hand a mail to the SMTP server, or write it to the outbox; return which.

    Raises:
        MailRefused: refused for good.
        MailUndelivered: not accepted this time.
    """
    if config.email.server is None:
        _write_to_outbox(message, config.outbox_dir)
        return OUTBOX
    connection = _Connection(current_app.extensions["mail"])
    try:
        connection.host = connection.configure_host()
        connection.send(message)
    except smtplib.SMTPRecipientsRefused as error:
        code, said = next(iter(error.recipients.values()))
        raise _verdict(code, said) from None
    except smtplib.SMTPDataError as error:
        raise _verdict(error.smtp_code, error.smtp_error) from None
    except smtplib.SMTPResponseException as error:
        # About the server, the password or our own address: settings that may be mended.
        raise MailUndelivered(_sentence(error.smtp_code, error.smtp_error)) from None
    except (smtplib.SMTPException, OSError) as error:
        raise MailUndelivered(f"{type(error).__name__}: {error}"[:300]) from None
    finally:
        connection.part()
    return SMTP


class _Connection(Connection):
    """Connect with time-outs and a checked certificate, neither of which Flask-Mail has."""

    def configure_host(self) -> smtplib.SMTP:
        settings = self.mail
        context = ssl.create_default_context()
        host: smtplib.SMTP
        if settings.use_ssl:
            host = smtplib.SMTP_SSL(
                settings.server, settings.port, timeout=_TIMEOUT, context=context
            )
        else:
            host = smtplib.SMTP(settings.server, settings.port, timeout=_TIMEOUT)
        try:
            if settings.use_tls:
                host.starttls(context=context)
            if settings.username and settings.password:
                host.login(settings.username, settings.password)
        except BaseException:
            host.close()
            raise
        return host

    def part(self) -> None:
        """Say goodbye; the mail is accepted or not by now, whatever is answered to that."""
        if self.host is not None:
            try:
                if self.host.sock is not None:
                    self.host.sock.settimeout(_GOODBYE)
                self.host.quit()
            except (smtplib.SMTPException, OSError):
                self.host.close()


def _verdict(code: int, said: bytes | str) -> MailRefused | MailUndelivered:
    # RFC 5321, 4.2.1: 5yz is a permanent negative completion, 4yz a transient one.
    sentence = _sentence(code, said)
    return MailRefused(sentence) if 500 <= code < 600 else MailUndelivered(sentence)


def _sentence(code: int, said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return f"{code} {text}"[:300]


def _write_to_outbox(message: Message, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = re.sub(r"[^A-Za-z0-9.-]", "", message.msgId.split("@")[0])
    draft = folder / f".{name}.{os.getpid()}"
    try:
        with draft.open("wb") as file:
            file.write(message.as_bytes())
            file.flush()
            os.fsync(file.fileno())
        # The same mail over all attempts: one file, however often it is written.
        draft.replace(folder / f"{name}.eml")
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise MailUndelivered(f"The outbox cannot be written: {error.strerror}") from None


def _header(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f]+", " ", text).strip()[:200]
