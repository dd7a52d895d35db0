"""The row is the source of truth, the queue only transport: losing the queue loses nothing."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from redis import Redis

from tests.helpers import (
    Clock,
    Footage,
    Person,
    incident_document,
    mails,
    post_incident,
    renew,
    run_jobs,
)
from tests.library import Library
from vigint_web.cli.queue_server import QueueServer
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.jobs.worker import make_worker
from vigint_web.models import Notification, NotificationState, Role, Video, VideoStatus
from vigint_web.services.core import job_queue
from vigint_web.services.core.actors import command_line
from vigint_web.services.operations.reconciler import reconcile
from vigint_web.services.sources import sources

pytestmark = pytest.mark.both_databases(reason="what the reconciler finds by dates")

Work = Callable[[], None]


class Startable:
    """A queue server that is not running yet."""

    def __init__(self, folder: Path) -> None:
        self.server = QueueServer(folder)
        self.server.prepare()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait for its answer."""
        self._process = subprocess.Popen(self.server.argv, start_new_session=True)
        deadline = time.monotonic() + 20
        while not self.server.ready():
            assert time.monotonic() < deadline, "the queue server did not start"

    def stop(self) -> None:
        """Stop it, if it runs."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(10)
            self._process = None


@pytest.fixture
def own_queue(tmp_path: Path) -> Iterator[Startable]:
    startable = Startable(tmp_path / "q")
    yield startable
    startable.stop()
    startable.server.cleanup()


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> dict[str, str]:
    if "own_queue" not in request.fixturenames:
        return {}
    startable: Startable = request.getfixturevalue("own_queue")
    return {"VIGINT_REDIS_URL": startable.server.url}


def _ready(reference: str, client: FlaskClient, key: str) -> bool:
    answer = client.get(f"/api/v1/incidents/{reference}", headers={"X-API-Key": key}).get_json()
    return bool(answer["done"]) and answer["state"] == "ready"


def test_an_incident_is_accepted_without_queue_and_finished_when_it_is_back(
    own_queue: Startable, client: FlaskClient, api_key: str, footage: Footage, config: Config
) -> None:
    accepted = post_incident(client, api_key, incident_document(footage.frames(5)))
    renew()
    [video] = db.session.query(Video)
    assert video.status == VideoStatus.PROCESSING, "accepted means stored"
    assert client.get("/healthz").status_code == 200
    readiness = client.get("/readyz")
    assert readiness.status_code == 503
    assert readiness.get_json()["missing"] == ["queue", "worker"]
    assert client.get("/login").status_code == 200, "the limiter needs no queue"
    own_queue.start()
    assert reconcile() == 1
    run_jobs()
    assert _ready(accepted["reference"], client, api_key)
    assert len(mails(config)) == 1


def test_a_queue_that_dies_between_video_and_mail_loses_no_mail(
    own_queue: Startable,
    client: FlaskClient,
    api_key: str,
    footage: Footage,
    config: Config,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from vigint_web.services.processing import pipeline

    accepted = post_incident(client, api_key, incident_document(footage.frames(5)))
    [video] = db.session.query(Video)
    pipeline.process_video(video.id)
    renew()
    [notification] = db.session.query(Notification)
    assert (notification.state, mails(config)) == (NotificationState.PENDING, [])
    own_queue.start()
    reconcile()
    run_jobs()
    assert _ready(accepted["reference"], client, api_key)


def test_wiping_the_queue_at_any_moment_loses_nothing(
    client: FlaskClient,
    api_key: str,
    footage: Footage,
    queue: Redis,
    work: Work,
    config: Config,
    people: Callable[[Role], Person],
) -> None:
    accepted = post_incident(client, api_key, incident_document(footage.frames(5)))
    clip = footage.clip("wiped.mp4").read_bytes()
    people(Role.OPERATOR).upload(("wiped.mp4", clip))
    queue.flushall()
    work()
    renew()
    assert {v.status for v in db.session.query(Video)} == {VideoStatus.PROCESSING}
    assert reconcile() == 2
    from vigint_web.services.processing import pipeline

    for video in db.session.query(Video):
        pipeline.process_video(video.id)
    queue.flushall()  # the mail's job is gone too
    work()
    assert mails(config) == []
    assert reconcile() == 1
    work()
    assert _ready(accepted["reference"], client, api_key)
    assert len(mails(config)) == 1
    assert reconcile() == 0, "there is nothing left to do"


def test_the_same_work_is_never_queued_twice(
    client: FlaskClient, api_key: str, footage: Footage
) -> None:
    post_incident(client, api_key, incident_document(footage.frames(5)))
    for _ in range(3):
        reconcile()
    assert job_queue.queue(job_queue.INCIDENTS).count == 1


def test_a_job_whose_worker_died_before_it_began_is_queued_again(
    client: FlaskClient, api_key: str, footage: Footage, queue: Redis, work: Work
) -> None:
    """A popped job's status is "queued" although no queue has it."""
    post_incident(client, api_key, incident_document(footage.frames(5)))
    target = job_queue.queue(job_queue.INCIDENTS)
    assert queue.rpop(target.key), "the worker took it and died"
    assert reconcile() == 1
    assert target.count == 1
    work()
    assert db.session.query(Video).one().status == VideoStatus.READY


def test_jobs_travel_as_json_and_hold_ids_only(
    client: FlaskClient, api_key: str, footage: Footage, queue: Redis
) -> None:
    post_incident(client, api_key, incident_document(footage.frames(5)))
    [job_id] = job_queue.queue(job_queue.INCIDENTS).get_job_ids()
    import json
    import zlib

    packed = queue.hget(f"rq:job:{job_id}", "data")
    assert isinstance(packed, bytes)
    data = json.loads(zlib.decompress(packed))
    [video] = db.session.query(Video)
    assert data[2] == [video.id]


def test_an_upload_that_fell_silent_ends_with_a_sentence(
    library: Library, clock: Clock, client: FlaskClient
) -> None:
    source = sources.begin_upload(command_line(), "clip.mp4")
    assert reconcile() == 0, "it has only just begun"
    clock.forward(seconds=90)
    sources.upload_goes_on(source.video_id)
    clock.forward(seconds=90)
    assert reconcile() == 0, "it gave a sign of life"
    clock.forward(seconds=130)
    assert reconcile() == 1
    renew()
    [video] = db.session.query(Video)
    assert (video.status, video.error_code) == (VideoStatus.FAILED, "upload_interrupted")
    assert reconcile() == 0


def test_readiness_knows_a_living_worker_from_a_dead_one(
    client: FlaskClient, queue: Redis, clock: Clock
) -> None:
    from rq import Worker
    from rq.serializers import JSONSerializer

    assert client.get("/readyz").get_json()["missing"] == ["worker"]
    worker = Worker([job_queue.queue("mail")], connection=queue, serializer=JSONSerializer)
    worker.register_birth()  # type: ignore[no-untyped-call]  # RQ leaves it untyped
    assert client.get("/readyz").status_code == 200
    clock.forward(minutes=2)
    assert client.get("/readyz").get_json()["missing"] == ["worker"], "killed ones are silent"
    worker.register_death()  # type: ignore[no-untyped-call]  # RQ leaves it untyped


def test_a_living_worker_is_known_again_after_the_queue_was_lost(
    client: FlaskClient, queue: Redis
) -> None:
    worker = make_worker(("mail", "incidents"))
    worker.register_birth()  # type: ignore[no-untyped-call]  # RQ leaves it untyped
    queue.flushall()
    worker.heartbeat()
    assert client.get("/readyz").status_code == 200
    worker.register_death()  # type: ignore[no-untyped-call]  # RQ leaves it untyped
    assert client.get("/readyz").get_json()["missing"] == ["worker"]
