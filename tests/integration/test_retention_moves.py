"""Dates are moved in batches, unaffected by a kill, a new video or a locked row."""

import threading
import time
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import event, text, update

from tests.helpers import Clock, renew
from tests.library import ACTOR, Library
from tests.retention import DAY, Machine, events_of, kept_for
from vigint_web.clock import utcnow
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.models import Link, Video, VideoKind, VideoStatus
from vigint_web.services.core.transactions import transaction
from vigint_web.services.retention import moves
from vigint_web.services.retention.changes import confirm
from vigint_web.services.retention.moves import move_dates
from vigint_web.services.videos.retention_dates import date_for_new
from vigint_web.services.videos.retention_rules import Setting

pytestmark = pytest.mark.both_databases(reason="rows that others have locked are skipped")


@pytest.fixture
def machine(clock: Clock, config: Config, app: Flask) -> Machine:
    return Machine("alpha", clock, config)


def test_moving_goes_on_where_a_killed_process_stopped(
    library: Library, machine: Machine, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies at each statement of the move in turn, before and after each commit."""
    videos = [library.incident().id for _ in range(5)]
    for video in videos:
        library.person_link(db.session.get_one(Video, video), hours=24 * 365)
    machine.looks()
    machine.reads(retention_days=7).looks()
    confirm(ACTOR, Setting.INCIDENTS, 7)
    monkeypatch.setattr(moves, "_BATCH", 2)
    kills = _kills(move_dates, lambda: [kept_for(video) for video in videos] == [7] * 5)
    assert kills > 10, "it was hardly interrupted"
    assert events_of("applied") == [{"days": 7, "videos": 5, "links": 5}], "counted once each"


class _Killed(BaseException):
    pass


def _kills(work: Callable[[float], int], is_done: Callable[[], bool]) -> int:
    """Run something, killed one statement later each time, until it is completed; count kills."""
    kills, left = 0, 0

    def count(*_: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise _Killed

    for allowed in range(200):
        left = allowed
        event.listen(db.engine, "before_cursor_execute", count)
        event.listen(db.engine, "commit", count)
        try:
            work(60)
            finished = True
        except _Killed:
            finished, kills = False, kills + 1
        finally:
            event.remove(db.engine, "before_cursor_execute", count)
            event.remove(db.engine, "commit", count)
            db.session.remove()
        if finished and is_done():
            return kills
    pytest.fail("it never got through")


def test_a_video_that_arrives_during_the_change_follows_it_too(
    app: Flask, library: Library, machine: Machine, database: dict[str, str]
) -> None:
    """Its transaction read the days before the change and is committed after it."""
    if "VIGINT_DATABASE_URL" not in database:
        pytest.skip("SQLite has one writer at a time")
    old = library.incident()
    machine.looks()
    machine.reads(retention_days=7).looks()

    def change() -> None:
        with app.app_context():
            confirm(ACTOR, Setting.INCIDENTS, 7)

    changing = threading.Thread(target=change)
    with transaction() as session:
        now = utcnow()
        late = Video(
            public_id="vid_late", site_id=old.site_id, kind=VideoKind.CLIP,
            status=VideoStatus.READY, original_name="late.mp4", created_at=now,
            purge_at=date_for_new(VideoKind.CLIP, now),
        )  # fmt: skip
        changing.start()
        _until(lambda: not changing.is_alive() or _waits_for_a_lock(), "the change began")
        assert changing.is_alive(), "the change did not wait for the new video"
        session.add(late)
    changing.join()
    assert late.purge_at == late.created_at + 30 * DAY
    machine.looks()
    assert kept_for(late.id) == 7


def _waits_for_a_lock() -> bool:
    with db.engine.connect() as connection:
        waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(connection.execute(waits).scalar())


def _until(holds: Callable[[], bool], what: str) -> None:
    ends = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < ends, f"not within a minute: {what}"
        time.sleep(0.01)


def test_a_link_in_use_delays_its_batch_and_no_other_transaction(
    app: Flask, library: Library, machine: Machine, database: dict[str, str]
) -> None:
    if "VIGINT_DATABASE_URL" not in database:
        pytest.skip("SQLite has one writer at a time")
    video = library.incident()
    link_id = library.person_link(video, hours=24 * 365).id
    machine.looks()
    machine.reads(retention_days=7).looks()
    confirm(ACTOR, Setting.INCIDENTS, 7)
    renew()
    with db.engine.begin() as other:
        other.execute(update(Link).where(Link.id == link_id).values(note="in use"))
        assert move_dates(60) == 0, "it does not wait for locks"
        assert kept_for(video.id) == 30
        renew()
    assert move_dates(60) == 1
    assert kept_for(video.id) == 7
