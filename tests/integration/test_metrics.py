"""Prometheus metrics: right over all processes, for permitted clients, and without secrets."""

import multiprocessing
import os
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis
from redis.exceptions import ConnectionError as RedisUnreachable

from tests.helpers import Clock, Footage, Person, incident_document, path_of, post_incident
from tests.library import ACTOR, STREAMED, Library
from vigint_web.clock import utcnow
from vigint_web.config.config import Config, ConfigError, load_config
from vigint_web.crypto.tokens import key_id
from vigint_web.extensions import db
from vigint_web.jobs.worker import VigintWorker
from vigint_web.models import Role, Video
from vigint_web.services.core import counters, event_metrics, job_queue
from vigint_web.services.core.runtime import runtime
from vigint_web.services.links import links
from vigint_web.services.operations import metrics

pytestmark = pytest.mark.both_databases(reason="counts by groups")
ONE_DATABASE = pytest.mark.only_sqlite(reason="others here ask of the database what it asks")

Work = Callable[[], None]
TOKEN = "a-token-of-the-tests-that-opens-metrics"
ELSEWHERE = {"REMOTE_ADDR": "192.0.2.7"}
COUNTED = event_metrics.REQUESTS


@pytest.fixture
def settings(queue_server: str) -> dict[str, str]:
    # A separate one: counts of other tests in this process arrive up to a second late.
    return {"VIGINT_REDIS_URL": f"{queue_server}?db=9", "VIGINT_METRICS_TOKEN": TOKEN}


def _read(client: FlaskClient) -> dict[tuple[str, ...], float]:
    """Return every sample: its name, then its labels in the order of their names."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    return {
        (sample.name, *(f"{name}={value}" for name, value in sorted(sample.labels.items()))): (
            sample.value
        )
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


@ONE_DATABASE
def test_requests_are_counted_by_route(
    client: FlaskClient, library: Library, people: Callable[[Role], Person]
) -> None:
    token = library.program_token(library.source())
    for _ in range(3):
        client.get(f"/api/video/{token}/")
    client.get("/api/video/nonsense/")
    client.get("/nowhere/at/all")
    client.open("/healthz", method="BREW")
    found = _read(client)
    route = "route=/api/video/<token>/"
    assert found["vigint_http_requests_total", "method=GET", route, "status=200"] == 3
    assert found["vigint_http_requests_total", "method=GET", route, "status=404"] == 1
    none = "route=(no route)"
    assert found["vigint_http_requests_total", "method=GET", none, "status=404"] == 1
    assert found["vigint_http_requests_total", "method=(other)", none, "status=405"] == 1
    seconds = "vigint_http_request_duration_seconds"
    assert found[f"{seconds}_count", "method=GET", route] == 4
    assert found[f"{seconds}_bucket", "le=+Inf", "method=GET", route] == 4
    assert 0 < found[f"{seconds}_sum", "method=GET", route] < 10
    bounds = [found[f"{seconds}_bucket", f"le={le}", "method=GET", route] for le in (0.005, 1.0)]
    assert bounds == sorted(bounds)


@ONE_DATABASE
def test_ranges_and_bytes_are_counted_by_kind(client: FlaskClient, library: Library) -> None:
    token = library.program_token(library.source())
    client.get(f"/stream/{token}/", headers={"Range": "bytes=100-199"})
    client.get(f"/stream/{token}/", headers={"Range": "bytes=0-"})
    client.head(f"/stream/{token}/")
    client.get(f"/stream/{token}/", headers={"Range": "bytes=99999999-"})
    client.get(f"/api/video/{token}/download/")
    client.get(f"/api/video/{token}/thumbnail/")
    found = _read(client)
    assert found["vigint_media_responses_total", "kind=stream", "status=206"] == 2
    assert found["vigint_media_responses_total", "kind=stream", "status=416"] == 1
    assert found["vigint_media_sent_bytes_total", "kind=stream"] == 100 + len(STREAMED)
    assert found["vigint_media_sent_bytes_total", "kind=download"] == len(STREAMED)
    assert 0 < found["vigint_media_sent_bytes_total", "kind=thumbnail"] < 1000


def test_jobs_deliveries_and_what_there_is(
    client: FlaskClient,
    api_key: str,
    work: Work,
    footage: Footage,
    people: Callable[[Role], Person],
) -> None:
    before = _read(client)
    assert before["vigint_queue_jobs", "queue=mail"] == 0
    assert before["vigint_queue_oldest_job_seconds", "queue=mail"] == 0
    post_incident(client, api_key, incident_document(footage.frames(3)))
    post_incident(client, api_key, {"message": "no video"})
    people(Role.OPERATOR).upload(("broken.mp4", b"this is no video"))
    waiting = _read(client)
    assert waiting["vigint_queue_jobs", "queue=incidents"] == 1
    assert waiting["vigint_queue_jobs", "queue=sources"] == 1
    assert 0 < waiting["vigint_queue_oldest_job_seconds", "queue=incidents"] < 60
    assert waiting["vigint_mails", "state=waiting"] == 1
    work()
    found = _read(client)
    assert found["vigint_jobs_total", "outcome=done", "queue=incidents"] == 1
    assert found["vigint_jobs_total", "outcome=done", "queue=mail"] == 2
    assert found["vigint_jobs_total", "outcome=failed", "queue=sources"] == 1
    assert found["vigint_job_duration_seconds_count", "queue=incidents"] == 1
    assert 0 < found["vigint_job_duration_seconds_sum", "queue=incidents"] < 60
    assert found["vigint_mail_delivery_lag_seconds_count",] == 2
    assert 0 < found["vigint_mail_delivery_lag_seconds_sum",] < 60
    assert found["vigint_mails", "state=sent"] == 2
    assert found["vigint_mails", "state=failed"] == 0
    assert found["vigint_incidents",] == 2
    assert found["vigint_videos", "status=ready"] == 1
    assert found["vigint_videos", "status=failed"] == 1
    assert found["vigint_storage_used_bytes",] > 1000
    assert found["vigint_storage_free_bytes",] > 1000
    assert found["vigint_up", "part=database"] == found["vigint_up", "part=queue"] == 1


def test_live_links_are_those_that_open_something(
    client: FlaskClient, library: Library, clock: Clock
) -> None:
    video = library.incident()
    before = _read(client)["vigint_links_live",]
    made = [library.person_link(video) for _ in range(4)]
    links.revoke_link(ACTOR, made[0].id)
    made[1].expires_at = utcnow() - timedelta(seconds=1)
    made[2].max_views = made[2].views
    db.session.commit()
    assert _read(client)["vigint_links_live",] == before + 1


def test_a_work_that_others_have_done_is_not_counted(client: FlaskClient, library: Library) -> None:
    video = library.incident()
    with metrics.measured_job(Video, video.id, "incidents"):
        pass

    def crash() -> None:
        with metrics.measured_job(Video, video.id, "incidents"):
            video.attempt += 1
            db.session.commit()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        crash()
    found = _read(client)
    jobs = {key: value for key, value in found.items() if key[0] == "vigint_jobs_total"}
    assert jobs == {("vigint_jobs_total", "outcome=crashed", "queue=incidents"): 1}


def test_a_killed_work_horse_is_counted(
    client: FlaskClient, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        os.kill(os.getpid(), 9)

    monkeypatch.setattr("vigint_web.jobs.functions.delivery.deliver_alert", die)
    job_queue.enqueue_notification(1, 0)
    worker = VigintWorker([job_queue.queue("mail")], connection=runtime().redis)
    worker.serializer = job_queue.queue("mail").serializer
    worker.counters = runtime().counters
    worker.work(burst=True, logging_level=None)
    assert _read(client)["vigint_jobs_total", "outcome=killed", "queue=mail"] == 1


def _count_elsewhere(url: str, times: int) -> None:
    elsewhere = counters.Counters(lambda: Redis.from_url(url))
    for _ in range(times):
        elsewhere.count(COUNTED, "/x", "GET", "200")
    elsewhere.send()


@ONE_DATABASE
def test_all_processes_count_together_and_their_end_forgets_nothing(
    client: FlaskClient, config: Config
) -> None:
    assert config.redis_url is not None
    spawn = multiprocessing.get_context("spawn")
    processes = [
        spawn.Process(target=_count_elsewhere, args=(config.redis_url, times)) for times in (5, 7)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    runtime().counters.count(COUNTED, "/x", "GET", "200")
    key = "vigint_http_requests_total", "method=GET", "route=/x", "status=200"
    assert _read(client)[key] == 13


@ONE_DATABASE
def test_a_forked_process_does_not_tell_its_parents_part_again(client: FlaskClient) -> None:
    mine = runtime().counters
    mine.count(COUNTED, "/x", "GET", "200")
    child = os.fork()
    if child == 0:
        mine.count(COUNTED, "/x", "GET", "200")
        mine.send()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    key = "vigint_http_requests_total", "method=GET", "route=/x", "status=200"
    assert _read(client)[key] == 2


@ONE_DATABASE
def test_what_the_queue_server_could_not_be_told_is_told_later(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = runtime().counters

    def away() -> Redis:
        raise RedisUnreachable

    with monkeypatch.context() as patch:
        patch.setattr(mine, "_redis", away)
        mine.count(COUNTED, "/x", "GET", "200")
        mine.observe(event_metrics.DELIVERY_LAG, 3.5)
        mine.send()
    found = _read(client)
    assert found["vigint_http_requests_total", "method=GET", "route=/x", "status=200"] == 1
    assert found["vigint_mail_delivery_lag_seconds_sum",] == 3.5
    assert found["vigint_mail_delivery_lag_seconds_bucket", "le=2.0"] == 0
    assert found["vigint_mail_delivery_lag_seconds_bucket", "le=5.0"] == 1


@ONE_DATABASE
def test_a_thread_tells_by_itself(client: FlaskClient, config: Config) -> None:
    assert config.redis_url is not None
    runtime().counters.count(COUNTED, "/x", "GET", "200")
    reader = counters.Counters(lambda: runtime().redis)
    series = (COUNTED.name, "/x", "GET", "200")
    deadline = utcnow() + timedelta(seconds=20)
    while reader.read().get(series) != 1:
        assert utcnow() < deadline, "the counts did not arrive"


def test_without_the_queue_server_the_rest_is_there(
    client: FlaskClient, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.source()

    def away(_name: str) -> None:
        raise RedisUnreachable

    monkeypatch.setattr(job_queue, "queue", away)
    found = _read(client)
    assert found["vigint_up", "part=queue"] == 0
    assert found["vigint_videos", "status=ready"] == 1
    assert not any(name.startswith("vigint_http") for name, *_ in found)


@pytest.mark.parametrize(
    ("environ", "headers", "status"),
    [
        ({}, {}, 200),
        ({"REMOTE_ADDR": "::1"}, {"Host": "[::1]:8000"}, 200),
        ({"REMOTE_ADDR": "::ffff:127.0.0.1"}, {"Host": "127.0.0.1:8000"}, 200),
        ({"REMOTE_ADDR": "127.0.0.2"}, {"Host": "localhost:8000"}, 200),
        (ELSEWHERE, {}, 404),
        ({"REMOTE_ADDR": ""}, {}, 404),
        ({"REMOTE_ADDR": "not-an-address"}, {}, 404),
        ({}, {"Host": "evil.example"}, 404),
        ({}, {"X-Forwarded-For": "192.0.2.7"}, 404),
        ({}, {"X-Forwarded-For": "127.0.0.1"}, 404),
        ({}, {"Forwarded": "for=127.0.0.1"}, 404),
        ({}, {"X-Real-IP": "127.0.0.1"}, 404),
        ({}, {"Via": "1.1 proxy"}, 404),
        (ELSEWHERE, {"Authorization": f"Bearer {TOKEN}"}, 200),
        (ELSEWHERE, {"Authorization": f"bearer {TOKEN}", "X-Forwarded-For": "192.0.2.7"}, 200),
        (ELSEWHERE, {"Authorization": f"Bearer {TOKEN}x"}, 404),
        (ELSEWHERE, {"Authorization": "Bearer é"}, 404),
        (ELSEWHERE, {"Authorization": f"Basic {TOKEN}"}, 404),
        (ELSEWHERE, {"Authorization": "Bearer "}, 404),
        (ELSEWHERE, {"X-API-Key": TOKEN}, 404),
    ],
)
@ONE_DATABASE
def test_who_may_see_them(
    client: FlaskClient, environ: dict[str, str], headers: dict[str, str], status: int
) -> None:
    answer = client.get("/metrics", headers=headers, environ_base=environ)
    assert answer.status_code == status


class TestWithoutToken:
    """Without a configured token no token gives access."""

    @pytest.fixture
    def settings(self) -> dict[str, str]:
        return {}

    @pytest.mark.parametrize("given", ["Bearer", "Bearer None", "Bearer  "])
    @ONE_DATABASE
    def test_no_token_opens_them(self, client: FlaskClient, given: str) -> None:
        answer = client.get("/metrics", headers={"Authorization": given}, environ_base=ELSEWHERE)
        assert answer.status_code == 404


class TestBehindAProxy:
    """A proxy on this machine gives access to no remote client."""

    @pytest.fixture
    def settings(self) -> dict[str, str]:
        return {"VIGINT_TRUSTED_PROXIES": "127.0.0.1", "VIGINT_METRICS_TOKEN": TOKEN}

    @pytest.mark.parametrize("address", ["192.0.2.7", "127.0.0.1", "127.0.0.1, 192.0.2.7"])
    @ONE_DATABASE
    def test_a_forwarded_request_needs_the_token(self, client: FlaskClient, address: str) -> None:
        forwarded = {"X-Forwarded-For": address}
        assert client.get("/metrics", headers=forwarded).status_code == 404
        with_token = {**forwarded, "Authorization": f"Bearer {TOKEN}"}
        assert client.get("/metrics", headers=with_token).status_code == 200
        assert client.get("/metrics").status_code == 200, "this machine itself, past the proxy"


def test_a_short_token_stops_the_start(config: Config) -> None:
    given = {"VIGINT_DATA_DIR": str(config.data_dir), "VIGINT_METRICS_TOKEN": "short"}
    with pytest.raises(ConfigError, match="VIGINT_METRICS_TOKEN"):
        load_config(given)


def test_nothing_secret_or_personal_is_in_them(
    client: FlaskClient,
    library: Library,
    api_key: str,
    work: Work,
    footage: Footage,
    people: Callable[[Role], Person],
    config: Config,
) -> None:
    source = library.source(name="Quai des orfèvres")
    token = library.program_token(source)
    client.get(f"/stream/{token}/")
    client.get(f"/stream/{token}x/")
    accepted = post_incident(client, api_key, incident_document(footage.frames(3)))
    client.get(path_of(accepted["private_link"]))
    people(Role.ADMIN).browser.get(f"/source-management/{source.source_id}/")
    work()
    shown = client.get("/metrics").text
    for secret in (
        token,
        accepted["private_link"].partition("token=")[2],
        api_key,
        TOKEN,
        config.secret_key,
        key_id(config.secret_key),
        source.source_id,
        source.video.public_id,
        accepted["reference"],
        "orfèvres",
        "garde@example.com",
        "admin@example.com",
        "Rayon",
        "127.0.0.1",
    ):
        assert secret not in shown, "a label reveals a secret"
    known = {
        "route", "method", "status", "le", "kind", "queue", "outcome", "state", "part",
    }  # fmt: skip
    assert set(re.findall(r'[{,](\w+)="', shown)) <= known
