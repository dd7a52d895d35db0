"""Queues of listed jobs that tolerate foreign data under their keys.

A queue server that was restored from damaged files, or that is shared, may contain anything. Data
that RQ cannot read is removed: the reconciler enqueues all unfinished work.
"""

import logging
from collections.abc import Iterable
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer, Serializer
from rq.timeouts import BaseDeathPenalty

from vigint_web.services.core.listed_jobs import ListedJob

log = logging.getLogger(__name__)

# The type of each key that RQ keeps for all queues, and for one of this name.
_SHARED = {"rq:queues": "set", "rq:workers": "set", "rq:groups": "set"}
_LISTS = {"rq:queue:{}": "list", "rq:queue:{}:intermediate": "list"}
_REGISTRIES = {
    "rq:workers:{}": "set",
    "rq:wip:{}": "zset",
    "rq:finished:{}": "zset",
    "rq:failed:{}": "zset",
    "rq:deferred:{}": "zset",
    "rq:scheduled:{}": "zset",
    "rq:canceled:{}": "zset",
    "rq:ready:{}": "zset",
}


class ListedQueue(Queue):
    """A queue of `ListedJob`; jobs are serialized as JSON, never as pickle."""

    job_class = ListedJob

    def __init__(self, name: str, connection: Redis, **more: Any) -> None:
        more |= {"job_class": ListedJob, "serializer": JSONSerializer}
        super().__init__(name, connection, **more)

    @classmethod
    def dequeue_any(
        cls,
        queues: Iterable[Queue],
        timeout: int | None,
        connection: Redis,
        job_class: type[Job] | None = None,
        serializer: Serializer | str | None = None,
        death_penalty_class: type[BaseDeathPenalty] | None = None,
    ) -> tuple[Job, Queue] | None:
        """Take the next permitted job; others are dropped with a log line."""
        names = [queue.name for queue in queues]
        while True:
            try:
                return super().dequeue_any(
                    queues, timeout, connection, job_class, serializer, death_penalty_class
                )
            except UnicodeDecodeError:
                log.warning("a job refused and removed: its id is no text")
            except ResponseError:
                if not discard_unreadable(connection, names):
                    raise


def discard_unreadable(connection: Redis, names: Iterable[str]) -> list[str]:
    """Remove the keys of these queues with another type; return them."""
    per_queue = _LISTS | _REGISTRIES
    expected = _SHARED | {key.format(n): kind for n in names for key, kind in per_queue.items()}
    with connection.pipeline(transaction=False) as pipeline:
        for key in expected:
            pipeline.type(key)
        found = dict(zip(expected, pipeline.execute(), strict=True))
    wrong = [key for key, kind in expected.items() if found[key].decode() not in {kind, "none"}]
    if wrong:
        connection.delete(*wrong)
        log.warning("keys of the queue with unexpected types removed: %s", ", ".join(wrong))
    return wrong


def forget_registries(connection: Redis, names: Iterable[str]) -> None:
    """Delete RQ's records of past and running jobs of these queues, which are not needed."""
    keys = [key.format(name) for name in names for key in _REGISTRIES]
    keys += [f"rq:queue:{name}:intermediate" for name in names]
    connection.delete(*keys)
