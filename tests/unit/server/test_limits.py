"""Shares, pace and limits: the use by one client is bounded, and others keep theirs."""

from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigint_web.server.pace import LEAST_BYTES_PER_SECOND, PATIENCE_SECONDS, Pace
from vigint_web.server.parking import Parking, neighbourhood
from vigint_web.server.shares import Shares, body_shares

owners = st.sampled_from(["key:1", "key:2", "user:1", "user:2", "user:3"])


@given(st.integers(1, 20), st.integers(1, 10), st.lists(st.tuples(owners, st.booleans())))
def test_nobody_has_more_than_a_share_and_all_no_more_than_there_is(
    total: int, each: int, steps: list[tuple[str, bool]]
) -> None:
    shares, taken = Shares(total, each), Counter[str]()
    for owner, takes in steps:
        if takes:
            free = taken.total() < total and taken[owner] < each
            assert shares.take(owner) is free
            taken[owner] += free
        elif taken[owner]:
            shares.give_back(owner)
            taken[owner] -= 1


@given(st.integers(1, 256))
def test_half_of_the_threads_is_never_in_bodies(threads: int) -> None:
    shares = body_shares(threads)
    assert 1 <= shares.each <= shares.total
    assert shares.total <= max(1, threads // 2)
    taken = 0
    while shares.take(f"key:{taken // shares.each}"):
        taken += 1
    assert taken == shares.total


@given(st.integers(1, 60), st.integers(1, 10))
def test_a_line_that_stalls_and_goes_on_is_not_given_up(stall: int, times: int) -> None:
    """3G: 16 KB a second on the average, in bursts between stalls of many seconds."""
    now = 0.0
    pace = Pace(now)
    for _ in range(times):
        now += stall * 0.99
        assert pace.left(now) > 0
        pace.came(stall * 16 * 1024, now)


@given(st.integers(0, 10**9), st.floats(0.1, 20))
def test_a_body_that_trickles_ends_whatever_came_before(start: int, pause: float) -> None:
    now = 0.0
    pace = Pace(now)
    pace.came(start, now)
    while pace.left(now):
        now += pause
        pace.came(1, now)
        assert now < PATIENCE_SECONDS + 3 * pause + 1


def test_the_least_pace_is_slower_than_any_line_in_use() -> None:
    assert LEAST_BYTES_PER_SECOND * 8 <= 10_000  # GPRS moves 30 kbit/s


@dataclass(eq=False)
class Waiting:
    """A waiting connection."""

    neighbourhood: str
    deadline: float = 0.0


@given(st.lists(st.sampled_from("abcd"), min_size=1), st.integers(1, 10))
def test_who_holds_most_makes_room(clients: list[str], places: int) -> None:
    parking: Parking[Waiting] = Parking(places)
    held: list[Waiting] = []
    for client in clients:
        surplus = parking.surplus()
        assert (surplus is None) is (len(held) < places)
        if surplus is not None:
            counts = Counter(waiting.neighbourhood for waiting in held)
            assert counts[surplus.neighbourhood] == max(counts.values())
            own = [w for w in held if w.neighbourhood == surplus.neighbourhood]
            assert surplus is own[0], "its oldest"
            parking.remove(surplus)
            held.remove(surplus)
        held.append(Waiting(client))
        parking.add(held[-1])
        assert len(parking) == len(held) <= places
        assert set(parking) == set(held)
    for waiting in held:
        parking.remove(waiting)
        parking.remove(waiting)  # repeated removal is ignored
    assert len(parking) == 0
    assert parking.surplus(always=True) is None


def test_the_clients_take_turns() -> None:
    parking: Parking[Waiting] = Parking(9)
    held = [Waiting(client) for client in "aaabc"]
    for waiting in held:
        parking.add(waiting)
    taken = [parking.next_in_turn() for _ in range(6)]
    assert taken == [held[0], held[3], held[4], held[1], held[2], None]
    assert len(parking) == 0


def test_those_whose_time_is_over_are_found() -> None:
    parking: Parking[Waiting] = Parking(5)
    late, early = Waiting("a", 10.0), Waiting("a", 20.0)
    parking.add(late)
    parking.add(early)
    assert parking.overdue(15.0) == [late]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("192.0.2.1", 5), ("192.0.2.1", 6), True),
        (("192.0.2.1", 5), ("192.0.2.2", 5), False),
        (("2001:db8::1", 5, 0, 0), ("2001:db8::ffff:1", 5, 0, 0), True),
        (("2001:db8::1", 5, 0, 0), ("2001:db8:0:1::1", 5, 0, 0), False),
        (("::ffff:192.0.2.1", 5, 0, 0), ("192.0.2.1", 5), True),
        (("::ffff:192.0.2.1", 5, 0, 0), ("::ffff:192.0.2.2", 5, 0, 0), False),
        ("", "", True),  # a unix socket has no address
    ],
)
def test_addresses_that_one_client_can_choose_from_count_as_one(
    one: object, other: object, same: bool
) -> None:
    assert (neighbourhood(one) == neighbourhood(other)) is same
