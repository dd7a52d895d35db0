"""Send one mail to the configured SMTP server, and return the outcome."""

import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from flask_mail import Connection, Mail, Message, sanitize_address

from vigint_client.smtp import RFC_5321, Patience, PatientSMTP, PatientSMTPS

patience = RFC_5321
NO_SMTPUTF8 = "no_smtputf8"
# Seconds; the mail was accepted or refused before.
_GOODBYE = Patience(command=2.0)


class MailUndelivered(Exception):
    """A mail was not accepted; retrying may help."""

    def __init__(self, sentence: str, *, unreachable: bool = False) -> None:
        super().__init__(sentence)
        # The failure concerns the server, not this mail.
        self.unreachable = unreachable


class MailRefused(Exception):
    """A mail was refused permanently."""


@dataclass(frozen=True)
class Progress:
    """Callbacks while a mail is being sent."""

    # The server has answered and accepted the password: it can be reached.
    reached: Callable[[], None]
    # From now on the server may have accepted the mail, whether or not an answer arrives.
    handing_over: Callable[[], None]


def hand_over(message: Message, settings: Mail, progress: Progress | None) -> None:
    """Send a mail; return once the server has accepted it.

    Raises:
        MailRefused: refused permanently.
        MailUndelivered: not accepted; may succeed later.
    """
    connection = _Connection(settings, progress)
    try:
        connection.host = connection.configure_host()
    except (smtplib.SMTPException, OSError) as error:
        # Concerns the server, its certificate or the password: settings that may be corrected.
        raise MailUndelivered(_description(error), unreachable=True) from None
    try:
        if progress is not None:
            progress.reached()
        connection.send(message)
    except smtplib.SMTPNotSupportedError:
        raise MailRefused(NO_SMTPUTF8) from None
    except smtplib.SMTPRecipientsRefused as error:
        code, reply = next(iter(error.recipients.values()))
        raise _verdict(code, reply) from None
    except smtplib.SMTPDataError as error:
        raise _verdict(error.smtp_code, error.smtp_error) from None
    except smtplib.SMTPResponseException as error:
        # Concerns the sender's address: a setting that may be corrected.
        raise MailUndelivered(_description(error)) from None
    except (smtplib.SMTPException, OSError) as error:
        raise MailUndelivered(_description(error)) from None
    finally:
        connection.part()


@cache
def trust() -> ssl.SSLContext:
    """Return how certificates of mail servers are verified: by the authorities of this machine.

    Reading these takes 50 ms, so that a process reads them once.
    """
    return ssl.create_default_context()


class _Connection(Connection):
    """Connect with the RFC's timeouts and certificate verification; Flask-Mail has neither."""

    host: PatientSMTP | PatientSMTPS | None

    def __init__(self, settings: Mail, progress: Progress | None) -> None:
        super().__init__(settings)
        self._handing_over = progress.handing_over if progress is not None else None

    def configure_host(self) -> PatientSMTP | PatientSMTPS:
        settings = self.mail
        server, port, last = settings.server, settings.port, self._handing_over
        host: PatientSMTP | PatientSMTPS
        if settings.use_ssl:
            host = PatientSMTPS(server, port, context=trust(), patience=patience, handing_over=last)
        else:
            host = PatientSMTP(server, port, patience=patience, handing_over=last)
        try:
            if settings.use_tls:
                host.starttls(context=trust())
            if settings.username and settings.password:
                host.login(settings.username, settings.password)
            # Before the mail: a server that does not answer this refuses no mail.
            host.ehlo_or_helo_if_needed()
        except BaseException:
            host.close()
            raise
        return host

    def send(self, message: Message, envelope_from: str | tuple[str, str] | None = None) -> None:
        """Send a mail; to an address beyond ASCII by SMTPUTF8 (RFC 6531)."""
        recipients = [str(address) for address in message.send_to]
        if self.host is None or all(address.isascii() for address in recipients):
            super().send(message, envelope_from)
            return
        sender = sanitize_address(envelope_from or message.sender)
        options = ["SMTPUTF8", "BODY=8BITMIME"]
        self.host.sendmail(sender, recipients, message.as_bytes(), options)

    def part(self) -> None:
        """Send QUIT; the mail was accepted or refused before, whatever the answer."""
        if self.host is not None:
            self.host.patience = _GOODBYE
            try:
                self.host.quit()
            except (smtplib.SMTPException, OSError):
                self.host.close()


def _verdict(code: int, reply: bytes | str) -> MailRefused | MailUndelivered:
    # RFC 5321, 4.2.1: 5yz is a permanent negative completion, 4yz a transient one.
    sentence = _sentence(code, reply)
    return MailRefused(sentence) if 500 <= code < 600 else MailUndelivered(sentence)


def _description(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return _sentence(error.smtp_code, error.smtp_error)
    return f"{type(error).__name__}: {error}"[:300]


def _sentence(code: int, reply: bytes | str) -> str:
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    return f"{code} {text}"[:300]
