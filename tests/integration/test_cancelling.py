"""Cancelling the processing of a source: soon, reliably, and not permanently."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from flask import Flask

from tests.functional.processes import command_of, descendants_of, runs, wait_until
from tests.helpers import Footage, Person, renew, stored_files
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.models import AuditEvent, Role, Video, VideoStatus
from vigint_web.services.operations.reconciler import reconcile
from vigint_web.services.processing import pipeline

pytestmark = pytest.mark.both_databases(reason="row locks")

CANCEL = "/source-management/file_001/cancel"
PAGE = "/source-management/file_001/"
Work = Callable[[], None]


@pytest.fixture
def operator(people: Callable[[Role], Person]) -> Person:
    return people(Role.OPERATOR)


@pytest.fixture
def waiting(operator: Person, footage: Footage) -> int:
    """Provide the id of a source's video that waits for its worker and must be re-encoded."""
    path = footage.clip("long.avi", "-c:v", "mpeg4", seconds=4)
    operator.upload(("long.avi", path.read_bytes()))
    return _video().id


def _video() -> Video:
    renew()
    return db.session.query(Video).one()


@contextmanager
def _encoding(app: Flask, video_id: int) -> Iterator[int]:
    """Process in a thread; provide the ffmpeg, stopped during the encode, so that it cannot end."""

    def run() -> None:
        with app.app_context():
            pipeline.process_video(video_id)
            db.session.remove()

    def encoder() -> int | None:
        for pid in descendants_of(os.getpid()):
            if "libx264" in command_of(pid) and f"work-{video_id}-" in command_of(pid):
                os.kill(pid, signal.SIGSTOP)
                return pid
        return None

    worker = threading.Thread(target=run)
    worker.start()
    try:
        yield wait_until(encoder, "an ffmpeg encodes")
    finally:
        worker.join(20)
    assert not worker.is_alive(), "the worker did not come back"


def test_an_encode_that_is_cancelled_ends_and_leaves_nothing(
    app: Flask, operator: Person, waiting: int, config: Config, work: Work
) -> None:
    with _encoding(app, waiting) as ffmpeg:
        assert operator.post(CANCEL).headers["Location"] == PAGE
        cancelled = time.monotonic()
        video = _video()
        assert (video.status, video.error_code) == (VideoStatus.FAILED, "cancelled")
        wait_until(lambda: not runs(ffmpeg), "ffmpeg is gone")
        print(f"ffmpeg was gone after {time.monotonic() - cancelled:.1f} s")
    video = _video()
    assert (video.status, video.error_code, video.attempt) == (VideoStatus.FAILED, "cancelled", 2)
    assert stored_files(config) == video.stored_keys == [video.original_key]
    assert list(config.temp_dir.iterdir()) == []
    assert reconcile() == 0, "it is not enqueued again"
    work()
    assert _video().status == VideoStatus.FAILED

    operator.post("/source-management/file_001/retry")
    work()
    video = _video()
    assert (video.status, video.error_code, video.attempt) == (VideoStatus.READY, None, 3)
    assert stored_files(config) == video.stored_keys


def test_what_waits_for_a_worker_is_cancelled_too(
    operator: Person, waiting: int, work: Work
) -> None:
    operator.post(CANCEL)
    work()
    video = _video()
    assert (video.status, video.error_code) == (VideoStatus.FAILED, "cancelled")
    assert video.processing_completed_at is not None
    event = db.session.query(AuditEvent).filter_by(action="source:cancelled").one()
    assert event.subject == "source:file_001"


def test_the_page_says_so_in_both_languages(operator: Person, waiting: int) -> None:
    operator.post(CANCEL)
    for locale, sentence in (
        ("en", "Processing was cancelled. You can start it again at any time."),
        ("fr", "Le traitement a été annulé. Relancez-le quand vous voulez."),
    ):
        operator.post("/language", locale=locale)
        assert sentence in operator.browser.get(PAGE).text


def test_what_is_not_being_processed_cannot_be_cancelled(
    operator: Person, waiting: int, work: Work
) -> None:
    work()
    before = _video().attempt
    assert operator.post(CANCEL).status_code == 409
    video = _video()
    assert (video.status, video.attempt) == (VideoStatus.READY, before)
    assert operator.post("/source-management/file_999/cancel").status_code == 404


def test_whoever_only_looks_cancels_nothing(people: Callable[[Role], Person], waiting: int) -> None:
    assert people(Role.VIEWER).post(CANCEL).status_code == 403
    assert _video().status == VideoStatus.PROCESSING
