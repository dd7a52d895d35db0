"""Estimating a password takes bounded time, for any input, and accepts no easy one."""

import itertools
import random
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zxcvbn import matching

from vigint_web.errors import Busy
from vigint_web.services.accounts import password_strength, passwords

STAND_INS = "4@8({[<3691!|70$5+%2"
# The maximum number of parts of passwords that zxcvbn looks up: 30 times those of 72 different
# letters.
MOST_LOOKUPS = 30 * 72 * 72


@pytest.fixture
def lookups(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Collect the square of each text that zxcvbn searches its word lists for parts of."""
    counted: list[int] = []
    real = matching.dictionary_match

    def counting(password: str, *arguments: Any, **options: Any) -> Any:
        counted.append(len(password) ** 2)
        return real(password, *arguments, **options)

    monkeypatch.setattr(matching, "dictionary_match", counting)
    return counted


def _work(lookups: list[int], password: str) -> int:
    lookups.clear()
    password_strength.is_guessable(password, ["vigint", "guard@example.com"])
    return sum(lookups)


@pytest.mark.parametrize("length", [15, 20, 40, 72, 256])
@pytest.mark.parametrize("shift", range(0, 20, 4))
def test_every_stand_in_at_once_costs_little(lookups: list[int], length: int, shift: int) -> None:
    turned = STAND_INS[shift:] + STAND_INS[:shift]
    password = "".join(itertools.islice(itertools.cycle(turned), length))
    assert _work(lookups, password) <= MOST_LOOKUPS, f"{password!r} costs too much"


def test_no_chosen_text_costs_much(lookups: list[int]) -> None:
    alphabet = st.sampled_from(STAND_INS + "abcdeilost") | st.characters(codec="utf-8")
    texts = st.text(alphabet, min_size=1, max_size=256)

    @settings(max_examples=150, deadline=None)
    @given(texts | texts.map(lambda text: (text * 256)[:256]))
    def check(password: str) -> None:
        assert _work(lookups, password) <= MOST_LOOKUPS, f"{password!r} costs too much"

    check()


def test_the_table_of_stand_ins_is_the_librarys() -> None:
    assert ["".join(group) for group in matching.L33T_TABLE.values()] == list(
        password_strength._STAND_INS
    )


@given(st.text(max_size=256))
def test_a_beginning_is_judged_and_never_nothing(password: str) -> None:
    beginning = password_strength.affordable_beginning(password)
    assert password.startswith(beginning)
    assert len(beginning) >= min(len(password), 11), "too little is left to be hard to guess"


def test_good_passwords_of_symbols_are_taken() -> None:
    chosen = random.Random(7)
    symbols = "".join(map(chr, range(33, 127)))
    for _ in range(100):
        password = "".join(chosen.choice(symbols) for _ in range(24))
        assert not password_strength.is_guessable(password, []), f"{password!r} is refused"


def test_hashing_has_few_places_and_refuses_at_once_beyond(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Waiting for a place occupies a thread: only a limited number wait."""
    monkeypatch.setattr(passwords, "_places", threading.BoundedSemaphore(1))
    monkeypatch.setattr(passwords, "_queue", threading.BoundedSemaphore(2))
    kept = passwords.hash_password("quatre mots sans rapport")
    done: list[bool] = []
    with passwords._place():
        waiting = threading.Thread(
            target=lambda: done.append(passwords.verify(kept, "quatre mots sans rapport"))
        )
        waiting.start()
        while passwords._queue._value:
            waiting.join(0.001)
        with pytest.raises(Busy):
            passwords.verify(kept, "quatre mots sans rapport")
        assert done == []
    waiting.join()
    assert done == [True]
    assert passwords.verify(kept, "quatre mots sans rapport"), "a place was not given back"


def test_a_long_text_is_compared_by_its_beginning_only() -> None:
    kept = passwords.hash_password("quatre mots sans rapport")
    assert not passwords.verify(kept, "ﷺ" * 400_000)
