"""Requests with large bodies are checked a few at a time, round-robin over clients."""

from collections import Counter
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from vigint_web.server.admission import DECIDING_SECONDS, Admission


@dataclass(eq=False)
class Request:
    """A connection whose large body has not arrived."""

    neighbourhood: str
    deadline: float = 0.0


clients = st.lists(st.sampled_from("abcd"), max_size=40)


@given(clients, st.integers(1, 5))
def test_no_more_are_decided_at_once_and_all_are_admitted(arrivals: list[str], most: int) -> None:
    admission = Admission[Request](100, most)
    requests = [Request(client) for client in arrivals]
    for request in requests:
        admission.waiting.add(request)
    seen: list[Request] = []
    while admitted := admission.admit(0.0):
        assert len(admitted) <= most
        assert admission.admit(0.0) == [], "no place is left until one was decided"
        seen += admitted
        for request in admitted:
            admission.decided(request)
    assert set(seen) == set(requests)
    assert len(seen) == len(requests)


@given(clients)
def test_a_client_waits_for_one_of_each_other_client_and_for_its_own(arrivals: list[str]) -> None:
    admission = Admission[Request](100, 1)
    for client in arrivals:
        admission.waiting.add(Request(client))
    served = Counter[str]()
    totals = Counter(arrivals)
    while admitted := admission.admit(0.0):
        for request in admitted:
            served[request.neighbourhood] += 1
            admission.decided(request)
        waiting = [served[client] for client in totals if served[client] < totals[client]]
        assert not waiting or max(served.values()) - min(waiting) <= 1


def test_what_takes_long_leaves_its_place_to_others() -> None:
    admission = Admission[Request](100, 1)
    slow, other = Request("a"), Request("b")
    admission.waiting.add(slow)
    admission.waiting.add(other)
    assert admission.admit(0.0) == [slow]
    assert admission.admit(DECIDING_SECONDS) == []
    assert admission.admit(DECIDING_SECONDS + 0.01) == [other]
    admission.decided(slow)  # which no longer counts
    assert admission.admit(DECIDING_SECONDS + 0.01) == []
