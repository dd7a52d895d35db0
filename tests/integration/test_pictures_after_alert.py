"""The alert of frames leaves before their clip has its pictures, which follow in any case."""

import errno
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import select, update

from tests.deaths import Killed
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
from tests.library import ACTOR
from vigint_web.clock import utcnow
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.media.errors import MediaError, MediaErrorCode
from vigint_web.models import (
    FileKind,
    Notification,
    NotificationState,
    Role,
    Video,
    VideoStatus,
)
from vigint_web.models.types import ATTEMPTS
from vigint_web.services.core.transactions import transaction
from vigint_web.services.incidents.clip_boxes import boxes_of_video, main_moment
from vigint_web.services.operations.reconciler import reconcile
from vigint_web.services.processing import picturing, pipeline, producing
from vigint_web.services.videos.lifecycle import detach_and_delete_video
from vigint_web.storage import StorageError

Work = Callable[[], None]
PICTURES = {FileKind.POSTER, FileKind.THUMBNAIL, FileKind.SPRITE}
BOX = {"frame": 4, "x": 0.25, "y": 0.25, "w": 0.5, "h": 0.5, "label": "person", "score": 0.9}


@pytest.fixture
def posted(client: FlaskClient, api_key: str, footage: Footage) -> int:
    """Post an incident of frames with a box; return its video's id."""
    document = incident_document(footage.frames(8))
    document["incident_data"] = {"boxes": [BOX]}
    post_incident(client, api_key, document)
    found: int = db.session.scalars(select(Video.id)).one()
    return found


def video() -> Video:
    renew()
    return db.session.query(Video).one()


def pictures() -> set[str]:
    return {kind for kind, _number in video().named_files} & PICTURES


def fail_with(patch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*_: object) -> Any:
        raise error

    patch.setattr(picturing, "produce_pictures", fail)


def test_the_mail_may_leave_before_there_are_pictures(
    posted: int, work: Work, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, seen = producing.produce_pictures, []

    def noted(*given: Any) -> Any:
        row = db.session.get_one(Video, posted, populate_existing=True)
        [notification] = db.session.query(Notification)
        seen.append((row.status, row.awaits_pictures, notification.state, row.file("poster")))
        return real(*given)

    monkeypatch.setattr(picturing, "produce_pictures", noted)
    pipeline.process_video(posted)
    assert seen == [(VideoStatus.READY, True, NotificationState.PENDING, None)]
    row = video()
    assert pictures() == PICTURES
    assert (row.is_complete, row.timeline is not None) == (True, True)
    assert row.stored_size == row.files_size
    assert stored_files(config) == row.stored_keys
    work()
    assert len(mails(config)) == 1


def test_what_was_killed_before_its_pictures_gets_them_later(
    posted: int, work: Work, config: Config, clock: Clock, queue: Redis
) -> None:
    queue.flushall()
    with pytest.MonkeyPatch.context() as patch:
        fail_with(patch, Killed())
        with pytest.raises(Killed):
            pipeline.process_video(posted)
    work()
    assert len(mails(config)) == 1, "the alert does not wait for them"
    assert reconcile() == 0, "its worker may still be at work"
    clock.forward(minutes=2)
    assert reconcile() == 1
    work()
    row = video()
    assert pictures() == PICTURES
    assert (row.status, row.is_complete, row.attempt) == (VideoStatus.READY, True, 2)
    assert stored_files(config) == row.stored_keys
    assert len(mails(config)) == 1
    clock.forward(minutes=2)
    assert reconcile() == 0


def test_the_poster_shows_what_was_detected_also_after_a_death(
    posted: int, work: Work, clock: Clock
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        fail_with(patch, Killed())
        with pytest.raises(Killed):
            pipeline.process_video(posted)
    clock.forward(minutes=2)
    reconcile()
    work()
    drawn, shown_at = boxes_of_video(posted), main_moment(posted)
    assert drawn is not None
    assert shown_at is not None
    assert drawn["poster_at"] == shown_at > 0


@pytest.mark.parametrize(
    "error",
    [
        StorageError("no answer"),
        MediaError(MediaErrorCode.TOOL_FAILED, "killed"),
        OSError(errno.EIO, "input/output error"),
        FileNotFoundError("the clip"),
    ],
)
def test_after_its_attempts_it_stays_without(
    posted: int,
    work: Work,
    config: Config,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    fail_with(monkeypatch, error)
    work()
    for _ in range(ATTEMPTS + 1):
        assert video().awaits_pictures
        clock.forward(minutes=2)
        assert reconcile() == 1
        work()
    row = video()
    assert (row.status, row.is_complete, pictures()) == (VideoStatus.READY, True, set())
    assert stored_files(config) == row.stored_keys
    assert len(mails(config)) == 1


def test_it_waits_for_room_longer_than_its_attempts(
    posted: int, work: Work, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        fail_with(patch, OSError(errno.ENOSPC, "No space left on device"))
        work()
        for _ in range(ATTEMPTS + 3):
            clock.forward(minutes=2)
            assert reconcile() == 1
            work()
    clock.forward(minutes=2)
    reconcile()
    work()
    assert pictures() == PICTURES


def test_nothing_is_left_of_pictures_whose_video_was_deleted(
    posted: int, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = producing.produce_pictures

    def deleted_meanwhile(row: Video, *given: Any) -> Any:
        made = real(row, *given)
        detach_and_delete_video(ACTOR, row)
        return made

    monkeypatch.setattr(picturing, "produce_pictures", deleted_meanwhile)
    pipeline.process_video(posted)
    renew()
    assert db.session.query(Video).count() == 0
    assert stored_files(config) == []


def test_a_page_goes_on_looking_until_there_are_pictures(
    app: Flask, posted: int, work: Work, people: Callable[[Role], Person]
) -> None:
    work()
    browser = people(Role.OPERATOR).browser
    reference = "INC-2026-000001"
    assert "data-live-busy" not in browser.get(f"/incidents/{reference}/live").text
    with transaction() as session:
        session.execute(update(Video).values(lease_until=utcnow()))
    for page in ("/incidents/live", f"/incidents/{reference}/live"):
        assert "data-live-busy" in browser.get(page).text, page
