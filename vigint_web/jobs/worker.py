"""The RQ worker of this application."""

import logging
import os
import secrets
import socket
from resource import struct_rusage

from flask import Flask
from redis.client import Pipeline
from redis.exceptions import ConnectionError, TimeoutError
from rq import Queue, worker_registration
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import BaseWorker

from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.jobs.context import use_application
from vigint_web.jobs.records import TransientJob
from vigint_web.jobs.waiting import WaitingWorker
from vigint_web.jobs.warm_up import warm_up
from vigint_web.services.core import job_queue
from vigint_web.services.core.counters import Counters
from vigint_web.services.core.event_metrics import JOBS
from vigint_web.services.core.listed_queues import (
    ListedQueue,
    discard_unreadable,
    forget_registries,
)
from vigint_web.services.core.runtime import runtime
from vigint_web.services.operations.reconciler import reconcile
from vigint_web.system.processes import die_with_parent

log = logging.getLogger(__name__)

# A worker sends a heartbeat at least every 15 seconds (RQ: 15 less than this, or as below while it
# works); the work of a dead one is recovered when its lease expires.
_TTL_SECONDS = 30
_SIGN_SECONDS = 10


class ListedWorker(BaseWorker):
    """Restrict an RQ worker to listed jobs, whatever its queue server contains."""

    job_class = TransientJob
    queue_class: type[Queue] = ListedQueue

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Send a heartbeat, also to a restarted queue that has no record of this worker."""
        super().heartbeat(timeout, pipeline)
        known_to = pipeline if pipeline is not None else self.connection
        worker_registration.register(self, known_to)  # type: ignore[arg-type]  # as RQ does itself

    def run_maintenance_tasks(self) -> None:
        """Clean RQ's registries; remove unreadable ones."""
        try:
            super().run_maintenance_tasks()  # type: ignore[no-untyped-call]  # RQ leaves it untyped
        except (ConnectionError, TimeoutError):
            raise  # RQ waits until the queue server answers again
        except Exception as error:
            log.warning("RQ's records are unreadable and removed: %s", type(error).__name__)
            discard_unreadable(self.connection, self.queue_names())
            forget_registries(self.connection, self.queue_names())
            self.last_cleaned_at = utcnow()  # type: ignore[assignment]  # RQ declares it None


class VigintWorker(ListedWorker, WaitingWorker):
    """An RQ worker whose work-horses die with it, also by kill -9."""

    counters: Counters | None = None

    def setup_work_horse_signals(self) -> None:
        """Tie the newly forked work-horse to its worker, and give it its own connections."""
        super().setup_work_horse_signals()  # type: ignore[no-untyped-call]  # RQ leaves it untyped
        die_with_parent(self.pid)

    def handle_work_horse_killed(
        self, job: Job, retpid: int, ret_val: int, rusage: struct_rusage
    ) -> None:
        """Count a work-horse that was killed, which could not do so itself."""
        super().handle_work_horse_killed(job, retpid, ret_val, rusage)  # type: ignore[no-untyped-call]  # as above
        if self.counters is not None:
            self.counters.count(JOBS, job.origin or "(none)", "killed")


def make_worker(queues: tuple[str, ...]) -> VigintWorker:
    """Return a worker on these queues, in the current application context."""
    return VigintWorker(
        [job_queue.queue(name) for name in queues],
        connection=runtime().redis,
        name=f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}",
        serializer=JSONSerializer,
        worker_ttl=_TTL_SECONDS,
        job_monitoring_interval=_SIGN_SECONDS,
        log_job_description=False,
    )


def run_worker(app: Flask, queues: tuple[str, ...] = job_queue.QUEUES) -> None:
    """Reconcile, then work on these queues in order of priority, until stopped."""
    use_application(app)
    with app.app_context():
        try:
            found = reconcile()
            log.info("worker starts; %s unfinished rows enqueued", found)
        except Exception:
            log.exception("reconciling at start failed; the scheduler will retry it")
        finally:
            db.session.remove()
            # The work-horses are forked: no open database connection may be shared with them.
            db.engine.dispose()
        discard_unreadable(runtime().redis, queues)
        warm_up()
        worker = make_worker(queues)
        worker.counters = runtime().counters
    worker.work(logging_level=None, with_scheduler=False)
