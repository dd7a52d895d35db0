"""Count events over all processes of an installation.

Each process adds up its events, and a thread adds the sums every second to one hash of the queue
server: so a restart loses nothing, workers on other machines count too, and no request waits for
it. A killed process loses at most the last second.
"""

import atexit
import json
import logging
import os
import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast
from weakref import WeakSet

from redis import Redis
from redis.exceptions import ConnectionError as RedisUnreachable
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

_KEY = "vigint:metrics"
_SEND_SECONDS = 1.0

# The name of a family, then its labels' values, then for histograms a bucket's number or SUM.
Series = tuple[str, ...]
SUM = "sum"


@dataclass(frozen=True)
class Family:
    """A metric with its labels; with buckets (upper bounds, growing) it is a histogram."""

    name: str
    about: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


class Counters:
    """Add up, send to the queue server, and read the totals of all processes."""

    _pid: int
    _added: defaultdict[Series, float]
    _sender: threading.Thread | None

    def __init__(self, redis: Callable[[], Redis]) -> None:
        """Take a function that returns the connection to the queue server; it is not called yet."""
        self._redis = redis
        self._begin()
        _every.add(self)

    def count(self, family: Family, *labels: str, amount: float = 1) -> None:
        """Add to a counter."""
        self._add({(family.name, *labels): amount})

    def observe(self, family: Family, value: float, *labels: str) -> None:
        """Add a value to a histogram."""
        bucket = bisect_left(family.buckets, value)
        series = (family.name, *labels)
        self._add({(*series, str(bucket)): 1, (*series, SUM): value})

    def send(self) -> bool:
        """Send the sums to the queue server; return whether there were any.

        They are sent later if the server cannot be reached.
        """
        if self._pid != os.getpid():
            self._begin()
        with self._lock:
            added, self._added = self._added, defaultdict(float)
            if not added:
                return False
        try:
            with self._redis().pipeline() as pipeline:
                for series, amount in added.items():
                    pipeline.hincrbyfloat(_KEY, json.dumps(series), amount)
                pipeline.execute()
        except RedisUnreachable:
            with self._lock:
                for series, amount in added.items():
                    self._added[series] += amount
        except RedisError as error:
            # The server may have added them or not; losing them is better than counting them twice.
            log.warning("counts were lost: %s", type(error).__name__)
        return True

    def read(self) -> Mapping[Series, float]:
        """Return the totals of all processes; raises RedisError."""
        self.send()
        totals = cast("dict[bytes, bytes]", self._redis().hgetall(_KEY))
        return {tuple(json.loads(series)): float(total) for series, total in totals.items()}

    def _begin(self) -> None:
        """Start at zero; a parent process sends its own sums itself."""
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._added = defaultdict(float)
        self._sender = None

    def _add(self, amounts: Mapping[Series, float]) -> None:
        if self._pid != os.getpid():
            self._begin()
        with self._lock:
            for series, amount in amounts.items():
                self._added[series] += amount
            if self._sender is None:
                self._sender = threading.Thread(target=self._run, name="counters", daemon=True)
                self._sender.start()

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            pause.wait(_SEND_SECONDS)
            if self.send():
                continue
            with self._lock:
                if not self._added:
                    self._sender = None
                    return


_every: "WeakSet[Counters]" = WeakSet()


@atexit.register
def _send_at_exit() -> None:
    for counters in list(_every):
        counters.send()
