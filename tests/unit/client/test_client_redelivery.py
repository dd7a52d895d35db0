"""Alerts kept in the background, and delivered from there."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.client.fake_vigint import KEY, FakeClock, FakeVigint, Fault
from vigint_client.alerts import AlertManager
from vigint_client.background import BackgroundQueue, Job
from vigint_client.config import ServerSettings
from vigint_client.delivery import Courier, Outcome
from vigint_client.redelivery import Redelivery
from vigint_client.results import Result
from vigint_client.retries import ONCE
from vigint_client.spool import Spool
from vigint_client.spool_config import SpoolSettings

CHECKOUT = Path(__file__).resolve().parents[3]
PATIENCE = 10.0
INCIDENTS = "/api/v1/incidents"

MakeManager = Callable[..., AlertManager]
Send = Callable[..., Result]
Flush = Callable[..., list[Outcome]]


def test_the_next_call_delivers_without_waiting_for_it(
    vigint: FakeVigint, make_manager: MakeManager, spool_settings: SpoolSettings, spool: Spool,
    send: Send, png: bytes,
) -> None:  # fmt: skip
    vigint.down()
    send("old")
    redelivery = Redelivery()
    manager = make_manager(spool=spool_settings, wake=redelivery.wake)
    assert manager.send_security_alert_with_video("new", [png])["success"]
    redelivery.close(PATIENCE)
    assert spool.names() == []
    assert vigint.messages() == ["old", "new", "old"]


def test_redelivery_tries_again_until_nothing_is_left(
    vigint: FakeVigint, send: Send, spool: Spool, settings: ServerSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("vigint_client.redelivery.FIRST_PAUSE", 0.01)
    vigint.down(4)
    send()
    redelivery = Redelivery()
    courier = Courier(spool, lambda: settings, lambda: None, policy=ONCE)
    redelivery.wake(courier, reached=False)
    thread = redelivery._thread
    assert thread is not None
    thread.join(PATIENCE)
    assert not thread.is_alive(), "it ends when nothing is left"
    assert (spool.names(), len(vigint.incidents)) == ([], 1)
    redelivery.wake(courier, reached=True)
    assert redelivery._thread is None, "and does not begin for nothing"


def test_a_program_that_ends_leaves_its_alerts_on_the_disk(
    vigint: FakeVigint, spool: Spool, tmp_path: Path
) -> None:
    program = (
        "import vigint_client.background as b\n"
        "b.BackgroundQueue.close.__defaults__ = (0.2,)\n"
        "from alerts import send_security_alert_with_video as send\n"
        f"png = open({str(tmp_path / 'frame.png')!r}, 'rb').read()\n"
        "print([send(str(i), [png], background=True)['queued'] for i in range(3)])\n"
    )
    (tmp_path / "frame.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    environ = os.environ | {
        "VIGINT_SERVER_URL": vigint.url, "VIGINT_API_KEY": KEY, "VIGINT_SMTP_SERVER": "",
        "VIGINT_SPOOL_DIR": str(spool.folder),
    }  # fmt: skip
    vigint.faults.extend([Fault("hang")] * 9)
    done = subprocess.run(
        [sys.executable, "-S", "-c", program], cwd=CHECKOUT, env=environ, capture_output=True,
        text=True, check=True, timeout=150,
    )  # fmt: skip
    assert done.stdout == "[True, True, True]\n"
    kept = []
    for name in spool.names():
        claim = spool.claim(name)
        assert claim is not None
        kept.append(claim.read().posting.document["message"])
        claim.release()
    assert kept == ["0", "1", "2"]


def test_when_the_server_is_away_what_waits_goes_to_the_disk(
    vigint: FakeVigint, make_manager: MakeManager, spool_settings: SpoolSettings, spool: Spool,
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch, png: bytes,
) -> None:  # fmt: skip
    queue = BackgroundQueue()
    go = threading.Event()
    seen: list[tuple[list[str], int]] = []

    def look(seconds: float) -> None:
        clock.now += seconds
        if not seen:
            kept = []
            for name in spool.names():
                if claim := spool.claim(name):
                    kept.append(claim.read().posting.document["message"])
                    claim.release()
            seen.append((kept, queue.held_bytes))

    monkeypatch.setattr(queue, "sleep", look)
    queue.submit(Job(lambda: go.wait(PATIENCE), 0))
    manager = make_manager(spool=spool_settings, queue=queue)
    vigint.down(1)
    for message in ("first", "second", "third"):
        manager.send_security_alert_with_video(message, [png], background=True)
    manager.send_security_alert_with_video("unread", iter([png]), background=True)
    go.set()
    assert queue.drain(PATIENCE) == 0
    # Only the first is being tried; a generator is not read for this.
    assert seen == [(["second", "third"], len(png))]
    assert queue.held_bytes == 0
    assert vigint.messages() == ["first", "first", "unread"]
    assert len(spool.names()) == 2


def test_a_full_queue_puts_alerts_on_the_disk(
    vigint: FakeVigint, make_manager: MakeManager, spool_settings: SpoolSettings, spool: Spool,
    courier: Flush, png: bytes,
) -> None:  # fmt: skip
    queue = BackgroundQueue(max_waiting=0)
    manager = make_manager(spool=spool_settings, queue=queue)
    result = manager.send_security_alert_with_video("m", iter([png] * 2), background=True)
    assert (result["success"], result["pending"]) == (True, True)
    assert (result["queued"], result["spooled"]) == (False, True)
    assert [outcome.state for outcome in courier()] == ["sent"]
    assert len(vigint.posts()[0].parts) == 3


def test_a_generator_is_read_behind_the_callers_back(
    vigint: FakeVigint, make_manager: MakeManager, png: bytes
) -> None:
    queue = BackgroundQueue()
    go = threading.Event()
    readers: list[str] = []

    def camera() -> Iterator[bytes]:
        readers.append(threading.current_thread().name)
        assert go.wait(PATIENCE)
        yield png

    result = make_manager(queue=queue).send_security_alert_with_video(
        "m", camera(), background=True
    )
    assert (result["queued"], result["frames_queued"]) == (True, None)
    go.set()
    assert queue.drain(PATIENCE) == 0
    assert readers == ["vigint-alerts"]
    assert len(vigint.posts()[0].parts) == 2


def test_a_program_does_not_end_by_reading_a_camera_to_its_end(
    make_manager: MakeManager, spool_settings: SpoolSettings, spool: Spool, png: bytes
) -> None:
    queue = BackgroundQueue()
    running, go = threading.Event(), threading.Event()

    def block() -> None:
        running.set()
        go.wait(PATIENCE)

    def camera() -> Iterator[bytes]:
        assert not png, "a picture was taken"
        yield png

    queue.submit(Job(block, 0))
    assert running.wait(PATIENCE)
    manager = make_manager(spool=spool_settings, queue=queue)
    manager.send_security_alert_with_video("m", camera(), background=True)
    queue.close(0)
    go.set()
    claim = spool.claim(spool.names()[0])
    assert claim is not None
    assert claim.read().posting.batch.frames == ()
    claim.release()
