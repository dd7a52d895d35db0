"""Restrict workers to a list of calls, whatever the queue contains.

RQ runs any function that a job names, also as a callback, and requests any address it names as a
webhook. The queue can be reached by anyone with its address, so a job's row in the queue is
untrusted input here: its call is compared with the list before anything is imported, and other
parts that could start something are not read at all.
"""

import json
import logging
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError
from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq.serializers import JSONSerializer

log = logging.getLogger(__name__)

# In order of the workers' priority: an alert never waits behind a long transcode.
MAIL = "mail"
INCIDENTS = "incidents"
SOURCES = "sources"
URGENT_QUEUES = (MAIL, INCIDENTS)
QUEUES = (*URGENT_QUEUES, SOURCES)

PROCESS_VIDEO = "vigint_web.jobs.process_video"
DELIVER_ALERT = "vigint_web.jobs.deliver_alert"
HOST_ELSEWHERE = "vigint_web.jobs.host_elsewhere"
DELIVER_ACCOUNT_MAIL = "vigint_web.jobs.deliver_account_mail"
# Each takes one argument: the id of the row that it works on.
LISTED = frozenset({PROCESS_VIDEO, DELIVER_ALERT, HOST_ELSEWHERE, DELIVER_ACCOUNT_MAIL})

_LONGEST_CALL = 1_000
_LARGEST_ID = 2**63 - 1
_LONGEST_TIMEOUT = 24 * 3_600
_FAILURE_TTL = 24 * 3_600
# The fields read from a job's row, besides its call. Not read: callbacks, webhooks, dependencies,
# repeats, retries, groups, rate limits, results and `meta`.
_READ = ("origin", "status", "timeout", "created_at", "enqueued_at", "started_at", "ended_at")


class NotListed(NoSuchJobError):
    """A job that must not be run; for RQ it does not exist."""


class ListedJob(Job):
    """A job that calls one of `LISTED` with the id of a row.

    Any other row in the queue is removed with one log line, and `NotListed` is raised. Jobs are
    read as JSON, whatever serializer is requested: the default is pickle, whose reading runs code.
    """

    def __init__(
        self,
        id: str | None = None,
        connection: Redis | None = None,
        serializer: Any = None,  # noqa: ARG002 - RQ passes it
    ) -> None:
        super().__init__(id, connection, JSONSerializer)

    @classmethod
    def fetch(
        cls,
        id: str,
        connection: Redis | None = None,
        serializer: Any = None,  # noqa: ARG003 - RQ passes it
    ) -> Job:
        """Read a job. Raises `NoSuchJobError` where there is none, or none that may be run."""
        try:
            return super().fetch(id, connection)
        except (ValueError, TypeError) as error:
            log.warning("job %s refused: its id is not valid here", _shown(id))
            raise NotListed(str(error)) from None

    @classmethod
    def fetch_many(
        cls,
        job_ids: Iterable[str],
        connection: Redis,
        serializer: Any = None,  # noqa: ARG003 - RQ passes it
    ) -> list[Job | None]:
        """Read several jobs; missing or forbidden ones are None."""
        found: list[Job | None] = []
        for job_id in job_ids:
            try:
                found.append(cls.fetch(job_id, connection))
            except NoSuchJobError:
                found.append(None)
        return found

    def refresh(self) -> None:
        """Read the row again. Raises `NoSuchJobError` as `fetch` does."""
        try:
            super().refresh()  # type: ignore[no-untyped-call]  # RQ leaves it untyped
        except ResponseError:  # the key has another type
            raise self._refused("its row is unreadable") from None

    def restore(self, raw_data: Mapping[bytes, bytes]) -> None:
        """Read the permitted fields of a row of the queue. Raises `NotListed`."""
        fields = {bytes(name): value for name, value in raw_data.items()}
        if b"data" not in fields:  # RQ's heartbeat came after the end of the job
            raise NoSuchJobError(self.id)
        call, refusal = _listed_call(fields[b"data"])
        if call is None:
            raise self._refused(refusal)
        known = {name: fields[name.encode()] for name in _READ if name.encode() in fields}
        try:
            super().restore({"data": json.dumps(call).encode(), **known})
        except Exception:  # any row that RQ cannot parse is not one of our jobs
            raise self._refused("its row is unreadable") from None
        if self.origin not in QUEUES:
            raise self._refused("it is of another queue")
        if self.timeout is not None and not 0 < self.timeout <= _LONGEST_TIMEOUT:
            raise self._refused("it has no time limit")
        self.result_ttl, self.failure_ttl = 0, _FAILURE_TTL

    def _refused(self, reason: str) -> NotListed:
        log.warning("job %s refused and removed: %s", _shown(self.id), reason)
        self.connection.delete(self.key, self.dependents_key)
        return NotListed(reason)


def _listed_call(data: bytes) -> tuple[list[Any] | None, str]:
    """Return a job's permitted call in RQ's format, or None and why it is refused."""
    try:
        call = json.loads(_unpacked(data))
    except (ValueError, RecursionError, zlib.error):
        return None, "its call is unreadable"
    if not isinstance(call, list) or len(call) != 4:
        return None, "its call is unreadable"
    function, instance, arguments, named = call
    if not isinstance(function, str) or function not in LISTED or instance is not None:
        return None, f"it calls {_shown(function)}, which is not on the list"
    one = arguments[0] if isinstance(arguments, list) and len(arguments) == 1 else None
    if named != {} or type(one) is not int or not 0 < one <= _LARGEST_ID:
        return None, f"its arguments are not those of {function}"
    return call, ""


def _unpacked(data: bytes) -> bytes:
    """Return a job's call, which RQ compresses. Raises `ValueError` where it is too long."""
    if data.startswith(b"["):
        return data[: _LONGEST_CALL + 1]
    unpacker = zlib.decompressobj()
    call = unpacker.decompress(data, _LONGEST_CALL)
    if unpacker.unconsumed_tail:
        raise ValueError("the call is too long")
    return call


def _shown(value: object) -> str:
    return ascii(value)[:80]
