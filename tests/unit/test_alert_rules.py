"""The pause before a mail is retried, and its sentence about its link's hours."""

from datetime import UTC, datetime, timedelta

import pytest

from vigint_web.services.core.leases import pause_before
from vigint_web.services.links.links import hours_left

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def test_pauses_grow_and_then_stay() -> None:
    pauses = [pause_before(attempt) for attempt in range(1, 30)]
    assert pauses[0] == timedelta(seconds=10)
    assert pauses == sorted(pauses)
    assert pauses[:5] == [timedelta(seconds=10 * 2**n) for n in range(5)]
    assert pauses[-1] == timedelta(minutes=30)
    assert pause_before(10**9) == timedelta(minutes=30)
    assert pause_before(0) > timedelta(0)


@pytest.mark.parametrize(
    ("left", "hours"),
    [
        (timedelta(hours=48), 48),
        (timedelta(hours=47, minutes=50), 48),
        (timedelta(hours=1, minutes=20), 1),
        (timedelta(minutes=5), 1),
    ],
)
def test_hours_are_those_that_are_left(left: timedelta, hours: int) -> None:
    assert hours_left(NOW + left, NOW) == hours
