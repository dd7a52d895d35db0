"""Hundreds of incidents while everything is killed: none lost, none mailed twice."""

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes
from typing import Any

import pytest

from tests.functional.installation import Installation
from tests.functional.processes import wait_until
from tests.functional.web import request
from tests.post_office import Postbox, PostOffice

COUNT = 500
_SEED = 20_261_121
_FINISHED_WITHIN = 1_500.0


@pytest.fixture
def postbox() -> Postbox:
    return Postbox()


@pytest.fixture
def mailing(postbox: Postbox, fresh: Callable[..., Installation]) -> Iterator[Installation]:
    """Give an installation that mails by a real SMTP server."""
    office = PostOffice(postbox)
    office.open()
    server = {
        "VIGINT_SMTP_SERVER": "127.0.0.1",
        "VIGINT_SMTP_PORT": str(office.port),
        "VIGINT_SMTP_FROM": "vigint@example.com",
        "VIGINT_SMTP_USE_TLS": "false",
    }
    try:
        with fresh(**server).lived_in() as running:
            yield running
    finally:
        office.close()


class Killer(threading.Thread):
    """Kill random processes repeatedly, until stopped."""

    def __init__(self, vigint: Installation) -> None:
        super().__init__(daemon=True)
        self._vigint = vigint
        self._random = random.Random(_SEED)
        self._ended = threading.Event()
        self.killed: Counter[str] = Counter()

    def run(self) -> None:
        """Kill; the pauses give the supervisor time for restarts."""
        while not self._ended.wait(self._random.uniform(1.5, 5)):
            kind = self._random.choice(["worker", "worker", "web", "queue"])
            found: dict[str, Callable[[], list[int]]] = {
                "worker": lambda: self._vigint.children("worker.py"),
                "web": self._vigint.web_processes,
                "queue": lambda: (
                    self._vigint.children("valkey-server") or self._vigint.children("redis-server")
                ),
            }
            victims = found[kind]()
            if victims:
                self._kill(self._random.choice(victims), kind)

    def _kill(self, pid: int, kind: str) -> None:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.killed[kind] += 1

    def stop(self) -> None:
        """Stop killing."""
        self._ended.set()
        self.join()


def _post(vigint: Installation, document: dict[str, Any], number: int) -> str:
    """Post an incident like a detector: under one key, until it is answered."""
    body = json.dumps({**document, "message": f"Incident {number}"}).encode()
    deadline = time.monotonic() + 300

    def accepted() -> str | None:
        try:
            answer = request(
                f"{vigint.url}/api/v1/incidents",
                body,
                method="POST",
                Content_Type="application/json",
                X_API_Key=vigint.api_key,
                Idempotency_Key=f"campaign-{number}",
            )
        except OSError:
            return None
        assert answer.status in {202, 429, 503}, f"{answer.status} {answer.text}"
        return str(answer.json()["reference"]) if answer.status == 202 else None

    return wait_until(accepted, f"incident {number} is accepted", deadline - time.monotonic())


@pytest.mark.campaign
@pytest.mark.timeout(2_400)
def test_five_hundred_incidents_under_fire(
    mailing: Installation, postbox: Postbox, document: Callable[..., dict[str, Any]]
) -> None:
    small = document(count=3, size="160x120")
    began = time.monotonic()
    killer = Killer(mailing)
    killer.start()
    with ThreadPoolExecutor(4) as threads:
        references = list(threads.map(lambda n: _post(mailing, small, n), range(COUNT)))
    posted = time.monotonic() - began
    unfinished = "SELECT count(*) FROM alerts WHERE state != 'sent'"
    done = threading.Event()

    def all_sent() -> bool:
        [(left,)] = mailing.sql(unfinished)
        if left < COUNT // 10 and not done.is_set():
            done.set()
            killer.stop()  # the last ones are finished undisturbed: loss is measured
        return int(left) == 0

    try:
        wait_until(all_sent, "every mail is sent", _FINISHED_WITHIN)
    finally:
        killer.stop()
    mailed = Counter(
        str(message_from_bytes(envelope.content)["X-Vigint-Incident"])
        for envelope in list(postbox.taken)
        if isinstance(envelope.content, bytes)
    )
    twice = {reference: times for reference, times in mailed.items() if times > 1}
    print(
        f"{COUNT} incidents posted in {posted:.0f} s, finished after "
        f"{time.monotonic() - began:.0f} s; killed: {dict(killer.killed)}; "
        f"mails: {sum(mailed.values())}, twice: {len(twice)}"
    )
    assert len(set(references)) == COUNT, "a repeated post is the same incident"
    assert set(mailed) == set(references), "none is lost, none is invented"
    states = mailing.sql("SELECT status, count(*) FROM videos GROUP BY status")
    assert states == [("ready", COUNT)]
    pictured = "SELECT count(*) FROM video_files WHERE kind = 'poster'"
    wait_until(lambda: mailing.sql(pictured) == [(COUNT,)], "every clip has its pictures")
    assert min(killer.killed.values()) >= 1
    assert not twice, "twice only when death falls between the server's answer and the commit"
