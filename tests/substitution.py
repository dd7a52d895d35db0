"""Replace several parts of a text in one pass, so that nothing replaces what was just written."""

import re
from collections.abc import Mapping


def substituted(text: str, parts: Mapping[str, str]) -> str:
    """Replace every key by its value; of keys that overlap, the longest is meant.

    Raises:
        AssertionError: for a key that the text does not have.
    """
    for key in parts:
        assert key in text, f"the text has no {key!r} any more: the test must replace another part"
    if not parts:
        return text
    keys = sorted(parts, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, keys)), lambda found: parts[found[0]], text)
