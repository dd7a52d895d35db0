"""Describe the current work of the workers, from RQ's data in the queue server."""

import socket

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq.job import Job
from rq.registry import StartedJobRegistry
from rq.worker import Worker

from vigint_web.services.core.listed_jobs import (
    DELIVER_ACCOUNT_MAIL,
    DELIVER_ALERT,
    HOST_ELSEWHERE,
    PROCESS_VIDEO,
    QUEUES,
)

_PATIENCE_SECONDS = 0.5
_WORK = {
    PROCESS_VIDEO: "prepares a video",
    DELIVER_ALERT: "delivers an alert",
    HOST_ELSEWHERE: "uploads a video to the other host",
    DELIVER_ACCOUNT_MAIL: "sends a mail about an account",
}
_BY_JOB = {function.rsplit(".", 1)[1]: activity for function, activity in _WORK.items()}


def work_under_way(queue_url: str) -> dict[int, str]:
    """Return the work of this machine's workers by process id; empty if the queue does not answer.

    Jobs are described by their ids only: reading a job would mean trusting the content of the queue
    server.
    """
    try:
        with Redis.from_url(
            queue_url,
            decode_responses=True,
            socket_timeout=_PATIENCE_SECONDS,
            socket_connect_timeout=_PATIENCE_SECONDS,
            retry=Retry(NoBackoff(), 0),
        ) as redis:
            found: dict[int, list[str]] = {}
            for name in QUEUES:
                for entry in redis.zrange(StartedJobRegistry.key_template.format(name), 0, -1):
                    job_id = str(entry).partition(":")[0]
                    activity = _BY_JOB.get(job_id.partition("-")[0])
                    pid = _worker_of(redis, job_id)
                    if pid is not None and activity and activity not in found.setdefault(pid, []):
                        found[pid].append(activity)
            return {pid: " and ".join(activities) for pid, activities in found.items()}
    except (RedisError, OSError, ValueError):
        return {}


def _worker_of(redis: Redis, job_id: str) -> int | None:
    """Return the process on this machine that works on a job."""
    worker = redis.hget(Job.key_for(job_id), "worker_name")
    key = f"{Worker.redis_worker_namespace_prefix}{worker!s}"
    pid, host = (str(value) for value in redis.hmget(key, "pid", "hostname"))
    return int(pid) if host == socket.gethostname() and pid.isdecimal() else None
