"""One owner at a time: leases, and the work of dead and slow workers."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from tests.helpers import (
    Clock,
    Footage,
    Person,
    incident_document,
    mails,
    post_incident,
    renew,
    stored_files,
)
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.mail import messages
from vigint_web.mail.messages import OutgoingMail
from vigint_web.media.errors import MediaError, MediaErrorCode
from vigint_web.models import (
    Incident,
    Link,
    Notification,
    NotificationState,
    Role,
    Source,
    Video,
    VideoStatus,
)
from vigint_web.services.core import leases
from vigint_web.services.core.actors import SYSTEM
from vigint_web.services.core.leases import Lease, claim
from vigint_web.services.core.transactions import transaction
from vigint_web.services.incidents import incidents
from vigint_web.services.notifications import delivery
from vigint_web.services.operations.reconciler import reconcile
from vigint_web.services.processing import pipeline, producing

pytestmark = pytest.mark.both_databases(reason="leases are taken by update")

Work = Callable[[], None]


@pytest.fixture
def waiting(client: FlaskClient, api_key: str, footage: Footage) -> int:
    """Give the id of a video that waits for its worker."""
    post_incident(client, api_key, incident_document(footage.frames(5)))
    return db.session.query(Video.id).scalar() or 0


def _steal(row_id: int) -> None:
    with transaction() as session:
        session.execute(update(Video).where(Video.id == row_id).values(attempt=Video.attempt + 1))


def _video() -> Video:
    renew()
    return db.session.query(Video).one()


def test_of_two_workers_on_one_row_one_works(
    app: Flask, waiting: int, config: Config, work: Work
) -> None:
    together = threading.Barrier(2)

    def run() -> None:
        with app.app_context():
            together.wait(10)
            pipeline.process_video(waiting)

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(run) for _ in range(2)]:
            done.result(60)
    video = _video()
    assert (video.status, video.attempt) == (VideoStatus.READY, 1)
    assert stored_files(config) == video.stored_keys, "a file that no row names"
    work()
    assert len(mails(config)) == 1
    pipeline.process_video(waiting)
    assert _video().attempt == 1, "a settled video is left alone"


def test_of_two_workers_on_one_mail_one_sends(
    app: Flask, client: FlaskClient, api_key: str, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    post_incident(client, api_key, {"message": "m"})
    [notification] = db.session.query(Notification)
    sent: list[OutgoingMail] = []
    real = messages.send

    def noted(message: OutgoingMail, settings: Config) -> str:
        sent.append(message)
        return real(message, settings)

    monkeypatch.setattr(delivery, "send", noted)
    together = threading.Barrier(2)

    def run() -> None:
        with app.app_context():
            together.wait(10)
            delivery.deliver_alert(notification.id)

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(run) for _ in range(2)]:
            done.result(30)
    assert len(sent) == 1
    delivery.deliver_alert(notification.id)
    assert len(sent) == 1, "a sent mail is not sent again"


def test_whoever_lost_the_lease_publishes_nothing(
    waiting: int, monkeypatch: pytest.MonkeyPatch, work: Work, config: Config
) -> None:
    real = producing.produce

    def slow(video: Video, folder: Any, lease: Lease) -> Any:
        product = real(video, folder, lease)
        if lease.attempt == 1:
            _steal(video.id)
        return product

    monkeypatch.setattr(pipeline, "produce", slow)
    pipeline.process_video(waiting)
    video = _video()
    assert (video.status, video.attempt, video.original_key) == (VideoStatus.PROCESSING, 2, None)
    assert stored_files(config) == [video.frames_key], "its files are still there"
    assert db.session.query(Notification).one().state == NotificationState.WAITING
    assert list(config.temp_dir.iterdir()) == []


def test_a_lost_lease_stops_the_encode(waiting: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "_BEAT_SECONDS", 0.02)

    def endless(video: Video, folder: Any, lease: Lease) -> Any:
        _steal(video.id)
        assert lease.lost.wait(10), "the heartbeat did not notice"
        raise MediaError(MediaErrorCode.CANCELLED, "was cancelled")

    monkeypatch.setattr(pipeline, "produce", endless)
    pipeline.process_video(waiting)
    video = _video()
    assert (video.status, video.error_code) == (VideoStatus.PROCESSING, None)


def test_the_heartbeat_keeps_the_lease(
    waiting: int, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setattr(leases, "_BEAT_SECONDS", 0.02)
    lease = claim(Video, waiting, Video.status == VideoStatus.PROCESSING)
    assert lease is not None
    with lease.kept():
        clock.forward(seconds=15)
        before, deadline = clock.now(), time.monotonic() + 10
        while True:
            until = _video().lease_until
            assert until is not None
            if until > before + leases.LEASE / 2:
                break
            assert time.monotonic() < deadline, "the lease was not renewed"
        clock.forward(seconds=15)
        assert claim(Video, waiting, Video.status == VideoStatus.PROCESSING) is None
    assert not lease.lost.is_set()


def test_a_dead_owners_work_is_taken_up_once_its_lease_is_over(
    waiting: int, clock: Clock, work: Work, config: Config, client: FlaskClient
) -> None:
    assert claim(Video, waiting, Video.status == VideoStatus.PROCESSING) is not None
    work()
    assert reconcile() == 0, "it may still live"
    assert _video().status == VideoStatus.PROCESSING
    clock.forward(seconds=21)
    assert reconcile() == 1
    work()
    video = _video()
    assert (video.status, video.attempt) == (VideoStatus.READY, 2)
    assert len(mails(config)) == 1


def test_work_that_kills_its_workers_is_given_up_and_the_alert_still_goes(
    waiting: int, clock: Clock, work: Work, config: Config
) -> None:
    for _ in range(5):
        assert claim(Video, waiting, Video.status == VideoStatus.PROCESSING) is not None
        clock.forward(seconds=21)
    reconcile()
    work()
    video = _video()
    assert (video.status, video.error_code) == (VideoStatus.FAILED, "tool_failed")
    [notification] = db.session.query(Notification)
    assert (notification.state, notification.kind) == (NotificationState.SENT, "text_only")
    [mail] = mails(config)
    assert "/video/" not in mail.as_string()


def test_a_retry_gives_a_given_up_video_new_attempts_and_mails_its_link_once(
    waiting: int, clock: Clock, work: Work, config: Config
) -> None:
    for _ in range(5):
        claim(Video, waiting, Video.status == VideoStatus.PROCESSING)
        clock.forward(seconds=21)
    reconcile()
    work()
    [incident] = db.session.query(Incident)
    incidents.retry_incident_video(SYSTEM, incident.reference)
    work()
    video = _video()
    assert (video.status, video.error_code) == (VideoStatus.READY, None)
    links = ["/video/" in mail.as_string() for mail in mails(config)]
    assert sorted(links) == [False, True], "a text when it failed, then the link"
    reconcile()
    work()
    assert len(mails(config)) == 2
    assert db.session.query(Incident).one().frames_used == 5


def test_a_mail_released_by_a_lost_attempt_is_no_mail(
    waiting: int, monkeypatch: pytest.MonkeyPatch, clock: Clock, work: Work, config: Config
) -> None:
    """The old owner finishes after the new one: still one link per recipient, one mail."""
    real = producing.produce
    products: list[Any] = []

    def overtaken(video: Video, folder: Any, lease: Lease) -> Any:
        product = real(video, folder, lease)
        if lease.attempt == 1:
            clock.forward(seconds=21)
            pipeline.process_video(video.id)
            products.append(product)
        return product

    monkeypatch.setattr(pipeline, "produce", overtaken)
    pipeline.process_video(waiting)
    work()
    video = _video()
    assert (video.status, video.attempt) == (VideoStatus.READY, 2)
    assert products, "the old owner came to its end"
    assert stored_files(config) == video.stored_keys
    assert db.session.query(Link).count() == 2, "the detector's and the recipient's"
    assert len(mails(config)) == 1


def test_a_source_deleted_while_it_is_processed_is_no_accident(
    people: Callable[[Role], Person], monkeypatch: pytest.MonkeyPatch, work: Work
) -> None:
    admin = people(Role.ADMIN)
    real = producing.produce
    assert admin.upload(("deleted.mp4", b"x")).status_code == 302
    source_id = db.session.query(Source.source_id).scalar() or ""

    def too_late(video: Video, folder: Any, lease: Lease) -> Any:
        assert admin.post(f"/source-management/{source_id}/delete").status_code == 302
        return real(video, folder, lease)

    monkeypatch.setattr(pipeline, "produce", too_late)
    work()  # reports a job that ended with a stack trace
    assert db.session.query(Video).count() == 0
