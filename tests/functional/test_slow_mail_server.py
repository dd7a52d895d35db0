"""A slow mail server gets each mail once, and delays nothing else."""

import asyncio
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.functional.installation import Installation
from tests.functional.processes import SELDOM, wait_until
from tests.post_office import Postbox, PostOffice
from vigint_web.jobs.waiting import MOST_ASIDE

Document = Callable[..., dict[str, Any]]
_WITHIN = 90.0


class Thoughtful(Postbox):
    """Delay the answer to the final dot for some recipients until released by the test."""

    def __init__(self) -> None:
        super().__init__()
        self.slow: set[str] = set()
        self.everything = False
        self.goes_on = threading.Event()
        self.thinking: Counter[str] = Counter()

    def forget(self) -> None:
        """Begin anew, without a mail; what still waits is released."""
        self.goes_on.set()
        self.slow, self.everything, self.goes_on = set(), False, threading.Event()
        self.taken.clear()
        self.thinking.clear()

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Receive the mail, wait, and accept it."""
        [recipient] = envelope.rcpt_tos
        if self.everything or recipient in self.slow:
            self.thinking[recipient] += 1
            goes_on = self.goes_on
            while not goes_on.is_set():
                await asyncio.sleep(0.02)
        return await super().handle_DATA(server, session, envelope)

    def copies(self) -> Counter[str]:
        """Return the number of mails of each recipient."""
        return Counter(envelope.rcpt_tos[0] for envelope in self.taken)


@pytest.fixture(scope="module")
def open_postbox() -> Thoughtful:
    return Thoughtful()


@pytest.fixture(scope="module")
def vigint(
    tmp_path_factory: pytest.TempPathFactory, open_postbox: Thoughtful
) -> Iterator[Installation]:
    """Run an installation for all tests of this file, which mail to different recipients."""
    office = PostOffice(open_postbox)
    office.open()
    made = Installation(
        tmp_path_factory.mktemp("mailing"),
        VIGINT_SMTP_SERVER="127.0.0.1",
        VIGINT_SMTP_PORT=str(office.port),
        VIGINT_SMTP_USE_TLS="no",
        VIGINT_SMTP_FROM="vigint@example.com",
    )
    try:
        with made.lived_in():
            yield made
    finally:
        open_postbox.goes_on.set()
        office.close()


@pytest.fixture
def postbox(vigint: Installation, open_postbox: Thoughtful) -> Thoughtful:
    """Provide the postbox of the mail server, empty; all mails so far were sent at once."""
    open_postbox.forget()
    assert _attempts(vigint) in ([], [(1, "sent")])
    return open_postbox


def _post(vigint: Installation, recipient: str) -> dict[str, Any]:
    return vigint.post({"message": "Alarme", "recipients": [recipient]})


def _attempts(vigint: Installation) -> list[tuple[Any, ...]]:
    """Return each number of attempts and state that mails have."""
    return vigint.sql("SELECT DISTINCT attempt, state FROM alerts")


def _lease(vigint: Installation, recipient: str) -> str:
    [(lease,)] = vigint.sql("SELECT lease_until FROM alerts WHERE recipient = ?", recipient)
    return str(lease)


def test_one_copy_while_other_mails_and_a_video_go_on(
    vigint: Installation, postbox: Thoughtful, document: Document, request: pytest.FixtureRequest
) -> None:
    postbox.slow = {"slow@example.com"}
    began = time.monotonic()
    slow = _post(vigint, "slow@example.com")
    wait_until(lambda: postbox.thinking, "the server has the mail", _WITHIN)
    first_lease = _lease(vigint, "slow@example.com")
    for number in range(10):
        _post(vigint, f"r{number}@example.com")
    filmed = vigint.post({**document(20), "recipients": ["video@example.com"]})
    assert vigint.finished(filmed, _WITHIN)["state"] == "ready"
    wait_until(lambda: len(postbox.taken) == 11, "the other mails go out meanwhile", _WITHIN)
    wait_until(lambda: _lease(vigint, "slow@example.com") > first_lease, "it is renewed", _WITHIN)
    if request.config.getoption("--campaign"):
        # Longer than a lease, and than RQ's heartbeat timeout of a job.
        wait_until(lambda: time.monotonic() - began > 100, "100 seconds", 120)
    assert not vigint.status(slow)["done"]
    postbox.goes_on.set()
    vigint.finished(slow, _WITHIN)
    assert set(postbox.copies().values()) == {1}, postbox.copies()
    assert _attempts(vigint) == [(1, "sent")]
    assert "Traceback" not in vigint.log


def test_a_server_that_is_slow_for_every_mail_takes_a_bounded_share(
    vigint: Installation, postbox: Thoughtful, document: Document
) -> None:
    postbox.everything = True
    workers = len(vigint.children("worker.py"))
    number = workers * MOST_ASIDE + 6
    for count in range(number):
        _post(vigint, f"s{count}@example.com")
    most = workers * MOST_ASIDE
    wait_until(lambda: len(postbox.thinking) == most, "as many as there are places", _WITHIN)
    filmed = vigint.post({**document(20), "recipients": ["filmed@example.com"]})
    wait_until(
        lambda: vigint.status(filmed)["state"] == "ready", "it is encoded", _WITHIN, pause=SELDOM
    )
    assert len(postbox.thinking) == most, "no more at a time"
    postbox.goes_on.set()
    wait_until(lambda: len(postbox.taken) == number + 1, "all mails go out", _WITHIN)
    wait_until(
        lambda: _attempts(vigint) == [(1, "sent")],
        "each at the first attempt",
        _WITHIN,
    )
    assert set(postbox.copies().values()) == {1}, postbox.copies()


def test_a_stop_waits_for_a_mail_that_may_have_been_accepted(
    vigint: Installation, postbox: Thoughtful
) -> None:
    postbox.everything = True
    logged = len(vigint.log)
    _post(vigint, "stopped@example.com")
    wait_until(lambda: postbox.thinking, "the server has the mail", _WITHIN)
    wait_until(
        lambda: "was set aside and keeps waiting" in vigint.log[logged:],
        "it is set aside",
        _WITHIN,
    )
    stops = threading.Thread(target=vigint.stop, args=(signal.SIGTERM,))
    stops.start()
    wait_until(lambda: not vigint.children("scheduler"), "everything is told to stop", _WITHIN)
    postbox.goes_on.set()
    stops.join(_WITHIN)
    assert not stops.is_alive(), "it does not stop"
    assert postbox.copies() == {"stopped@example.com": 1}
    assert _attempts(vigint) == [(1, "sent")]
    vigint.start()
    wait_until(vigint.is_ready, "it is back", _WITHIN)
    assert postbox.copies() == {"stopped@example.com": 1}
