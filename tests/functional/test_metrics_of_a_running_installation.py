"""Metrics of a running installation: of all its processes, and kept when one is killed."""

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.functional.installation import Installation, token_of
from tests.functional.processes import runs, wait_until
from tests.functional.web import request

# Processes send their counts every second.
_REST_SECONDS = 3


def _value(vigint: Installation, name: str, **labels: str) -> float:
    answer = request(f"{vigint.url}/metrics")
    assert answer.status == 200
    return sum(
        sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def _settled(vigint: Installation, name: str, **labels: str) -> float:
    """Return a value that is stable for longer than a process takes to add its own."""
    since, seen = time.monotonic(), _value(vigint, name, **labels)

    def rests() -> bool:
        nonlocal since, seen
        value = _value(vigint, name, **labels)
        if value != seen:
            since, seen = time.monotonic(), value
        return time.monotonic() - since > _REST_SECONDS

    wait_until(rests, f"{name} rests")
    return seen


def test_every_process_counts_and_a_killed_one_is_not_forgotten(vigint: Installation) -> None:
    unknown = {"route": "/api/video/<token>/", "status": "404"}
    before = _settled(vigint, "vigint_http_requests_total", **unknown)

    def ask(number: int) -> int:
        return request(f"{vigint.url}/api/video/nothing-{number}/").status

    with ThreadPoolExecutor(16) as threads:
        assert set(threads.map(ask, range(120))) == {404}

    def counted() -> bool:
        return _value(vigint, "vigint_http_requests_total", **unknown) == before + 120

    wait_until(counted, "all requests counted")
    for process in vigint.web_processes():
        os.kill(process, signal.SIGKILL)
        wait_until(lambda process=process: not runs(process), "its end")  # type: ignore[misc]  # bound at once
        wait_until(vigint.is_ready, "another process")
    assert counted()


def test_bytes_that_the_kernel_sent_and_work_that_others_did_are_counted(
    vigint: Installation, document: Callable[..., dict[str, Any]]
) -> None:
    sent = _settled(vigint, "vigint_media_sent_bytes_total", kind="stream")
    jobs = _value(vigint, "vigint_jobs_total", queue="incidents", outcome="done")
    mails = _value(vigint, "vigint_mail_delivery_lag_seconds_count")
    accepted = vigint.post(document())
    vigint.finished(accepted)
    stream = f"{vigint.url}/stream/{token_of(accepted['private_link'])}/"
    whole = len(request(stream).body)
    part = len(request(stream, Range="bytes=10-1009").body)
    assert part == 1000
    assert whole > part

    def counted() -> bool:
        return _value(vigint, "vigint_media_sent_bytes_total", kind="stream") == sent + whole + part

    wait_until(counted, "the bytes counted")
    assert _value(vigint, "vigint_jobs_total", queue="incidents", outcome="done") == jobs + 1
    assert _value(vigint, "vigint_mail_delivery_lag_seconds_count") == mails + 1
    # A worker killed by another test counts until its missing heartbeat is noticed.
    wait_until(lambda: _value(vigint, "vigint_workers") == 2, "two living workers")
    assert _value(vigint, "vigint_up") == 2
