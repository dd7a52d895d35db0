"""Let a worker continue while its work-horses wait for other servers.

A mail server may take ten minutes to answer (RFC 5321, 4.5.3.2), and workers are few. A work-horse
on the mail queue that has not ended after a second is set aside: it keeps running, tied to its
worker and owner of its row, and the worker takes the next job. The number of those set aside is
bounded; at the limit the worker leaves the mail queue alone and continues with videos.
"""

import logging
import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any

from rq import Queue, Worker
from rq.executions import Execution
from rq.job import Job
from rq.utils import now

from vigint_web.services.core.job_queue import MAIL

log = logging.getLogger(__name__)

# The maximum number of work-horses set aside per worker.
MOST_ASIDE = 8
# The time a worker waits before it sets one aside: enough for a whole mail on a fast server.
_MOMENT_SECONDS = 1.0
_LOOK_SECONDS = 0.02
# Without it (macOS before Python 3.13) a worker waits for each.
_CAN_LOOK = hasattr(os, "waitid")
# The interval of checking those that are set aside.
_LOOK_AFTER_SECONDS = 1


@dataclass
class _Aside:
    """A work-horse that was set aside, with RQ's data about its job."""

    pid: int
    job: Job
    queue: Queue
    execution: Execution
    next_beat: float
    # Terminated because the worker ends.
    ended: bool = False


class WaitingWorker(Worker):
    """A worker that does not wait for slow mail servers."""

    def __init__(self, queues: list[Queue], **settings: Any) -> None:
        super().__init__(queues, **settings)
        self._aside: list[_Aside] = []
        self._cold = False

    def monitor_work_horse(self, job: Job, queue: Queue, execution: Execution) -> None:
        """Wait for the work-horse; soon set it aside if it may wait for another server."""
        may_be_left = _CAN_LOOK and queue.name == MAIL and len(self._aside) < MOST_ASIDE
        if not may_be_left or self._ends_within(_MOMENT_SECONDS):
            super().monitor_work_horse(job, queue, execution)
            return
        log.info("job %s was set aside and keeps waiting", job.id)
        next_beat = time.monotonic() + self.job_monitoring_interval
        aside = _Aside(self.horse_pid, job, queue, execution, next_beat)
        job.started_at = now()
        self._horse_pid = 0
        # The next work-horse takes the only execution that it finds there for its own.
        self.executions.pop(execution.id, None)
        self._aside.append(aside)
        if self._stop_requested:
            _ask_to_end(aside)

    def _ends_within(self, seconds: float) -> bool:
        # The more are set aside, the shorter the wait for the next: with a server that is slow for
        # all mails, each wait delays other jobs.
        deadline = time.monotonic() + seconds / (1 + len(self._aside))
        while not _has_ended(self.horse_pid):
            if time.monotonic() > deadline:
                return False
            time.sleep(_LOOK_SECONDS)
        return True

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue] | None:
        """Wait for a job, and check those set aside meanwhile."""
        while timeout is not None and self._aside:
            self._look_after()
            if not self._ordered_queues:
                time.sleep(_LOOK_AFTER_SECONDS)
                continue
            found = super().dequeue_job_and_maintain_ttl(_LOOK_AFTER_SECONDS, _LOOK_AFTER_SECONDS)
            if found is not None:
                return found
        self._ordered_queues = list(self.queues)
        return super().dequeue_job_and_maintain_ttl(timeout, max_idle_time)

    def maintain_heartbeats(self, job: Job, execution: Execution) -> None:
        """Send heartbeats, including those of work-horses set aside."""
        super().maintain_heartbeats(job, execution)
        self._look_after()

    def _look_after(self) -> None:
        """Settle those that have ended, and send heartbeats for the rest."""
        for one in list(self._aside):
            if _has_ended(one.pid):
                self._aside.remove(one)
                self._settle(one)
            elif time.monotonic() >= one.next_beat:
                one.next_beat = time.monotonic() + self.job_monitoring_interval
                if _is_overdue(one.job):
                    _kill(one)
                super().maintain_heartbeats(one.job, one.execution)
        self._ordered_queues = self._listened_to()

    def _listened_to(self) -> list[Queue]:
        if len(self._aside) < MOST_ASIDE:
            return list(self.queues)
        rest = [queue for queue in self.queues if queue.name != MAIL]
        # Twice, because for a single one RQ keeps its own list of popped jobs, which it forgets to
        # clear where there are several.
        return rest * 2 if len(rest) == 1 else rest

    def _settle(self, one: _Aside) -> None:
        if one.ended:
            # Its row is released when the lease expires; the job need not be kept.
            os.waitpid(one.pid, 0)
            with self.connection.pipeline() as pipeline:
                one.job.delete(pipeline=pipeline)
                one.execution.delete(job=one.job, pipeline=pipeline)
                pipeline.execute()
            return
        current, self._horse_pid = self.horse_pid, one.pid
        try:
            super().monitor_work_horse(one.job, one.queue, one.execution)
        finally:
            self._horse_pid = current

    def handle_warm_shutdown_request(self) -> None:
        """Terminate those that only wait for a server's answer; wait for mails that it may have
        accepted.
        """
        super().handle_warm_shutdown_request()  # type: ignore[no-untyped-call]  # RQ leaves it untyped
        for one in self._aside:
            _ask_to_end(one)

    def request_force_stop(self, signum: int, frame: FrameType | None) -> None:
        """Stop at once, including those set aside."""
        try:
            super().request_force_stop(signum, frame)
        except SystemExit:
            self._cold = True
            for one in self._aside:
                _kill(one)
            raise

    def teardown(self) -> None:
        """Wait for mails that a server may have accepted, unless the stop is a cold one."""
        try:
            if not self.is_horse:
                self._wait_for_aside()
        finally:
            super().teardown()  # type: ignore[no-untyped-call]  # as above

    def _wait_for_aside(self) -> None:
        for one in self._aside:
            _ask_to_end(one)
        while self._aside and not self._cold:
            self._look_after()
            time.sleep(_LOOK_SECONDS)


def _has_ended(pid: int) -> bool:
    """Return whether a child has ended, without reaping it, which RQ does."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def _is_overdue(job: Job) -> bool:
    # As in RQ: a work-horse ends at its own time limit, unless it hangs.
    began, most = job.started_at, job.timeout
    return bool(began and most and most > 0 and (now() - began).total_seconds() > most + 60)


def _ask_to_end(one: _Aside) -> None:
    # Ignored by a work-horse whose mail the server may have accepted (`processes.Shield`).
    one.ended = True
    with suppress(ProcessLookupError):
        os.kill(one.pid, signal.SIGTERM)


def _kill(one: _Aside) -> None:
    with suppress(ProcessLookupError):
        os.killpg(one.pid, signal.SIGKILL)
