"""HTTP to a Vigint server: time-outs, retries, and failures that explain themselves."""

import datetime as dt
import email.utils
import http.client
import json
import logging
import secrets
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from vigint_client import explain
from vigint_client.bodies import Body, FileChangedError
from vigint_client.config import ServerSettings
from vigint_client.errors import RequestError

log = logging.getLogger("vigint_client")

_RANDOM = secrets.SystemRandom()

MAX_ANSWER = 4 * 1024 * 1024
_NETWORK_ERRORS = (OSError, http.client.HTTPException)


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how long to try; times in seconds."""

    attempts: int = 5
    first_pause: float = 0.5
    longest_pause: float = 8.0
    longest_retry_after: float = 30.0
    budget: float = 60.0


@dataclass(frozen=True)
class Timeouts:
    """How long one attempt may stay silent, in seconds."""

    connect: float = 5.0
    answer: float = 30.0


STANDARD = RetryPolicy()
ONCE = RetryPolicy(attempts=1)
DEFAULT_TIMEOUTS = Timeouts()
# Nobody waits for these, so they may outlast a server's restart.
PATIENT = RetryPolicy(attempts=12, longest_pause=30.0, longest_retry_after=60.0, budget=300.0)


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    document: dict[str, Any]
    retry_after: float | None = field(default=None)


class Transport:
    """Requests to one server with one API key."""

    def __init__(
        self,
        settings: ServerSettings,
        *,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
        jitter: Callable[[], float] = _RANDOM.random,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.sleep = sleep
        self._timeouts = timeouts
        self._jitter = jitter
        self._tls: ssl.SSLContext | None = None

    def call(
        self,
        method: str,
        path: str,
        *,
        body: Body | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        policy: RetryPolicy = STANDARD,
        answer_timeout: float | None = None,
    ) -> Answer:
        """Send a request until it is answered with 2xx, a final refusal, or patience ends.

        Connection errors, 429 and 5xx are tried again with growing pauses, Retry-After
        honoured; every other refusal is final. Raises RequestError.
        """
        target = f"{path}?{urlencode(query)}" if query else path
        give_up_at = self.clock() + policy.budget
        timeout = self._timeouts.answer if answer_timeout is None else answer_timeout
        for attempt in range(1, policy.attempts + 1):
            retry_after: float | None = None
            try:
                answer = self._attempt(method, target, body, headers or {}, timeout)
            except ssl.SSLCertVerificationError as why:
                raise RequestError(explain.untrusted(self.settings.url, why)) from None
            except FileChangedError as why:
                raise RequestError(f"{why}: send it again when it is complete.") from None
            except _NETWORK_ERRORS as why:
                failure = RequestError(explain.unreachable(self.settings.url, why))
            else:
                if 200 <= answer.status < 300:
                    return answer
                failure = explain.refusal(answer.status, answer.document, self.settings)
                failure.attempt = attempt
                if answer.status != 429 and answer.status < 500:
                    raise failure
                retry_after = answer.retry_after
            pause = self._pause(attempt, retry_after, policy)
            if attempt == policy.attempts or self.clock() + pause > give_up_at:
                raise failure
            log.warning(
                "%s Attempt %d of %d, next in %.1f s.",
                failure.sentence, attempt, policy.attempts, pause,
            )  # fmt: skip
            self.sleep(pause)
        raise ValueError("a retry policy needs at least one attempt")

    def _pause(self, attempt: int, retry_after: float | None, policy: RetryPolicy) -> float:
        grown = min(policy.first_pause * 2.0 ** (attempt - 1), policy.longest_pause)
        # Half fixed, half random: many detectors must not come back in the same instant.
        pause = grown * (0.5 + self._jitter() / 2)
        if retry_after is None:
            return pause
        return max(pause, min(retry_after, policy.longest_retry_after))

    def _attempt(
        self,
        method: str,
        target: str,
        body: Body | None,
        headers: Mapping[str, str],
        timeout: float,
    ) -> Answer:
        connection = self._connection()
        try:
            connection.connect()
            connection.sock.settimeout(timeout)
            connection.putrequest(method, urlsplit(self.settings.url).path + target)
            connection.putheader("Authorization", f"Bearer {self.settings.api_key}")
            connection.putheader("Accept", "application/json")
            connection.putheader("User-Agent", "vigint-client")
            connection.putheader("Connection", "close")
            for name, value in headers.items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Type", body.content_type)
                connection.putheader("Content-Length", str(body.size))
            elif method == "POST":
                connection.putheader("Content-Length", "0")
            try:
                connection.endheaders()
                for chunk in body.chunks() if body is not None else ():
                    connection.send(chunk)
            except (BrokenPipeError, ConnectionResetError):
                # A server may refuse and close before the body is through: read why.
                return _early_refusal(connection)
            return _read_answer(connection.getresponse())
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.settings.url)
        host = parts.hostname or ""
        if parts.scheme == "http":
            return http.client.HTTPConnection(host, parts.port, timeout=self._timeouts.connect)
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return http.client.HTTPSConnection(
            host, parts.port, timeout=self._timeouts.connect, context=self._tls
        )


def _early_refusal(connection: http.client.HTTPConnection) -> Answer:
    answer = _read_answer(connection.getresponse())
    if answer.status < 400:
        raise ConnectionResetError("the server closed the connection too early")
    return answer


def _read_answer(response: http.client.HTTPResponse) -> Answer:
    data = response.read(MAX_ANSWER + 1)
    length = response.getheader("Content-Length")
    if length is not None and length.isdigit() and response.status != 204:
        # read(n) does not complain about a connection cut in mid-answer.
        missing = min(int(length), MAX_ANSWER + 1) - len(data)
        if missing > 0:
            raise http.client.IncompleteRead(data, missing)
    try:
        document = json.loads(data) if data else {}
    except ValueError:
        document = None
    if not isinstance(document, dict):
        if 200 <= response.status < 300:
            raise RequestError(explain.NOT_VIGINT, status_code=response.status)
        document = {}
    if 300 <= response.status < 400:
        document["location"] = response.getheader("Location", "")
    return Answer(response.status, document, retry_after_seconds(response.getheader("Retry-After")))


def retry_after_seconds(value: str | None, now: dt.datetime | None = None) -> float | None:
    """Read a Retry-After header: seconds, or an HTTP date (RFC 9110 section 10.2.3)."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return max(0.0, (moment - (now or dt.datetime.now(dt.UTC))).total_seconds())
