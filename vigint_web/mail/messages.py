"""Compose alert mails and send them, by SMTP or into the outbox."""

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from email.charset import BASE64, Charset
from email.headerregistry import Address
from email.mime.base import MIMEBase
from email.mime.text import MIMEText
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from flask import current_app, render_template
from flask_babel import force_locale, gettext
from flask_mail import Message

from vigint_client.mail_headers import WholeWords
from vigint_web.config.config import Config
from vigint_web.config.values import is_mailbox
from vigint_web.i18n.formats import day_and_minute, megabytes, wall_clock
from vigint_web.i18n.sentences import failure_sentence, risk_words
from vigint_web.mail import smtp
from vigint_web.mail.sanitize import one_line, paragraphs
from vigint_web.mail.smtp import MailRefused, MailUndelivered, Progress
from vigint_web.mail.words import (
    Confirmation,
    moment_of,
    place_of,
    risk_in_words,
    sender_of,
    verification,
)
from vigint_web.net.mail_reach import reachable
from vigint_web.system.private_files import private_file, private_folder

__all__ = ["MailRefused", "MailUndelivered"]

_LONGEST_LINE = 900
OUTBOX = "outbox"
SMTP = "smtp"


@dataclass(frozen=True)
class ClipFacts:
    """The facts about the video of a mail's link."""

    url: str
    video_id: str
    size: int
    expires_at: datetime
    hours: int
    pace_known: bool


@dataclass(frozen=True)
class AlertMail:
    """The content of an alert mail."""

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
    # None: not reviewed by a person yet.
    confirmed: Confirmation | None = None
    # That of its times; None: the installation's.
    zone: ZoneInfo | None = None
    is_test: bool = False


@dataclass(frozen=True)
class LinkMail:
    """The content of a mail about a shared link."""

    recipient: str
    message_id: str
    url: str
    sharer: str
    link_recipient: str
    # The content of the video: an incident's type, a source's name.
    about: str
    note: str
    not_before: datetime | None
    expires_at: datetime | None
    max_views: int | None
    played_at: datetime | None
    # None: the installation's.
    locale: str | None = None
    place: str = ""
    reference: str = ""
    # Of an incident.
    detected_at: datetime | None = None
    confirmed: Confirmation | None = None
    # That of its times; None: the installation's.
    zone: ZoneInfo | None = None
    is_test: bool = False


class OutgoingMail(Message):
    """A mail that is serialized once: the recorded bytes are those sent, boundaries included."""

    progress: Progress | None = None
    _bytes: bytes | None = None

    def as_bytes(self) -> bytes:
        """Return the message of RFC 5322, the same at every call."""
        if self._bytes is None:
            self._bytes = bytes(super().as_bytes())
        return self._bytes

    def _message(self) -> MIMEBase:
        """Return text and HTML as alternatives, without an outer part."""
        whole = self._addressed()
        # Flask-Mail has encoded them; only unencoded ones are folded between words.
        whole.replace_header("From", str(self.sender))
        if self.subject is not None:
            whole.replace_header("Subject", self.subject)
        parts = whole.get_payload()
        inner = parts[0] if isinstance(parts, list) and len(parts) == 1 else None
        if isinstance(inner, MIMEBase):
            whole.set_payload(inner.get_payload())
            whole.set_type(inner.get_content_type())
        return whole

    def _addressed(self) -> MIMEBase:
        """Return Flask-Mail's message; with headers in UTF-8 if an address needs it (RFC 6532)."""
        recipients = self.recipients
        if all(str(address).isascii() for address in recipients):
            whole: MIMEBase = super()._message()
            whole.policy = WholeWords(linesep="\r\n")
            return whole
        self.recipients = ["not-written@example.com"]  # Flask-Mail would fail on the real one
        try:
            whole = super()._message()
        finally:
            self.recipients = recipients
        whole.policy = WholeWords(linesep="\r\n", utf8=True)
        whole.replace_header("To", ", ".join(map(str, recipients)))
        return whole

    def _mimetext(self, text: str | None, subtype: str = "plain") -> MIMEText:
        """Return a part; in base64 if a line is longer than SMTP allows (RFC 5321, 4.5.3.1.6)."""
        written, charset = text or "", Charset("utf-8")
        longest = max(len(line.encode()) for line in written.split("\n"))
        # None: unencoded, which typeshed does not declare.
        charset.body_encoding = BASE64 if longest > _LONGEST_LINE else None  # type: ignore[assignment]  # see above
        return MIMEText(written, subtype, charset)  # type: ignore[arg-type]  # typeshed's gap


def compose_alert(facts: AlertMail, config: Config, locale: str | None = None) -> OutgoingMail:
    """Return the alert mail (contracts, section 8), text and HTML of equal content.

    Args:
        locale: None: the recipient's.
    """
    zone, facts = facts.zone or config.timezone, _harmless(facts, locale or facts.locale)
    with force_locale(facts.locale):
        silent = gettext("An incident was detected. The detector sent no message.")
        facts = replace(facts, message=facts.message or silent)
        subject = gettext(
            "🚨 Vigint alert - %(kind)s - [%(risk)s]",
            kind=facts.incident_type,
            risk=risk_words(facts.risk_level),
        )
        return composed(
            "alert",
            facts,
            config,
            subject=subject,
            headers={"X-Vigint-Incident": facts.reference},
            is_test=facts.is_test,
            level=facts.risk_level,
            risk=risk_words(facts.risk_level),
            risk_in_words=risk_in_words(facts.risk_level),
            locale=facts.locale,
            clip=facts.clip,
            place=place_of(facts.site, facts.camera),
            **moment_of(facts.detected_at, zone),
            verified=verification(facts.confirmed, facts.detected_at, zone),
            stamp=wall_clock(facts.detected_at, zone),
            confidence="–" if facts.confidence is None else f"{facts.confidence:.2f}",
            size=megabytes(facts.clip.size) if facts.clip else "",
            expiry=wall_clock(facts.clip.expires_at, zone) if facts.clip else "",
            failure=failure_sentence(facts.failure_code) if facts.failure_code else "",
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


class Addressed(Protocol):
    """The content and the recipient of a mail."""

    @property
    def recipient(self) -> str:
        """The recipient's address."""

    @property
    def message_id(self) -> str:
        """The Message-ID shared by all attempts to send it."""


def composed(
    template: str,
    facts: Addressed,
    config: Config,
    *,
    subject: str,
    headers: Mapping[str, str] | None = None,
    is_test: bool = False,
    **shown: object,
) -> OutgoingMail:
    """Return a mail with text and HTML of equal content, in the current language.

    Args:
        is_test: it is about a test alert; its subject and its first line say so.
    """
    if is_test:
        subject = gettext("TEST – %(subject)s", subject=subject)
    shown |= {"facts": facts, "subject": subject, "is_test": is_test, **sender_of(config)}
    return make_mail(
        config,
        recipient=facts.recipient,
        message_id=facts.message_id,
        subject=header_text(subject),
        text=render_template(f"mail/{template}.txt", **shown),
        html=render_template(f"mail/{template}.html", **shown),
        headers=headers or {},
    )


def make_mail(
    config: Config,
    *,
    recipient: str,
    message_id: str,
    subject: str,
    text: str,
    html: str,
    headers: Mapping[str, str],
) -> OutgoingMail:
    """Return a mail marked as automatic."""
    message = OutgoingMail(
        subject=subject,
        recipients=[recipient],
        body=text,
        html=html,
        sender=_sender(config),
        # Replies go to a person.
        reply_to=config.contact if is_mailbox(config.contact or "") else None,
        date=time.time(),
        charset="utf-8",
        extra_headers={"Auto-Submitted": "auto-generated", **headers},
    )
    message.msgId = message_id
    return message


def _sender(config: Config) -> str:
    """Return the sender of mails, with a name where one is known (RFC 5322, 3.4)."""
    address = config.email.sender
    if config.organisation is None or not is_mailbox(address):
        return address
    return str(Address(config.organisation, addr_spec=address))


def compose_shared(facts: LinkMail, config: Config) -> OutgoingMail:
    """Return the mail that brings a recipient a link."""
    with force_locale(facts.locale or config.default_locale):
        subject = gettext("%(sharer)s shares a video with you", sharer=facts.sharer)
        return _about_link("shared", subject, facts, config)


def compose_played(facts: LinkMail, config: Config) -> OutgoingMail:
    """Return the mail that notifies a sharer of the first use of a link."""
    with force_locale(facts.locale or config.default_locale):
        subject = gettext("The link sent to %(recipient)s was used", recipient=facts.link_recipient)
        return _about_link("played", subject, facts, config)


def _about_link(template: str, subject: str, facts: LinkMail, config: Config) -> OutgoingMail:
    zone, seen = facts.zone or config.timezone, facts.detected_at

    def formatted(moment: datetime | None) -> str:
        return day_and_minute(moment, zone) if moment is not None else ""

    facts = replace(
        facts,
        about=one_line(facts.about),
        place=one_line(facts.place),
        note=paragraphs(facts.note),
        sharer=one_line(facts.sharer),
    )
    return composed(
        template,
        facts,
        config,
        subject=subject,
        is_test=facts.is_test,
        when=moment_of(seen, zone) if seen is not None else None,
        verified=verification(facts.confirmed, seen, zone) if seen is not None else "",
        locale=facts.locale or config.default_locale,
        starts=formatted(facts.not_before),
        expiry=formatted(facts.expires_at),
        played=formatted(facts.played_at),
    )


def send(message: OutgoingMail, config: Config) -> str:
    """Send a mail to the SMTP server, or write it to the outbox; return which.

    Raises:
        MailRefused: refused permanently.
        MailUndelivered: not accepted; may succeed later.
    """
    if config.email.server is None:
        _write_to_outbox(message, config.outbox_dir)
        return OUTBOX
    if not reachable(map(str, message.recipients), config.email.sender):
        # A server may accept it, and then drop or bounce it.
        raise MailRefused("impossible_address")
    smtp.hand_over(message, current_app.extensions["mail"], message.progress)
    return SMTP


def _write_to_outbox(message: Message, folder: Path) -> None:
    private_folder(folder)
    name = re.sub(r"[^A-Za-z0-9.-]", "", message.msgId.split("@")[0])
    draft = folder / f".{name}.{os.getpid()}"
    try:
        with os.fdopen(private_file(draft), "wb") as file:
            file.write(message.as_bytes())
            file.flush()
            os.fsync(file.fileno())
        # The same mail over all attempts: one file, however often it is written.
        draft.replace(folder / f"{name}.eml")
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise MailUndelivered(f"outbox_unwritable:{error.strerror}") from None


def header_text(text: str) -> str:
    """Return a text that is safe in a header."""
    # An encoded word (RFC 2047) in the text is shown literally, not decoded.
    return one_line(text, 200).replace("=?", "= ?")
