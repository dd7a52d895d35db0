"""HTTP to a Vigint server: timeouts, retries, and failures with explanations."""

import http.client
import json
import logging
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
from vigint_client.retries import (
    STANDARD,
    PassingTrouble,
    Persistence,
    RetryPolicy,
    retry_after_seconds,
)

log = logging.getLogger("vigint_client")

MAX_ANSWER = 4 * 1024 * 1024
_NETWORK_ERRORS = (OSError, http.client.HTTPException)


@dataclass(frozen=True)
class Timeouts:
    """The maximum silence of one attempt, in seconds."""

    connect: float = 5.0
    answer: float = 30.0


DEFAULT_TIMEOUTS = Timeouts()


@dataclass(frozen=True)
class Answer:
    """The server's answer."""

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
        jitter: Callable[[], float] | None = None,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.sleep = sleep
        self._timeouts = timeouts
        more = {} if jitter is None else {"jitter": jitter}
        self._persistence = Persistence(clock, sleep, **more)
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
        on_trouble: Callable[[], object] | None = None,
    ) -> Answer:
        """Send a request until it is answered with 2xx, a final refusal, or the time is over.

        Connection errors, 429 and 5xx are retried with increasing pauses, respecting Retry-After;
        every other refusal is final. `on_trouble` is called once, when the first attempt failed and
        another one follows. Raises RequestError.
        """
        target = f"{path}?{urlencode(query)}" if query else path
        timeout = self._timeouts.answer if answer_timeout is None else answer_timeout
        return self._persistence.run(
            lambda: self._once(method, target, body, headers or {}, timeout), policy, on_trouble
        )

    def _once(
        self,
        method: str,
        target: str,
        body: Body | None,
        headers: Mapping[str, str],
        timeout: float,
    ) -> Answer:
        try:
            answer = self._attempt(method, target, body, headers, timeout)
        except ssl.SSLCertVerificationError as why:
            raise RequestError(explain.untrusted(self.settings.url, why)) from None
        except FileChangedError as why:
            raise RequestError(
                f"{why}: send it again when it is complete.", code=explain.FILE_CHANGED
            ) from None
        except _NETWORK_ERRORS as why:
            raise PassingTrouble(
                RequestError(explain.unreachable(self.settings.url, why))
            ) from None
        if 200 <= answer.status < 300:
            return answer
        failure = explain.refusal(answer.status, answer.document, self.settings)
        if answer.status != 429 and answer.status < 500:
            raise failure
        raise PassingTrouble(failure, answer.retry_after)

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
                # A server may refuse and close before the body was sent: read the reason.
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
        # read(n) does not raise for a connection closed within an answer.
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
