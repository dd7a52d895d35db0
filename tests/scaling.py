"""Compare the time of a parser on a text and on one several times as long."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

_LONGER = 6


def assert_linear(parse: Callable[[Any], object], made: Callable[[int], Any], length: int) -> None:
    """Fail if a parser takes more than linear time; an exception is a valid result.

    The thread's own CPU time is compared, independent of other load. Times below 50 ms at the full
    length are not examined further: a quadratic parser takes seconds.
    """
    given = made(length)
    long = _seconds(parse, given)
    if long < 0.05:
        return
    # Cache misses caused by other processes cost processor time too: the minimum of three counts.
    long = min(long, *(_seconds(parse, given) for _ in range(2)))
    short = min(_seconds(parse, made(length // _LONGER)) for _ in range(3))
    assert long < 2.5 * _LONGER * short, f"{long:.2f} s, and {short:.3f} s for a sixth of it"


def _seconds(parse: Callable[[Any], object], given: Any) -> float:
    began = time.thread_time()
    with suppress(Exception):
        parse(given)
    return time.thread_time() - began
