"""Turns, medians and ratios of the benchmarks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.measuring import Comparison, head, in_turns, spread

times = st.lists(st.floats(0.001, 1e6), min_size=1, max_size=30)


@given(times)
def test_a_spread_lies_within_its_values(values: list[float]) -> None:
    found = spread(values)
    assert min(values) <= found.low <= found.median <= found.high <= max(values)
    assert found.number == len(values)


@given(times, times, st.floats(0.5, 3), st.floats(0, 5))
def test_a_row_says_what_its_document_says(
    measured: list[float], peer: list[float], limit: float, slack: float
) -> None:
    row = Comparison("work", "ms", measured, peer, limit, slack)
    document = row.document()
    assert document["ratio"] == pytest.approx(
        document["measured"]["median"] / document["peer"]["median"]
    )
    assert row.line().endswith("!") is not document["within"]


def test_the_goal_is_one_of_medians_with_a_slack() -> None:
    peer = [1.0, 2.0, 90.0]
    assert Comparison("work", "ms", [3.0], peer, limit=1.5).is_within
    assert not Comparison("work", "ms", [3.1], peer, limit=1.5).is_within
    assert Comparison("work", "ms", [3.1], peer, limit=1.5, slack=1).is_within
    assert Comparison("work", "ms", [99.0], peer).is_within, "without a goal"
    assert Comparison("work", "ms", [99.0], limit=1.5).is_within, "without a peer"


def test_a_peer_of_no_time_has_no_ratio() -> None:
    assert Comparison("work", "ms CPU", [5.0], [0.0]).ratio is None


def test_a_row_stands_below_its_heads() -> None:
    line = Comparison("work", "ms", [1.0, 2.0, 3.0], [1200.0]).line()
    assert line.index("2 (1.5–2.5)") + len("2 (1.5–2.5)") == head().index("(quartiles)") + 11
    assert "1,200" in line


def test_turns_alternate_and_the_first_rounds_do_not_count() -> None:
    order: list[str] = []

    def turn(name: str) -> int:
        order.append(name)
        return len(order)

    found = in_turns({"a": lambda: turn("a"), "b": lambda: turn("b")}, 2, warm_up=1)
    assert "".join(order) == "abbaab"
    assert found == {"a": [4, 5], "b": [3, 6]}
