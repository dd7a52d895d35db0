"""The RQ worker of this application."""

import logging
import os
import secrets
import socket
from resource import struct_rusage

from flask import Flask
from rq import Worker
from rq.job import Job
from rq.serializers import JSONSerializer

from vigint_web.extensions import db
from vigint_web.jobs.context import use_application
from vigint_web.processes import die_with_parent
from vigint_web.services import queueing
from vigint_web.services.counters import Counters
from vigint_web.services.metrics import JOBS
from vigint_web.services.reconcile import reconcile
from vigint_web.services.runtime import runtime

log = logging.getLogger(__name__)

# A worker gives a sign of life at least every 15 seconds (RQ: 15 less than this, or as below while
# it works); the work of a dead one comes back by its lease.
_TTL_SECONDS = 30
_SIGN_SECONDS = 10


class VigintWorker(Worker):
    """A plain RQ worker whose work-horse dies with it, also by kill -9."""

    counters: Counters | None = None

    def setup_work_horse_signals(self) -> None:
        """Tie the freshly forked work-horse to its worker, and give it its own connections."""
        super().setup_work_horse_signals()  # type: ignore[no-untyped-call]  # RQ leaves it untyped
        die_with_parent(self.pid)

    def handle_work_horse_killed(
        self, job: Job, retpid: int, ret_val: int, rusage: struct_rusage
    ) -> None:
        """Count a work-horse that died, which could not do so itself."""
        super().handle_work_horse_killed(job, retpid, ret_val, rusage)  # type: ignore[no-untyped-call]  # as above
        if self.counters is not None:
            self.counters.count(JOBS, job.origin or "(none)", "killed")


def run_worker(app: Flask, queues: tuple[str, ...] = queueing.QUEUES) -> None:
    """Reconcile, then work on these queues, the first ones first, until told to stop."""
    use_application(app)
    with app.app_context():
        try:
            found = reconcile()
            log.info("worker starts; %s unfinished rows found", found)
        except Exception:
            log.exception("reconciling at start failed; the scheduler goes on with it")
        finally:
            db.session.remove()
            # The work-horses are forked: no open database connection may be shared with them.
            db.engine.dispose()
        connection = runtime().redis
        worker = VigintWorker(
            [queueing.queue(name) for name in queues],
            connection=connection,
            name=f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}",
            serializer=JSONSerializer,
            worker_ttl=_TTL_SECONDS,
            job_monitoring_interval=_SIGN_SECONDS,
            log_job_description=False,
        )
        worker.counters = runtime().counters
    worker.work(logging_level=None, with_scheduler=False)
