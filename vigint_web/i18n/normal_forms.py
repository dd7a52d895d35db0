"""Normalize untrusted text to a Unicode normal form, in linear time. Pure.

`unicodedata.normalize` sorts a run of combining marks by insertion, without releasing the GIL:
100,000 marks on one letter block a process for minutes. No language has more than a few; UAX #15
(section 13, Stream-Safe Text Format) allows 30, and further ones are removed here.
"""

import unicodedata
from functools import lru_cache
from typing import Literal

MOST_MARKS = 30

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]


def normalized(form: Form, text: str) -> str:
    """Return a text in a normal form, with at most 30 combining marks in a row."""
    if len(text) <= MOST_MARKS or text.isascii():
        return unicodedata.normalize(form, text)
    run, kept = 0, []
    for character in text:
        run = run + 1 if _is_mark(character) else 0
        if run <= MOST_MARKS:
            kept.append(character)
    return unicodedata.normalize(form, "".join(kept))


@lru_cache(maxsize=4096)
def _is_mark(character: str) -> bool:
    """Return whether the decomposition of a character begins with a mark."""
    return character > "\x7f" and bool(
        unicodedata.combining(unicodedata.normalize("NFKD", character)[0])
    )
