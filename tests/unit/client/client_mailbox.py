"""A mail server of the tests' own, and its settings."""

import email
import email.policy
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope

from tests.helpers import text_of
from tests.ports import free_port
from vigint_client.config import MailSettings


class Mailbox:
    """The received mails; `refused` recipients are unknown here."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refused: set[str] = set()
        self.goodbye = "221 Bye"
        port = free_port()
        self.settings = MailSettings(
            server="127.0.0.1", port=port, username=None, password=None,
            sender="Vigint <vigint@example.org>", recipients=("guard@example.org",),
            use_tls=False, timezone="Europe/Paris",
        )  # fmt: skip
        self._controller = Controller(self, hostname="127.0.0.1", port=port, ready_timeout=60)
        self._controller.start()

    def close(self) -> None:
        self._controller.stop()

    @property
    def texts(self) -> list[str]:
        return [text_of(mail) for mail in self.mails]

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: object, _session: object, envelope: Envelope, address: str, _options: object
    ) -> str:
        if address in self.refused:
            return "550 unknown"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_QUIT(self, *_arguments: object) -> str:  # noqa: N802 - aiosmtpd's name
        return self.goodbye

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: object, _session: object, envelope: Envelope
    ) -> str:
        assert isinstance(envelope.content, bytes)
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return "250 OK"
