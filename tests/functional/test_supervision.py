"""Kill -9 of any process: it is restarted, and the work resumes."""

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis

from tests.functional.installation import Installation
from tests.functional.processes import runs, wait_until
from vigint_web.system.queue_socket import queue_url

Document = Callable[..., dict[str, Any]]

_KINDS: dict[str, Callable[[Installation], list[int]]] = {
    "web master": lambda vigint: vigint.children("gunicorn"),
    "web process": lambda vigint: vigint.web_processes(),
    "worker": lambda vigint: vigint.children("worker.py"),
    "scheduler": lambda vigint: vigint.children("scheduler"),
    "queue server": lambda vigint: (
        vigint.children("valkey-server") + vigint.children("redis-server")
    ),
}


@pytest.mark.parametrize("kind", _KINDS)
def test_a_killed_process_is_back_and_so_is_the_work(
    vigint: Installation, document: Document, kind: str
) -> None:
    find = _KINDS[kind]
    wait_until(vigint.is_ready, "everything is up")
    before = find(vigint)
    assert before, f"there is a {kind}"
    began = time.monotonic()
    os.kill(before[0], signal.SIGKILL)
    wait_until(lambda: not runs(before[0]), "the process is dead")
    wait_until(
        lambda: len(find(vigint)) == len(before) and before[0] not in find(vigint),
        f"another {kind} runs",
        10,
    )
    wait_until(vigint.is_ready, "everything is up again")
    print(f"{kind}: back after {time.monotonic() - began:.2f} s")
    ended = vigint.finished(vigint.post(document()), 30)
    print(f"{kind}: work done after {time.monotonic() - began:.2f} s")
    assert ended["state"] == "ready", ended
    assert [delivery["state"] for delivery in ended["deliveries"]] == ["sent"]
    assert len(vigint.mails(ended["reference"])) == 1


def test_work_outlives_the_loss_of_the_queue_servers_data(
    vigint: Installation, document: Document
) -> None:
    with vigint.stopped_workers() as workers:
        # The queue server gives a job to each waiting worker, stopped or not.
        accepted = [vigint.post(document()) for _ in range(len(workers) + 2)]
        with Redis.from_url(queue_url(vigint.data_dir)) as redis:
            assert redis.llen("rq:queue:incidents") >= 2, "jobs wait in the queue"
            redis.flushall()
    for one in accepted:
        ended = vigint.finished(one)
        assert ended["state"] == "ready", ended
        assert len(vigint.mails(ended["reference"])) == 1
