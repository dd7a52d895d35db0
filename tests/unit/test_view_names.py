"""Names of plays: bound to a link and a visitor, generated nowhere else."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vigint_web.services.core.actors import Visitor
from vigint_web.services.links import play_names
from vigint_web.services.links.play_rules import is_over, longest_play

KEY, OTHER_KEY = "a secret of enough length", "an earlier secret of that length"
HANDLE = "h" * 22
MARK = play_names.new_mark()
HERE = Visitor("192.0.2.7", "Mozilla/5.0 (iPhone)", MARK)


def _bound(visitor: Visitor, name: str, handle: str = HANDLE) -> bool:
    return play_names.is_bound((KEY,), handle, visitor, name)


NAME = play_names.new_name((KEY,), HANDLE, HERE)


def test_it_is_its_visitors_wherever_they_go() -> None:
    assert _bound(HERE, NAME)
    assert _bound(replace(HERE, address="198.51.100.1"), NAME), "a change of network ended it"
    assert _bound(replace(HERE, user_agent="another"), NAME)
    assert _bound(replace(HERE, mark=None), NAME), "a browser that keeps no cookie cannot play"


@pytest.mark.parametrize(
    "stranger",
    [
        replace(HERE, mark=play_names.new_mark()),
        replace(HERE, mark=None, address="192.0.2.8"),
        replace(HERE, mark=None, user_agent="Mozilla/5.0 (Android)"),
        replace(HERE, mark=None, user_agent=""),
    ],
)
def test_it_is_nobody_elses(stranger: Visitor) -> None:
    assert not _bound(stranger, NAME)


def test_it_is_of_one_link_and_one_installation() -> None:
    assert not _bound(HERE, NAME, handle="i" * 22)
    assert not play_names.is_bound((OTHER_KEY,), HANDLE, HERE, NAME)
    assert play_names.is_bound((OTHER_KEY, KEY), HANDLE, HERE, NAME), "a rotated key ended it"


@given(st.integers(0, len(NAME) - 1), st.sampled_from("AZaz09-_.~é"))
def test_one_other_character_makes_it_none(at: int, other: str) -> None:
    changed = NAME[:at] + other + NAME[at + 1 :]
    assume(changed != NAME)
    for visitor in (HERE, replace(HERE, mark=None)):
        # Each visitor is checked by their own code.
        judged = at < 13 or (at < 29) == (visitor.mark is not None)
        assert _bound(visitor, changed) is (not judged and other in "AZaz09-_")


@given(st.text(max_size=80))
def test_no_text_is_a_name(text: str) -> None:
    assert not _bound(HERE, text)


def test_names_of_before_are_told_from_these() -> None:
    assert play_names.is_earlier("sixteen-letters_")
    assert not play_names.is_earlier(NAME)
    assert not play_names.is_earlier("x" * 65)
    assert len(NAME) <= 64, "a process of before would take it for none"


@given(
    st.floats(0, 1e6) | st.none(),
    st.integers(0, 3 * 86_400),
    st.integers(0, 3 * 86_400),
)
def test_a_play_ends_by_silence_or_by_its_length(
    duration: float | None, age: int, silence: int
) -> None:
    assume(silence <= age)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    over = is_over(
        now - timedelta(seconds=age), now - timedelta(seconds=silence), now, duration
    )  # fmt: skip
    assert over is (silence >= 1800 or age >= longest_play(duration).total_seconds())


@pytest.mark.parametrize(
    ("duration", "hours"), [(None, 2), (0, 2), (60, 2), (3600, 4), (6 * 3600, 24), (1e9, 24)]
)
def test_how_long_a_play_may_last(duration: float | None, hours: int) -> None:
    assert longest_play(duration) == timedelta(hours=hours)
