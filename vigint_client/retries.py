"""Retry requests: how often, how long, and with which pauses."""

import datetime as dt
import email.utils
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from vigint_client.errors import RequestError

log = logging.getLogger("vigint_client")

_Answer = TypeVar("_Answer")
_RANDOM = secrets.SystemRandom()


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how long to try; times in seconds."""

    attempts: int = 5
    first_pause: float = 0.5
    longest_pause: float = 8.0
    longest_retry_after: float = 30.0
    budget: float = 60.0


STANDARD = RetryPolicy()
ONCE = RetryPolicy(attempts=1)
# An alert that was spooled for minutes or days may wait a little longer.
UNHURRIED = RetryPolicy(attempts=3, longest_retry_after=120.0, budget=300.0)


class PassingTrouble(Exception):
    """An attempt failed in a way that may be temporary."""

    def __init__(self, failure: RequestError, retry_after: float | None = None) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.retry_after = retry_after


@dataclass(frozen=True)
class Persistence:
    """Repeats an operation after temporary failures, with an injectable clock."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep
    jitter: Callable[[], float] = _RANDOM.random

    def run(
        self,
        once: Callable[[], _Answer],
        policy: RetryPolicy,
        on_trouble: Callable[[], object] | None = None,
    ) -> _Answer:
        """Call `once` until it returns, fails permanently, or the time is over.

        `once` raises PassingTrouble for temporary failures, RequestError for others. `on_trouble`
        is called once, before the first pause. Raises RequestError.
        """
        give_up_at = self.clock() + policy.budget
        for attempt in range(1, policy.attempts + 1):
            try:
                return once()
            except RequestError as final:
                final.attempt = attempt
                raise
            except PassingTrouble as trouble:
                failure, retry_after = trouble.failure, trouble.retry_after
            failure.attempt = attempt
            pause = self._pause(attempt, retry_after, policy)
            if attempt == policy.attempts or self.clock() + pause > give_up_at:
                raise failure
            if attempt == 1 and on_trouble is not None:
                on_trouble()
            log.warning(
                "%s Attempt %d of %d, next in %.1f s.",
                failure.sentence, attempt, policy.attempts, pause,
            )  # fmt: skip
            self.sleep(pause)
        raise ValueError("a retry policy needs at least one attempt")

    def _pause(self, attempt: int, retry_after: float | None, policy: RetryPolicy) -> float:
        grown = min(policy.first_pause * 2.0 ** (attempt - 1), policy.longest_pause)
        # Half fixed, half random, so that many detectors do not retry at the same instant.
        pause = grown * (0.5 + self.jitter() / 2)
        if retry_after is None:
            return pause
        return max(pause, min(retry_after, policy.longest_retry_after))


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
