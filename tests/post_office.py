"""A real SMTP server for tests: accepts, refuses, closes and opens again."""

from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.ports import free_port


class Postbox:
    """Accept mails, or answer as a test requires."""

    def __init__(self) -> None:
        self.taken: list[Envelope] = []
        self.seen = 0
        self.rcpt: dict[str, list[str]] = {}
        self.data: list[str] = []

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept a recipient by default."""
        answers = self.rcpt.get(address, [])
        if answers:
            return answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Accept a mail by default."""
        self.seen += 1
        if self.data:
            return self.data.pop(0)
        self.taken.append(envelope)
        return "250 OK"


class PostOffice:
    """A real SMTP server that a test can close and open again at the same address."""

    def __init__(self, postbox: Postbox, **options: Any) -> None:
        self.port = free_port()
        self._postbox, self._options = postbox, options
        self._controller: Controller | None = None

    def open(self) -> None:
        self._controller = Controller(
            self._postbox, hostname="127.0.0.1", port=self.port, ready_timeout=60, **self._options
        )
        self._controller.start()

    def close(self) -> None:
        if self._controller is not None:
            self._controller.stop()
            self._controller = None
