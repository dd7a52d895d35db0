"""Compose alert mails and send them, by SMTP or into the outbox."""

import os
import re
import smtplib
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from email.charset import BASE64, Charset
from email.mime.base import MIMEBase
from email.mime.text import MIMEText
from pathlib import Path

from flask import current_app, render_template
from flask_babel import force_locale, format_date, format_datetime, gettext
from flask_mail import Connection, Message

from vigint_web.config import Config
from vigint_web.formats import local, megabytes, offset_name, wall_clock
from vigint_web.plain_text import one_line, paragraphs
from vigint_web.wording import failure_sentence

_TIMEOUT = 15.0  # seconds, for each step of SMTP
_GOODBYE = 2.0  # seconds, for the last one
_LONGEST_LINE = 900
OUTBOX = "outbox"
SMTP = "smtp"


class MailUndelivered(Exception):
    """Say why a mail was not accepted this time; trying again may help."""

    def __init__(self, sentence: str, *, unreachable: bool = False) -> None:
        super().__init__(sentence)
        # The server did not even listen: it says nothing about this mail.
        self.unreachable = unreachable


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
    locale: str = "fr"


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
    # None: the installation's.
    locale: str | None = None


class Letter(Message):
    """A mail whose bytes are made once: what is recorded is what was sent, boundaries included."""

    _bytes: bytes | None = None

    def as_bytes(self) -> bytes:
        """Return the message of RFC 5322, the same at every call."""
        if self._bytes is None:
            self._bytes = bytes(super().as_bytes())
        return self._bytes

    def _message(self) -> MIMEBase:
        """Return text and HTML as alternatives of each other, in nothing else."""
        whole: MIMEBase = super()._message()
        parts = whole.get_payload()
        inner = parts[0] if isinstance(parts, list) and len(parts) == 1 else None
        if isinstance(inner, MIMEBase):
            whole.set_payload(inner.get_payload())
            whole.set_type(inner.get_content_type())
        return whole

    def _mimetext(self, text: str | None, subtype: str = "plain") -> MIMEText:
        """Return a part; base64 where a line is longer than SMTP takes (RFC 5321, 4.5.3.1.6)."""
        written, charset = text or "", Charset("utf-8")
        longest = max(len(line.encode()) for line in written.split("\n"))
        # None: as it is, which typeshed does not know.
        charset.body_encoding = BASE64 if longest > _LONGEST_LINE else None  # type: ignore[assignment]  # see above
        return MIMEText(written, subtype, charset)  # type: ignore[arg-type]  # typeshed's gap


def compose_alert(facts: AlertMail, config: Config, locale: str | None = None) -> Letter:
    """Return the alert mail (contracts, section 8), text and HTML of equal content.

    Args:
        locale: None: the recipient's.
    """
    zone, facts = config.timezone, _harmless(facts, locale or facts.locale)
    with force_locale(facts.locale):
        seen = local(facts.detected_at, zone)
        shown = {
            "facts": facts,
            "locale": facts.locale,
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
        subject = gettext(
            "🚨 Vigint alert - %(kind)s - [%(risk)s]",
            kind=facts.incident_type,
            risk=facts.risk_level,
        )
        text = render_template("mail/alert.txt", **shown)
        html = render_template("mail/alert.html", **shown)
    return make_letter(
        config,
        recipient=facts.recipient,
        message_id=facts.message_id,
        subject=header_text(subject),
        text=text,
        html=html,
        headers={"X-Vigint-Incident": facts.reference},
    )


def _harmless(facts: AlertMail, locale: str) -> AlertMail:
    return replace(
        facts,
        locale=locale,
        alert_type=one_line(facts.alert_type, 40),
        incident_type=one_line(facts.incident_type),
        risk_level=one_line(facts.risk_level),
        site=one_line(facts.site),
        camera=one_line(facts.camera) if facts.camera else None,
        message=paragraphs(facts.message),
        analysis=paragraphs(facts.analysis),
    )


def make_letter(
    config: Config,
    *,
    recipient: str,
    message_id: str,
    subject: str,
    text: str,
    html: str,
    headers: Mapping[str, str],
) -> Letter:
    """Return a mail that no person answers and no program should."""
    message = Letter(
        subject=subject,
        recipients=[recipient],
        body=text,
        html=html,
        sender=config.email.sender,
        date=time.time(),
        charset="utf-8",
        extra_headers={"Auto-Submitted": "auto-generated", **headers},
    )
    message.msgId = message_id
    return message


def compose_shared(facts: LinkMail, config: Config) -> Letter:
    """Return the mail that brings somebody a link."""
    with force_locale(facts.locale or config.default_locale):
        subject = gettext("%(sharer)s shares a video with you", sharer=facts.sharer)
        return _about_link("shared", subject, facts, config)


def compose_played(facts: LinkMail, config: Config) -> Letter:
    """Return the mail that tells a sharer of the first use of a link."""
    with force_locale(facts.locale or config.default_locale):
        subject = gettext("The link sent to %(recipient)s was used", recipient=facts.link_recipient)
        return _about_link("played", subject, facts, config)


def _about_link(template: str, subject: str, facts: LinkMail, config: Config) -> Letter:
    def told(moment: datetime | None) -> str:
        if moment is None:
            return ""
        seen = local(moment, config.timezone).replace(tzinfo=None)
        clock = format_datetime(seen, "d MMMM yyyy, HH:mm", rebase=False)
        return f"{clock} ({offset_name(moment, config.timezone)})"

    facts = replace(
        facts,
        about=one_line(facts.about),
        note=paragraphs(facts.note),
        sharer=one_line(facts.sharer),
    )
    shown = {
        "facts": facts,
        "locale": facts.locale or config.default_locale,
        "starts": told(facts.not_before),
        "expiry": told(facts.expires_at),
        "played": told(facts.played_at),
    }
    return make_letter(
        config,
        recipient=facts.recipient,
        message_id=facts.message_id,
        subject=header_text(subject),
        text=render_template(f"mail/{template}.txt", **shown),
        html=render_template(f"mail/{template}.html", **shown),
        headers={},
    )


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
    except (smtplib.SMTPException, OSError) as error:
        # About the server, its certificate or the password: settings that may be mended.
        raise MailUndelivered(_said(error), unreachable=True) from None
    try:
        connection.send(message)
    except smtplib.SMTPRecipientsRefused as error:
        code, said = next(iter(error.recipients.values()))
        raise _verdict(code, said) from None
    except smtplib.SMTPDataError as error:
        raise _verdict(error.smtp_code, error.smtp_error) from None
    except smtplib.SMTPResponseException as error:
        # About our own address: a setting that may be mended.
        raise MailUndelivered(_said(error)) from None
    except (smtplib.SMTPException, OSError) as error:
        raise MailUndelivered(_said(error)) from None
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
            # Now and not with the mail: whoever does not answer this says nothing about that.
            host.ehlo_or_helo_if_needed()
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


def _said(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return _sentence(error.smtp_code, error.smtp_error)
    return f"{type(error).__name__}: {error}"[:300]


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


def header_text(text: str) -> str:
    """Return a text as it may stand in a header."""
    # Whoever writes an encoded word themselves (RFC 2047) has it shown, not decoded.
    return one_line(text, 200).replace("=?", "= ?")
