"""Enqueue jobs. The row is the source of truth: the reconciler finds a lost job."""

import logging
import time

from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeout
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.job import JobStatus

from vigint_web.models import VideoKind
from vigint_web.services.core.listed_jobs import (
    DELIVER_ACCOUNT_MAIL,
    DELIVER_ALERT,
    HOST_ELSEWHERE,
    INCIDENTS,
    MAIL,
    PROCESS_VIDEO,
    QUEUES,
    SOURCES,
    URGENT_QUEUES,
    ListedJob,
)
from vigint_web.services.core.listed_queues import ListedQueue, discard_unreadable
from vigint_web.services.core.runtime import runtime

log = logging.getLogger(__name__)

__all__ = ["INCIDENTS", "MAIL", "QUEUES", "SOURCES", "URGENT_QUEUES"]

_SILENCE_SECONDS = 5.0
# Longer than the job's own limits (ffmpeg's runner, each step of SMTP), so that it ends with their
# message and not with RQ's.
_TIMEOUTS = {MAIL: 2 * 3_600, INCIDENTS: 1_200, SOURCES: 4 * 3_600}


def queue(name: str) -> ListedQueue:
    """Return a queue of listed jobs."""
    return ListedQueue(name, connection=runtime().redis)


def enqueue_video(kind: VideoKind, video_id: int, attempt: int) -> bool:
    """Enqueue the processing of a video; return whether it is queued now."""
    name = SOURCES if kind == VideoKind.SOURCE else INCIDENTS
    return _enqueue(name, PROCESS_VIDEO, video_id, attempt)


def enqueue_notification(alert_id: int, attempt: int) -> bool:
    """Enqueue the delivery of a mail; return whether it is queued now."""
    return _enqueue(MAIL, DELIVER_ALERT, alert_id, attempt)


def enqueue_hosting(hosting_id: int, attempt: int) -> bool:
    """Enqueue the upload of a clip to another host; return whether it is queued now."""
    return _enqueue(MAIL, HOST_ELSEWHERE, hosting_id, attempt)


def enqueue_account_mail(mail_id: int, attempt: int) -> bool:
    """Enqueue a mail about an account; return whether it is queued now."""
    return _enqueue(MAIL, DELIVER_ACCOUNT_MAIL, mail_id, attempt)


def _enqueue(queue_name: str, function: str, row_id: int, attempt: int) -> bool:
    """Enqueue one attempt on one row.

    The job's id contains row and attempt, so that the same work is never queued twice. An
    unavailable queue server is no error: the reconciler enqueues the row again.
    """
    here = runtime()
    job_id = f"{function.rsplit('.', 1)[1]}-{row_id}-{attempt}"
    if time.monotonic() < here.queue_silent_until:
        return False
    try:
        target = queue(queue_name)
        if _waits(target, job_id):
            return True
        target.enqueue_call(
            function,
            args=(row_id,),
            job_id=job_id,
            timeout=_TIMEOUTS[queue_name],
            result_ttl=0,
            failure_ttl=24 * 3_600,
        )
    except Exception as error:
        if isinstance(error, RedisTimeout):
            # A silent server costs every caller its timeout: retry it only after a while.
            here.queue_silent_until = time.monotonic() + _SILENCE_SECONDS
        if isinstance(error, ResponseError):
            discard_unreadable(here.redis, QUEUES)
        log.warning("job %s not queued, the reconciler will: %s", job_id, type(error).__name__)
        return False
    log.info("job %s queued on %s", job_id, queue_name)
    return True


def _waits(target: ListedQueue, job_id: str) -> bool:
    # A job that a dying worker had already popped is "queued" but in no queue.
    try:
        job = ListedJob.fetch(job_id, connection=target.connection)
        return job.get_status() == JobStatus.QUEUED and job.get_position() is not None
    except (NoSuchJobError, InvalidJobOperation):
        return False  # finished jobs disappear at once, also between two queries
