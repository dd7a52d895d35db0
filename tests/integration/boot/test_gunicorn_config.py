import os
import re
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.boot.small_web import Web
from vigint_web.cli.preflight import StartError, check_port

Until = Callable[..., None]
Runs = Callable[[int], bool]


def workers(web: Web, until: Until) -> set[int]:
    """Return the process ids of both workers."""
    found: set[int] = set()

    def both() -> bool:
        found.add(web.worker() or 0)
        found.discard(0)
        return len(found) == 2

    until(both, "two workers")
    return found


def free(port: int) -> bool:
    """Return whether the next web server could listen there."""
    try:
        check_port("127.0.0.1", port)
    except StartError:
        return False
    return True


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_workers_die_with_a_killed_master_and_free_the_port(
    web: Web, until: Until, runs: Runs
) -> None:
    pids = workers(web, until)
    web.process.kill()
    web.process.wait()
    until(lambda: not any(runs(pid) for pid in pids), "workers gone")
    until(lambda: free(web.port), "port free")


def test_a_killed_worker_is_replaced(web: Web, until: Until) -> None:
    pids = workers(web, until)
    killed = pids.pop()
    os.kill(killed, signal.SIGKILL)
    until(lambda: web.worker() not in {None, killed, *pids}, "another worker")


def test_it_stops_in_good_time_and_leaves_no_socket(web: Web, tmp_path: Path, until: Until) -> None:
    # A worker that is still booting ignores SIGTERM, and is killed after 8 s only.
    workers(web, until)
    web.process.terminate()
    assert web.process.wait(7) == 0
    assert not [path for path in tmp_path.rglob("*") if path.is_socket()]


def test_no_peer_is_believed_about_the_scheme(web: Web) -> None:
    assert web.get("/scheme", **{"X-Forwarded-Proto": "https"}) == "http"


def test_workers_share_no_database_connection(web: Web) -> None:
    assert web.get("/pooled") == "0"


def test_errors_are_logged_without_the_tokens_in_the_address(web: Web, until: Until) -> None:
    web.get("/stream/first-token/?view=1&token=second-token")
    with socket.create_connection(("127.0.0.1", web.port), timeout=60) as raw:
        raw.sendall(b"GET /stream/third-token/\x01 HTTP/1.1\r\n\r\n")
        raw.recv(1000)
    until(lambda: "Invalid request" in web.log.read_text(), "both errors logged")
    log = web.log.read_text()
    assert "RuntimeError: broken" in log
    assert not re.search("(first|second|third)-token", log)


def test_settings_are_what_the_design_needs() -> None:
    import vigint_web.server.gunicorn_config as settings

    assert not hasattr(settings, "sendfile")
    assert settings.worker_class == "vigint_web.server.gunicorn_worker.PatientWorker"
    assert settings.graceful_timeout < 10


def test_a_busy_process_leaves_new_connections_to_the_others(web: Web) -> None:
    """Two processes of four threads: five incomplete requests never fill both."""
    stalled = []
    try:
        for _ in range(5):
            half = socket.create_connection(("127.0.0.1", web.port))
            half.sendall(b"GET /pid HTTP/1.1\r\nX-Half: ")
            stalled.append(half)
        for _ in range(30):
            assert web.get("/pid"), "it waited behind the stalled ones"
    finally:
        for half in stalled:
            half.close()
