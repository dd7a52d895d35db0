"""Replace several parts of a text in one pass, so that replacements are not replaced again."""

import re
from collections.abc import Mapping


def substituted(text: str, parts: Mapping[str, str]) -> str:
    """Replace every key by its value; of overlapping keys the longest is used.

    Raises:
        AssertionError: for a key that is not in the text.
    """
    for key in parts:
        assert key in text, f"the text has no {key!r} any more: the test must replace another part"
    if not parts:
        return text
    keys = sorted(parts, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, keys)), lambda found: parts[found[0]], text)
