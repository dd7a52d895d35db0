"""Turns: memory-intensive work has a limit, and one owner excludes no other."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from vigint_web.errors import Busy
from vigint_web.http.security.turns import Turns


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Provide a context that ends every turn."""
    with ExitStack() as entered:
        yield entered


def test_one_owner_has_half_of_the_turns_and_others_the_rest(stack: ExitStack) -> None:
    turns = Turns(width=4, seconds=0.01)
    for owner in ("a", "a", "b", "b"):
        stack.enter_context(turns.turn(owner))
    with pytest.raises(Busy):
        stack.enter_context(turns.turn("c"))


def test_whose_turn_does_not_come_is_told_so_and_leaves_no_trace(stack: ExitStack) -> None:
    turns = Turns(width=2, seconds=0.01)
    for _ in range(5):
        with turns.turn("a"), pytest.raises(Busy):
            stack.enter_context(turns.turn("a"))
    with turns.turn("a"):
        pass


def test_those_who_wait_for_their_own_are_few() -> None:
    """Each occupies a thread: the third of an owner with one place is refused."""
    turns, waits, ended = Turns(width=2, seconds=20), threading.Event(), threading.Event()

    def second() -> None:
        waits.set()
        with turns.turn("a"):
            ended.set()

    thread = threading.Thread(target=second)
    with turns.turn("a"):
        thread.start()
        assert waits.wait(20)
        while turns._present["a"] < 2:
            thread.join(0.01)
        with pytest.raises(Busy), turns.turn("a"):
            pass
        assert not ended.is_set(), "the second still waits"
        with turns.turn("b"):
            pass
    assert ended.wait(20), "its turn came"
    thread.join()
