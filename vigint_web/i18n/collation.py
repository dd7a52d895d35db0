"""Fold names, so that they sort and compare as people expect: é beside e, 2 before 10."""

import re
import unicodedata

from vigint_web.i18n.normal_forms import normalized

_LONGEST = 255
_DIGITS = re.compile(r"\d{1,12}")


def fold(text: str) -> str:
    """Return a text without case, accents and needless spaces."""
    plain = normalized("NFKD", text).casefold()
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).split())


def sort_key(name: str) -> str:
    """Return the sort key of a name, by character, with numbers by their value."""
    return _DIGITS.sub(lambda found: found.group().zfill(12), fold(name))[:_LONGEST]
