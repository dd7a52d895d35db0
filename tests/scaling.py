"""Compare what a parser costs on a text and on one several times as long."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

_LONGER = 6


def assert_linear(parse: Callable[[Any], object], made: Callable[[int], Any], length: int) -> None:
    """Fail if a parser takes more than linear time; what it raises is an answer like any other.

    The thread's own CPU time is compared, so that a busy machine changes nothing. What is over
    within 50 ms at the full length is not looked at further: a quadratic parser takes seconds.
    """
    given = made(length)
    long = _seconds(parse, given)
    if long < 0.05:
        return
    # Caches that other processes empty cost processor time too: the least of three counts.
    long = min(long, *(_seconds(parse, given) for _ in range(2)))
    short = min(_seconds(parse, made(length // _LONGER)) for _ in range(3))
    assert long < 2.5 * _LONGER * short, f"{long:.2f} s, and {short:.3f} s for a sixth of it"


def _seconds(parse: Callable[[Any], object], given: Any) -> float:
    began = time.thread_time()
    with suppress(Exception):
        parse(given)
    return time.thread_time() - began
