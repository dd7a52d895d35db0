"""The clock is set back by a day while workers are dead: nothing waits for that day to pass."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis
from redis.typing import EncodableT, FieldT

from tests.helpers import Clock, Footage, incident_document, mails, post_incident, renew
from tests.library import ACTOR, Library
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.models import (
    AccountMail,
    AccountMailPurpose,
    AccountMailState,
    Notification,
    NotificationState,
    Upload,
    Video,
    VideoStatus,
)
from vigint_web.services.accounts import account_mails
from vigint_web.services.accounts.login_throttling import TooSoon, take_attempt
from vigint_web.services.core import lapsing
from vigint_web.services.core.lapsing import SKEW, has_lapsed
from vigint_web.services.core.leases import claim
from vigint_web.services.core.runtime import runtime
from vigint_web.services.core.transactions import transaction
from vigint_web.services.operations import health
from vigint_web.services.operations.overlong_counters import forget_overlong_counters
from vigint_web.services.operations.reconciler import reconcile
from vigint_web.services.sources import sources
from vigint_web.services.uploads import receiving, uploads
from vigint_web.services.uploads.receiving import Body

pytestmark = pytest.mark.both_databases(reason="dates are compared by the database")

Work = Callable[[], None]


@pytest.fixture
def tomorrow(clock: Clock) -> Clock:
    """Provide a clock that is a day ahead, until it is set back."""
    clock.forward(days=1)
    return clock


def _set_back(clock: Clock) -> None:
    renew()
    clock.forward(days=-1)


def test_an_incident_in_the_hands_of_a_dead_worker_is_finished(
    tomorrow: Clock,
    client: FlaskClient,
    api_key: str,
    footage: Footage,
    queue: Redis,
    work: Work,
    config: Config,
) -> None:
    post_incident(client, api_key, incident_document(footage.frames(3)))
    [video] = db.session.query(Video)
    assert claim(Video, video.id, Video.status == VideoStatus.PROCESSING), "a worker takes it"
    queue.flushall()
    assert reconcile() == 0, "its lease holds"
    _set_back(tomorrow)
    assert reconcile() == 1, "the lease holds it for a day"
    work()
    assert db.session.query(Video).one().status == VideoStatus.READY
    reconcile()
    work()
    assert len(mails(config)) == 1


@pytest.mark.parametrize("held", ["by a lease", "by a pause", "with all others"])
def test_a_mail_goes_out(
    tomorrow: Clock,
    client: FlaskClient,
    api_key: str,
    queue: Redis,
    work: Work,
    config: Config,
    held: str,
) -> None:
    post_incident(client, api_key, {"message": "m"})
    renew()
    [notification] = db.session.query(Notification)
    if held == "by a lease":
        assert claim(Notification, notification.id, Notification.state == NotificationState.PENDING)
    else:
        with transaction():
            notification.next_attempt_at = tomorrow.now() + timedelta(minutes=30)
            notification.held_up = held == "with all others"
    queue.flushall()
    assert reconcile() == 0
    _set_back(tomorrow)
    assert reconcile() == 1, f"it is held {held}"
    work()
    assert len(mails(config)) == 1


def test_a_mail_about_an_account_goes_out(
    tomorrow: Clock, app: Flask, queue: Redis, library: Library
) -> None:
    mail = account_mails.queue_mail("a@example.com", AccountMailPurpose.PASSWORD_RESET, "fr")
    with transaction():
        mail.next_attempt_at = tomorrow.now() + timedelta(minutes=30)
    assert claim(AccountMail, mail.id, AccountMail.state == AccountMailState.PENDING)
    queue.flushall()
    assert reconcile() == 0
    _set_back(tomorrow)
    assert reconcile() == 1


def test_an_upload_can_be_gone_on_with_and_one_that_died_ends(
    tomorrow: Clock, app: Flask, queue: Redis
) -> None:
    begun = uploads.begin(ACTOR, uploads.Announced(5, "clip.mp4"))
    with transaction() as session:
        row = session.get_one(Upload, begun.id)
        row.writer, row.lease_until = "x" * 16, tomorrow.now() + timedelta(seconds=5)
    plain = sources.begin_upload(ACTOR, "other.mp4")
    _set_back(tomorrow)
    upload = db.session.get_one(Upload, begun.id)
    came = receiving.receive(ACTOR, upload, 0, Body([b"12345"], 5))
    assert came == 5, "its dead writer holds it for a day"
    assert reconcile() >= 1
    renew()
    assert db.session.get_one(Video, plain.video_id).status == VideoStatus.FAILED


def test_a_login_is_not_delayed_for_a_day(tomorrow: Clock, app: Flask) -> None:
    for memory in (False, True):
        if memory:
            runtime().queue_silent_until = float("inf")
        for _ in range(5):
            take_attempt("password", f"a{memory}", "192.0.2.1", None)
        with pytest.raises(TooSoon):
            take_attempt("password", f"a{memory}", "192.0.2.1", None)
        _set_back(tomorrow)
        take_attempt("password", f"a{memory}", "192.0.2.1", None)
        tomorrow.forward(days=1)


def test_a_worker_that_died_before_does_not_count_as_alive(
    tomorrow: Clock, app: Flask, queue: Redis
) -> None:
    dead: dict[FieldT, EncodableT] = {
        "last_heartbeat": tomorrow.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "queues": "mail",
    }
    queue.hset("rq:worker:dead", mapping=dead)
    queue.sadd("rq:workers", "rq:worker:dead")
    assert health.living_workers() == 1
    _set_back(tomorrow)
    assert health.living_workers() == 0


def test_counters_of_rate_limits_do_not_outlive_their_window(app: Flask, queue: Redis) -> None:
    queue.set("LIMITS:LIMITER/key:1/posting/600/1/minute", 600, ex=60)
    queue.set("LIMITS:LIMITER/key:2/posting/600/1/minute", 600, ex=86_460)
    assert forget_overlong_counters() == 1
    assert queue.keys("LIMITS:*") == [b"LIMITS:LIMITER/key:1/posting/600/1/minute"]


@given(
    seconds=st.integers(-(10**6), 10**6) | st.just(None),
    longest=st.integers(0, 86_400).map(lambda n: timedelta(seconds=n)),
)
def test_a_time_holds_back_only_as_far_ahead_as_it_is_ever_set(
    seconds: int | None, longest: timedelta
) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lapsing, "utcnow", lambda: now)
        if seconds is None:
            assert has_lapsed(None, longest)
            return
        ahead = timedelta(seconds=seconds)
        holds = not has_lapsed(now + ahead, longest)
    assert holds == (timedelta(0) < ahead <= longest + SKEW)
