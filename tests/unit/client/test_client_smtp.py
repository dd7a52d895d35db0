"""The timeout of each SMTP step is that of RFC 5321, 4.5.3.2, and the end is announced."""

import asyncio
import smtplib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.post_office import Postbox, PostOffice
from tests.unit.client.client_mailbox import Mailbox
from vigint_client.config import MailSettings
from vigint_client.smtp import RFC_5321, PatientSMTP
from vigint_client.text_mail import compose_text_mail, send_text_mail

_MINUTE = 60.0
_MESSAGE = b"Subject: s\r\n\r\n" + b"x" * 70 + b"\r\n"


@pytest.fixture
def postbox() -> Postbox:
    return Postbox()


@pytest.fixture
def office(postbox: Postbox) -> Iterator[PostOffice]:
    found = PostOffice(postbox)
    found.open()
    yield found
    found.close()


def test_the_waits_are_those_of_the_rfc(
    office: PostOffice, postbox: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[tuple[str, float]] = []
    step = ["greeting"]
    real_send, real_reply = smtplib.SMTP.send, smtplib.SMTP.getreply

    def send(self: smtplib.SMTP, data: Any) -> None:
        step[0] = data[:4].strip().upper() if isinstance(data, str) else "block"
        if step[0] == "block":
            assert self.sock is not None
            waits.append(("block", self.sock.gettimeout() or 0))
        real_send(self, data)

    def reply(self: smtplib.SMTP) -> tuple[int, bytes]:
        assert self.sock is not None
        waits.append((step[0], self.sock.gettimeout() or 0))
        return real_reply(self)

    monkeypatch.setattr(smtplib.SMTP, "send", send)
    monkeypatch.setattr(smtplib.SMTP, "getreply", reply)
    with PatientSMTP("127.0.0.1", office.port) as smtp:
        smtp.sendmail("a@example.org", ["b@example.org"], _MESSAGE * 1000)
    five, two, three, ten = (minutes * _MINUTE for minutes in (5, 2, 3, 10))
    blocks = [wait for name, wait in waits if name == "block"]
    assert blocks == [three, three, ten], "two blocks are sent, then the final dot is answered"
    commands = {name: wait for name, wait in waits if name != "block"}
    assert commands == {
        "greeting": five, "EHLO": five, "MAIL": five, "RCPT": five, "DATA": two, "QUIT": five,
    }  # fmt: skip
    [taken] = postbox.taken
    assert taken.content == _MESSAGE * 1000


def test_the_end_is_announced_once_and_a_refusal_keeps_the_mail_back(
    office: PostOffice, postbox: Postbox
) -> None:
    announced: list[int] = []

    def refuse() -> None:
        announced.append(postbox.seen)
        raise TimeoutError

    with (
        PatientSMTP("127.0.0.1", office.port, handing_over=refuse) as smtp,
        pytest.raises(TimeoutError),
    ):
        smtp.sendmail("a@example.org", ["b@example.org"], _MESSAGE)
    assert (announced, postbox.seen) == ([0], 0)
    assert RFC_5321.final_dot == 10 * _MINUTE


class _Slow(Postbox):
    """Wait for the test before one step is answered."""

    def __init__(self, step: str) -> None:
        super().__init__()
        self._step = step
        self.asked, self.goes_on = threading.Event(), threading.Event()

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept a recipient after a while."""
        await self._think("RCPT")
        return await super().handle_RCPT(server, session, envelope, address, options)

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Accept a mail after a while."""
        await self._think("DATA")
        return await super().handle_DATA(server, session, envelope)

    async def _think(self, step: str) -> None:
        if step == self._step:
            self.asked.set()
            while not self.goes_on.is_set():
                await asyncio.sleep(0.01)


def _send(settings: MailSettings) -> list[str]:
    import datetime as dt

    mail = compose_text_mail(
        "m", {}, dt.datetime.now(dt.UTC), "r", alert_type="security", settings=settings,
        recipients=["guard@example.org"],
    )  # fmt: skip
    return send_text_mail(settings, mail, ["guard@example.org"])


@pytest.mark.parametrize(("step", "reached"), [("RCPT", []), ("DATA", ["guard@example.org"])])
def test_the_text_mail_is_said_to_be_what_it_is_and_goes_once(
    step: str, reached: list[str], mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vigint_client.text_mail.LONGEST", 0.2)
    postbox = _Slow(step)
    office = PostOffice(postbox)
    office.open()
    plain = mailbox.settings
    settings = MailSettings(
        "127.0.0.1", office.port, None, None, plain.sender, plain.recipients, False, plain.timezone
    )
    found: list[list[str]] = []
    sending = threading.Thread(target=lambda: found.append(_send(settings)))
    sending.start()
    try:
        assert postbox.asked.wait(30)
        if step == "RCPT":
            sending.join(30)
            assert found == [[]], "an untransmitted mail has reached no recipient"
        else:
            sending.join(1)
            assert sending.is_alive(), "what was handed over is waited for"
        postbox.goes_on.set()
        sending.join(30)
        assert found == [reached]
        _wait(lambda: all(one.name != "vigint-mail" for one in threading.enumerate()))
        assert len(postbox.taken) == len(reached), "it is sent after it was given up"
    finally:
        postbox.goes_on.set()
        office.close()


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "a thread is left"
        time.sleep(0.01)
