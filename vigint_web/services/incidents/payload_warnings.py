"""Collect received values that differ from those used. Pure."""

import math
from typing import Any

from vigint_web.services.core.odd_values import json_text

MOST_WARNINGS = 100
MORE = "more_warnings"
UNUSED_PART = "unused_part"
# The maximum characters of a value in an answer, and stored of one, and of all together.
_SHOWN = 200
_KEPT = 100_000
_KEPT_TOGETHER = 1_000_000


class Warnings:
    """Hold a request's warnings; the stored size of received values is bounded."""

    def __init__(self) -> None:
        self._found: list[dict[str, Any]] = []
        self._more = 0
        self._room = _KEPT_TOGETHER

    def add(self, field: str, value: Any, code: str, used: Any = None) -> None:
        """Add that a value is used as another one, or not at all (None)."""
        if len(self._found) >= MOST_WARNINGS:
            self._more += 1
            return
        shown = safe_value(value)
        warning = {"field": field, "value": shown, "code": code, "used": safe_value(used)}
        whole = _text(value)
        if not isinstance(shown, str) or whole == shown:
            whole = ""
        whole = whole[: min(_KEPT, self._room)]
        self._room -= len(whole)
        # Values too long for an answer are shown on the page.
        self._found.append(warning | ({"whole": whole} if whole else {}))

    def stored(self) -> list[dict[str, Any]]:
        """Return the JSON stored in an incident's row, which every database accepts."""
        if not self._more:
            return self._found
        last = {"field": "", "value": self._more, "code": MORE, "used": None}
        return [*self._found, last]


def safe_value(value: Any) -> Any:
    """Return a value that any program can read: a short text, a number, true, false or null."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) < 2**53:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    text = _text(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _text(value: Any) -> str:
    text = str(value) if isinstance(value, str) else json_text(value)
    # Escaping preserves characters that databases cannot store.
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode()
