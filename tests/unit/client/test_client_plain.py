"""Any value of a detector becomes strict JSON, and never raises."""

import datetime as dt
import decimal
import enum
import json
import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigint_client.plain import to_json, to_plain, to_text
from vigint_client.recipients import read_recipients


class Risk(enum.Enum):
    HIGH = 3
    LOW = "LOW"


class Level(enum.IntEnum):
    CRITICAL = 4


@dataclass
class Box:
    x: float
    label: str


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__

    def __iter__(self) -> Any:
        raise RuntimeError("no")

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


CYCLE: list[Any] = []
CYCLE += [CYCLE, CYCLE]


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(7), 7),
        (np.bool_(True), True),
        (np.array([[1, 2]]), [[1, 2]]),
        (np.datetime64("2025-09-25T14:30"), "2025-09-25T14:30"),
        (decimal.Decimal("0.92"), 0.92),
        (decimal.Decimal("NaN"), None),
        (Fraction(1, 4), 0.25),
        (float("nan"), None),
        (float("-inf"), None),
        (Risk.HIGH, "HIGH"),
        (Risk.LOW, "LOW"),
        (Level.CRITICAL, "CRITICAL"),
        (dt.date(2025, 9, 25), "2025-09-25"),
        (Path("/a/b"), "/a/b"),
        (b"caf\xc3\xa9", "café"),
        ("\ud83d", "?"),
        ({1: "a", None: "b", Risk.HIGH: "c", b"k": "d", "\ud83d": "e"},
         {"1": "a", "None": "b", "HIGH": "c", "k": "d", "?": "e"}),
        ({"x"}, ["x"]),
        ((number for number in (1, 2)), [1, 2]),
        (Box(1.5, "hand"), {"x": 1.5, "label": "hand"}),
        (2**70, 2**70),
        pytest.param(10**5000, hex(10**5000), id="a number that Python does not read"),
        pytest.param(Hostile(), "<Hostile>", id="hostile"),
        (range(3), [0, 1, 2]),
        (memoryview(b"x"), "x"),
    ],
)  # fmt: skip
def test_what_each_becomes(value: object, plain: object) -> None:
    assert to_plain(value) == plain
    json.loads(to_json({"value": value}), parse_constant=pytest.fail)


@pytest.mark.parametrize("value", [CYCLE, count(), {"a": CYCLE}, object(), Risk, print, Hostile])
def test_what_has_no_end_or_no_form_ends_all_the_same(value: object) -> None:
    assert len(to_json({"value": value})) < 4_000_000


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.binary(max_size=9)
    | st.decimals() | st.text(st.characters(exclude_categories=()), max_size=9)
    | st.datetimes() | st.timedeltas() | st.uuids() | st.complex_numbers(),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.integers() | st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)  # fmt: skip


@given(ANYTHING)
def test_anything_is_strict_json_and_text_of_every_encoding(value: object) -> None:
    text = to_json({"value": value})
    again = json.loads(text, parse_constant=pytest.fail)
    json.dumps(again, ensure_ascii=False).encode("utf-8")
    to_text(value).encode("utf-8")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_keep_their_value(value: float) -> None:
    assert to_plain(np.float64(value)) == value
    assert math.isclose(to_plain(decimal.Decimal(value)), value)


@pytest.mark.parametrize(
    ("recipients", "more", "named"),
    [
        (None, None, None),
        ([], None, ()),
        ("", None, None),
        ("  ", None, None),
        ([""], None, None),
        ([None], None, None),
        ("a@example.org, b@example.org", None, ("a@example.org", "b@example.org")),
        ("a@example.org; b@example.org\n", None, ("a@example.org", "b@example.org")),
        (['"Dupont, Jean" <j@example.org>'], None, ('"Dupont, Jean" <j@example.org>',)),
        (("typo", "é@exemple.fr"), None, ("typo", "é@exemple.fr")),
        (b"a@example.org", None, ("a@example.org",)),
        (None, "more@example.org", ("more@example.org",)),
        ([], "more@example.org", ("more@example.org",)),
        (["a@example.org"], "more@example.org", ("a@example.org", "more@example.org")),
        (["a@example.org"], "a@example.org", ("a@example.org",)),
        (["a@example.org"], "", ("a@example.org",)),
        pytest.param(Hostile(), None, ("<Hostile>",), id="hostile"),
    ],
)
def test_recipients(recipients: object, more: object, named: tuple[str, ...] | None) -> None:
    assert read_recipients(recipients, more) == named
