"""The queue's files are damaged by a crash: everything starts, and all work is finished once."""

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests import queue_damage
from tests.functional.installation import Installation
from tests.functional.processes import runs, wait_until

Document = Callable[..., dict[str, Any]]
_ORDINARY = {("*.incr.aof", "zeroed", 9), ("*.manifest", "garbage", 0)}


@pytest.mark.parametrize(
    ("file", "kind", "place"),
    [
        pytest.param(*case, marks=() if case in _ORDINARY else pytest.mark.campaign)
        for case in queue_damage.CASES
    ],
)
def test_damaged_files_of_the_queue_lose_nothing(
    vigint: Installation, document: Document, file: str, kind: str, place: int
) -> None:
    wait_until(vigint.is_ready, "everything is up")
    [server] = vigint.children("valkey-server") + vigint.children("redis-server")
    with vigint.stopped_workers():
        accepted = [vigint.post(document(4)) for _ in range(3)]
        os.kill(vigint.pid, signal.SIGSTOP)  # it restarts nothing meanwhile
        try:
            os.kill(server, signal.SIGKILL)
            wait_until(lambda: not runs(server), "the queue server is dead")
            queue_damage.damage(vigint.data_dir / "queue", file, kind, place)
        finally:
            os.kill(vigint.pid, signal.SIGCONT)
    for one in accepted:
        ended = vigint.finished(one)
        assert ended["state"] == "ready", ended
        assert len(vigint.mails(ended["reference"])) == 1
    wait_until(vigint.is_ready, "everything is up again")
