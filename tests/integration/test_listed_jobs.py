"""A worker runs listed jobs only, whatever else is in its queue."""

import inspect
import json
import logging
import pickle
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from redis.typing import EncodableT, FieldT
from rq import Callback, Queue, Repeat, Retry, Webhook, Worker
from rq.group import Group
from rq.job import Dependency, Job
from rq.registry import StartedJobRegistry
from rq.serializers import JSONSerializer

import vigint_web.jobs
from tests.helpers import InThisProcess
from vigint_web.jobs.worker import VigintWorker
from vigint_web.models import VideoKind
from vigint_web.services.core import job_queue
from vigint_web.services.core.listed_jobs import LISTED, PROCESS_VIDEO, ListedJob, NotListed
from vigint_web.services.core.listed_queues import discard_unreadable
from vigint_web.services.core.runtime import runtime

Work = Callable[[], None]
# Id of a row that does not exist: the job has nothing to do.
MISSING = 10**9


@pytest.fixture(params=[InThisProcess, VigintWorker])
def run(app: Flask, queue: Redis, request: pytest.FixtureRequest) -> Work:
    """Provide a function that lets a worker run everything; nothing may stop it."""

    def work() -> None:
        worker: Worker = request.param(
            list(job_queue.QUEUES), connection=queue, serializer=JSONSerializer
        )
        worker.work(burst=True, logging_level=None)
        assert sum(job_queue.queue(name).count for name in job_queue.QUEUES) == 0, "it stopped"

    return work


@pytest.fixture
def foreign(app: Flask, queue: Redis) -> Queue:
    """Provide the queue as used by a stranger who knows the server's address."""
    return Queue("mail", connection=queue, serializer=JSONSerializer)


def _command(marker: Path) -> tuple[str, str]:
    return "os.system", f"touch {marker}"


def _by_function(queue: Queue, marker: Path) -> None:
    queue.enqueue(*_command(marker))


def _by_another_path(queue: Queue, marker: Path) -> None:
    queue.enqueue("vigint_web.jobs.functions.processing.shutil.os.system", f"touch {marker}")


def _by_instance(queue: Queue, marker: Path) -> None:
    job = queue.enqueue(PROCESS_VIDEO, MISSING)
    call = [PROCESS_VIDEO, {"os": "system"}, [f"touch {marker}"], {}]
    queue.connection.hset(job.key, "data", json.dumps(call))


def _by_named_argument(queue: Queue, marker: Path) -> None:
    queue.enqueue(PROCESS_VIDEO, kwargs={"video_id": f"touch {marker}"})


def _by_success(queue: Queue, marker: Path) -> None:
    queue.enqueue(PROCESS_VIDEO, MISSING, on_success=Callback("tests.helpers.renew"))
    queue.enqueue(PROCESS_VIDEO, MISSING, on_success=Callback("os.system"))


def _by_failure(queue: Queue, marker: Path) -> None:
    queue.enqueue("os.system", on_failure=Callback("os.system"))


def _by_stopped(queue: Queue, marker: Path) -> None:
    queue.enqueue("os.system", "true", on_stopped=Callback("os.system"))


def _by_dependent(queue: Queue, marker: Path) -> None:
    first = queue.enqueue(PROCESS_VIDEO, MISSING)
    queue.enqueue(*_command(marker), depends_on=Dependency([first], allow_failure=True))


def _by_group(queue: Queue, marker: Path) -> None:
    function, argument = _command(marker)
    prepared = [Queue.prepare_data(function, [argument])]
    Group.create(connection=queue.connection).enqueue_many(queue, prepared)


def _by_repeat(queue: Queue, marker: Path) -> None:
    queue.enqueue(*_command(marker), repeat=Repeat(times=2), retry=Retry(max=2))


def _by_pickle(queue: Queue, marker: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            import os

            return os.system, (f"touch {marker}",)

    job = queue.enqueue(PROCESS_VIDEO, MISSING)
    evil = pickle.dumps(Evil())
    queue.connection.hset(job.key, mapping={"data": zlib.compress(evil), "meta": evil})
    other = queue.enqueue(PROCESS_VIDEO, MISSING, meta={"a": 1})
    queue.connection.hset(other.key, mapping={"meta": evil, "result": evil})


WAYS = [
    _by_function, _by_another_path, _by_instance, _by_named_argument, _by_success, _by_failure,
    _by_stopped, _by_dependent, _by_group, _by_repeat, _by_pickle,
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_nothing_runs_that_a_stranger_put_on_the_queue(
    run: Work,
    foreign: Queue,
    tmp_path: Path,
    way: Callable[[Queue, Path], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    imported: list[str] = []
    monkeypatch.setattr("rq.job.import_attribute", _noting(imported))
    marker = tmp_path / "it-ran"
    way(foreign, marker)
    run()
    assert not marker.exists(), "a command ran"
    assert set(imported) <= LISTED, "something else was imported"


def _noting(imported: list[str]) -> Callable[[str], Any]:
    from rq.utils import import_attribute

    def noting(name: str) -> Any:
        imported.append(name)
        return import_attribute(name)

    return noting


def test_what_is_refused_is_removed_with_one_line(
    run: Work, foreign: Queue, caplog: pytest.LogCaptureFixture
) -> None:
    job = foreign.enqueue("os.system", "true\nfalse", job_id="evil")
    with caplog.at_level(logging.WARNING):
        run()
    messages = [record.getMessage() for record in caplog.records]
    assert messages == [
        "job 'evil' refused and removed: it calls 'os.system', which is not on the list"
    ]
    assert not foreign.connection.exists(job.key), "it is left"


def test_a_webhook_of_a_job_is_never_called(
    run: Work, foreign: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[object] = []
    monkeypatch.setattr("rq.webhook.urlopen", lambda *a, **k: called.append(a))
    foreign.enqueue(PROCESS_VIDEO, MISSING, webhooks=[Webhook("http://127.0.0.1:9/", "finished")])
    foreign.enqueue("os.system", webhooks=[Webhook("http://127.0.0.1:9/", "failed")])
    run()
    assert called == []


def test_the_remains_of_a_dead_worker_call_nothing_either(
    run: Work, foreign: Queue, tmp_path: Path
) -> None:
    """Jobs of dead workers are ended by the next worker's maintenance, callbacks included."""
    marker = tmp_path / "it-ran"
    job = Job.create(
        "os.system",
        [f"touch {marker}"],
        connection=foreign.connection,
        serializer=JSONSerializer,
        origin="mail",
        on_failure=Callback("tests.integration.test_listed_jobs.fail"),
    )
    job.save()
    foreign.connection.hset(job.key, "status", "started")
    registry = StartedJobRegistry(queue=foreign)
    foreign.connection.zadd(registry.key, {f"{job.id}:abc": 1})
    run()
    assert not foreign.connection.exists(job.key)


def fail(*_arguments: object) -> None:
    """Fail if a job calls it."""
    pytest.fail("a callback ran")


def test_a_listed_job_runs_whatever_lies_before_it(
    run: Work, foreign: Queue, queue: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invalid rows, ids and calls: none stops a worker."""
    rows: dict[str | bytes, dict[FieldT, EncodableT]] = {
        "empty": {"data": b""},
        "garbage": {"data": b"\x9c\x78\0\xff" * 100},
        "bomb": {"data": zlib.compress(b"[" * 50_000_000)},
        "deep": {"data": zlib.compress(b"[" * 900)},
        "date": {"data": _call(), "origin": "mail", "created_at": "yesterday"},
        "status": {"data": _call(), "origin": "mail", "status": "asleep"},
        "bytes": {"data": _call(), "origin": b"\xff\xfe"},
        "timeout": {"data": _call(), "origin": "mail", "timeout": "-1"},
        "elsewhere": {"data": _call(), "origin": "elsewhere"},
        b"\xff": {b"\xff": b"\xff", "data": _call()},
    }
    for name, fields in rows.items():
        key = b"rq:job:" + (name if isinstance(name, bytes) else name.encode())
        queue.hset(key, mapping=fields)
        queue.lpush("rq:queue:mail", name)
    queue.set("rq:job:text", "no row")
    queue.lpush("rq:queue:mail", "text", "a b", "", "x" * 10_000, "../..", "nobody", b"\xff\xfe")
    queue.rpush("rq:queue:mail", "last")
    queue.hset("rq:job:last", mapping={"data": _call(), "origin": "mail", "status": "queued"})
    run()
    assert queue.keys("rq:job:*") == [b"rq:job:\xff"], "only what has no name is left"


def _call(*arguments: object) -> bytes:
    return zlib.compress(json.dumps([PROCESS_VIDEO, None, arguments or [MISSING], {}]).encode())


def test_a_foreign_row_under_our_id_is_replaced_by_the_job(
    run: Work, queue: Redis, foreign: Queue
) -> None:
    job_id = f"process_video-{MISSING}-0"
    foreign_rows: tuple[dict[FieldT, EncodableT] | None, ...] = (
        {"data": b"garbage"},
        {"success_callback_name": "os.system"},
        None,
    )
    for fields in foreign_rows:
        queue.flushall()
        if fields is None:
            queue.set(f"rq:job:{job_id}", "no row")
        else:
            queue.hset(f"rq:job:{job_id}", mapping=fields)
        queue.lpush("rq:queue:incidents", job_id)
        assert job_queue.enqueue_video(VideoKind.FRAMES, MISSING, 0)
        assert ListedJob.fetch(job_id, queue).args == [MISSING]
        run()


def test_keys_of_another_type_are_removed(run: Work, queue: Redis) -> None:
    """Each key that RQ reads has another type; the next worker starts with empty ones."""
    per_queue = [key.format(name) for name in job_queue.QUEUES for key in _KEYS]
    for key in ["rq:queues", "rq:workers", "rq:groups", *per_queue]:
        queue.set(key, "something else")
    discard_unreadable(queue, job_queue.QUEUES)
    queue.rpush("rq:queue:sources:intermediate", b"\xff")
    queue.zadd("rq:wip:mail", {b"\xff:\xfe": 1})
    queue.set("rq:queue:mail", "something else")
    enqueue = partial(job_queue.enqueue_notification, MISSING, 0)
    assert not enqueue(), "the first finds the queue unreadable"
    assert enqueue(), "the next one finds it mended"
    run()


_KEYS = [
    "rq:queue:{}", "rq:queue:{}:intermediate", "rq:workers:{}", "rq:wip:{}", "rq:finished:{}",
    "rq:failed:{}", "rq:deferred:{}", "rq:scheduled:{}", "rq:canceled:{}", "rq:ready:{}",
]  # fmt: skip


def test_names_of_jobs_in_flight_are_accepted() -> None:
    """As the version before writes them: its jobs wait in the queue while this one starts."""
    assert {
        f"vigint_web.jobs.{name}"
        for name in ("process_video", "deliver_alert", "host_elsewhere", "deliver_account_mail")
    } <= LISTED


def test_each_listed_name_is_a_public_job_with_one_argument() -> None:
    public = {f"vigint_web.jobs.{name}" for name in vigint_web.jobs.__all__}
    assert public == LISTED
    for name in vigint_web.jobs.__all__:
        [argument] = inspect.signature(getattr(vigint_web.jobs, name)).parameters.values()
        assert argument.annotation is int, f"{name} takes something else than an id"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    call=_JSON
    | st.tuples(st.sampled_from(sorted(LISTED)) | st.text(), _JSON, _JSON, _JSON)
    | st.tuples(
        st.sampled_from(sorted(LISTED)), st.none(), st.lists(_JSON, max_size=2), st.just({})
    )
)
def test_a_job_is_read_only_if_it_is_a_listed_call_with_one_id(app: Flask, call: object) -> None:
    connection = runtime().redis
    data = json.dumps(call).encode()
    connection.hset("rq:job:some", mapping={"data": data, "origin": "mail"})
    listed = (
        isinstance(call, list | tuple)
        and len(call) == 4
        and call[0] in list(LISTED)
        and (call[1], call[3]) == (None, {})
        and isinstance(call[2], list)
        and [type(one) for one in call[2]] == [int]
        and 0 < call[2][0] < 2**63
    )
    if listed:
        job = ListedJob.fetch("some", connection)
        assert (job.func_name, list(job.args)) == (call[0], call[2])  # type: ignore[index]
        return
    with pytest.raises(NotListed):
        ListedJob.fetch("some", connection)
    assert not connection.exists("rq:job:some"), "it is left"
