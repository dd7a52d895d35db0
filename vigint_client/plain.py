"""Convert values of a detector's own libraries to JSON values."""

import dataclasses
import datetime as dt
import decimal
import enum
import json
import math
import numbers
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

_MAX_DEPTH = 30
# More than any real document: an endless iterator, or lists that contain themselves.
_MOST_VALUES = 200_000
# JSON has no limit, but readers have: Python's own refuses a number of more than 4,300 digits.
_LONGEST_NUMBER = 256  # bits


def to_json(document: Mapping[str, Any]) -> str:
    """Return a document as strict JSON (RFC 8259); other values become text or null."""
    return json.dumps(to_plain(document), allow_nan=False)


def to_plain(value: Any) -> Any:
    """Return a value of JSON's own types; others become text.

    NumPy and tensor values become numbers and lists, an Enum its value where that is text and else
    its name, NaN and the infinities null. Never raises.
    """
    try:
        return _Writer().write(value, 0)
    except Exception:
        return to_text(value)


def to_text(value: Any) -> str:
    """Return a value as text that every encoding supports; bytes are decoded as UTF-8."""
    if value is None:
        return ""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).decode("utf-8", "replace")
    if isinstance(value, enum.Enum):
        return to_text(_named(value))
    try:
        # A lone surrogate is no character: databases refuse it.
        return str(value).encode("utf-8", "replace").decode()
    except Exception:
        # A foreign object whose conversion to text fails.
        return f"<{type(value).__name__}>"


class _Writer:
    def __init__(self) -> None:
        self._left = _MOST_VALUES

    def write(self, value: Any, depth: int) -> Any:
        self._left -= 1
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, enum.Enum):
            return self.write(_named(value), depth)
        if isinstance(value, (numbers.Real, decimal.Decimal)):
            return _number(value)
        if isinstance(value, (dt.datetime, dt.date, dt.time)):
            return value.isoformat()
        if type(value).__name__ == "datetime64":
            # A bare number would lose the unit or type.
            return str(value)
        if isinstance(value, (str, bytes, bytearray, memoryview)):
            return to_text(value)
        if depth < _MAX_DEPTH and self._left > 0:
            try:
                return self._container(value, depth + 1)
            except Exception:
                return to_text(value)
        return to_text(value) if not isinstance(value, Iterable) else f"<{type(value).__name__}>"

    def _container(self, value: Any, depth: int) -> Any:
        if isinstance(value, Mapping):
            items = islice(value.items(), max(0, self._left))
            return {_key(key): self.write(item, depth) for key, item in items}
        if hasattr(value, "tolist"):
            return self.write(value.tolist(), depth)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = dataclasses.fields(value)
            return {field.name: self.write(getattr(value, field.name), depth) for field in fields}
        if isinstance(value, Iterable) and not isinstance(value, type):
            return [self.write(item, depth) for item in islice(value, max(0, self._left))]
        return to_text(value)


def _number(value: Any) -> int | float | str | None:
    if isinstance(value, numbers.Integral):
        value = int(value)
        return value if value.bit_length() <= _LONGEST_NUMBER else hex(value)
    try:
        number = float(value)
    except (ArithmeticError, ValueError, TypeError):
        return to_text(value)
    return number if math.isfinite(number) else None


def _named(value: enum.Enum) -> Any:
    # The number of an enum member is meaningless to people: Risk.HIGH is HIGH, not 3.
    return value.value if isinstance(value.value, str) else value.name


def _key(key: Any) -> str:
    if isinstance(key, enum.Enum):
        key = _named(key)
    return to_text(key) if key is not None else "None"
