"""Parts of file names are ASCII words, whatever the name."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigint_web.services.videos.filenames import ascii_word


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("Entrepôt nord", "Entrepot-nord"),
        ("Cœur de l’Isère", "Coeur-de-l-Isere"),
        ("Straße Ø 3", "Strasse-O-3"),
        ("..", ""),
        ("東京", ""),
        ("a" * 39 + " b", "a" * 39),
    ],
)
def test_a_name_becomes_a_word(name: str, word: str) -> None:
    assert ascii_word(name) == word


@given(st.text(max_size=500))
def test_nothing_else_is_in_it(name: str) -> None:
    word = ascii_word(name)
    assert re.fullmatch(r"(?:[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*)?", word)
    assert len(word) <= 40
