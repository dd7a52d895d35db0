"""A job's record may disappear at any moment of its run, which is no error of a healthy worker."""

import logging
from collections.abc import Callable

import pytest
from flask import Flask
from redis import Redis
from rq import Queue
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer

from vigint_web.jobs.worker import VigintWorker, make_worker
from vigint_web.services.core import job_queue
from vigint_web.services.core.runtime import runtime
from vigint_web.services.notifications import delivery

pytestmark = pytest.mark.both_databases(reason="leases are taken by update")

Harm = Callable[["Run"], None]


class Run:
    """One job, taken from the queue by a worker that forks nothing."""

    def __init__(self) -> None:
        assert job_queue.enqueue_notification(1, 0)
        self.worker: VigintWorker = make_worker((job_queue.MAIL, job_queue.INCIDENTS))
        taken = Queue.dequeue_any(
            self.worker.queues,
            None,
            connection=runtime().redis,
            job_class=self.worker.job_class,
            serializer=JSONSerializer,
        )
        assert taken is not None
        self.job, self.queue = taken
        self.execution = self.worker.prepare_execution(self.job)

    def again(self) -> tuple[Job, Execution]:
        """Take the same job a second time, as after the reconciler enqueued it again."""
        job = self.worker.job_class.fetch(
            self.job.id, connection=runtime().redis, serializer=JSONSerializer
        )
        return job, self.worker.prepare_execution(job)

    def end(self) -> bool:
        """Run the job to its end; return whether RQ counts it as done."""
        return bool(self.worker.perform_job(self.job, self.queue, self.execution))


def _other_run_ends(run: Run) -> None:
    job, execution = run.again()
    assert run.worker.perform_job(job, run.queue, execution)


def _record_expires(run: Run) -> None:
    runtime().redis.delete(run.job.key)


def _queue_is_wiped(_: Run) -> None:
    runtime().redis.flushall()


def _other_run_was_killed(run: Run) -> None:
    _, execution = run.again()
    # Without heartbeats the record has expired, and its entry has not yet.
    runtime().redis.delete(execution.key)


@pytest.mark.parametrize("moment", ["before", "during"])
@pytest.mark.parametrize(
    "harm", [_other_run_ends, _record_expires, _queue_is_wiped, _other_run_was_killed]
)
def test_a_record_that_vanishes_leaves_no_traceback_and_no_failed_job(
    app: Flask,
    queue: Redis,
    harm: Harm,
    moment: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    run, calls = Run(), []

    def deliver(_: int) -> None:
        calls.append(1)
        if len(calls) == 1 and moment == "during":
            harm(run)

    monkeypatch.setattr(delivery, "deliver_alert", deliver)
    if moment == "before":
        harm(run)
    with caplog.at_level(logging.INFO):
        assert run.end(), "a job that was done counts as failed"
        run.worker.run_maintenance_tasks()
    loud = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert not loud, [record.getMessage() for record in loud]
    assert calls, "the job did not run"
    assert run.queue.failed_job_registry.get_job_ids() == []
    assert not queue.exists(run.job.key), "its record outlives it"
    # The entry of a killed run stays until it expires.
    started = run.queue.started_job_registry.key
    assert queue.zscore(started, run.execution.composite_key) is None


def test_a_job_that_fails_is_still_said(
    app: Flask, queue: Redis, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: int) -> None:
        raise RuntimeError("a fault of the job itself")

    monkeypatch.setattr(delivery, "deliver_alert", fail)
    run = Run()
    with caplog.at_level(logging.ERROR):
        assert not run.end()
    assert "a fault of the job itself" in caplog.text
    assert run.queue.failed_job_registry.get_job_ids() == [run.job.id]
