"""One odd value: the value used for it, and its warning."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigint_web.models import RiskLevel
from vigint_web.services.core.odd_values import (
    CLAMPED,
    NOT_TEXT,
    NOT_UNDERSTOOD,
    REPLACED,
    ROUNDED,
    SHORTENED,
    json_text,
    load_json,
    plain_json,
    read_confidence,
    read_count,
    read_hours,
    read_name,
    read_risk,
    read_text,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("value", "used"),
    [
        (0.92, 0.92), ("0.92", 0.92), ("0,92", 0.92), (92, 0.92), ("92%", 0.92), ("92 %", 0.92),
        ("９２％", 0.92), (1.0000001, 1.0), (-0.0000001, 0.0), (100, 1.0), (0, 0.0), (1, 1.0),
        ("1e-1", 0.1), ("5%", 0.05),
    ],
)  # fmt: skip
def test_confidences(value: Any, used: float) -> None:
    assert read_confidence(value) == (pytest.approx(used), None)


@pytest.mark.parametrize(
    "value",
    [True, -1, 1.5, 7, 101, "1%%", math.nan, math.inf, 10**400, "sûr", [], {}, "x" * 100_000],
)
def test_what_is_no_confidence(value: Any) -> None:
    assert read_confidence(value) == (None, NOT_UNDERSTOOD)


@pytest.mark.parametrize(
    ("words", "level"),
    [
        ("low FAIBLE bas mineur", RiskLevel.LOW),
        ("medium Moyen MOYENNE modéré", RiskLevel.MEDIUM),
        ("High ÉLEVÉ eleve Élevée haut", RiskLevel.HIGH),
        ("critical CRITIQUE extrême urgent", RiskLevel.CRITICAL),
        ("unknown inconnu", RiskLevel.UNKNOWN),
    ],
)
def test_risks_in_two_languages(words: str, level: RiskLevel) -> None:
    for word in words.split():
        for text in (word, f" {word}\n", f"risque {word}", f"{word} risk", f"RiskLevel.{word}"):
            assert read_risk(text) == (level, None), text
    assert read_risk("très élevé") == read_risk("VERY  high") == (RiskLevel.CRITICAL, None)


@pytest.mark.parametrize("value", [3, "3", "severe", "DEMO", True, [], {}, "HIGH\x00", "é" * 10**6])
def test_a_risk_that_is_not_understood_is_unknown(value: Any) -> None:
    assert read_risk(value) == (RiskLevel.UNKNOWN, NOT_UNDERSTOOD)


@pytest.mark.parametrize("value", [None, "", "  ", "non précisé", "N/A"])
def test_a_risk_that_is_not_given_is_unknown_too(value: Any) -> None:
    assert read_risk(value) == (RiskLevel.UNKNOWN, None)


@pytest.mark.parametrize(
    ("value", "used"), [(150, 150), (1.0, 1), ("150", 150), ("150.0", 150), ("1 500", 1500), (0, 0)]
)
def test_counts(value: Any, used: int) -> None:
    assert read_count(value) == (used, None)


@pytest.mark.parametrize("value", [-1, 1.5, True, "x", "1,500", 2**31, math.inf, "12%", []])
def test_what_is_no_count(value: Any) -> None:
    assert read_count(value) == (None, NOT_UNDERSTOOD)


@pytest.mark.parametrize(
    ("value", "used", "code"),
    [
        (48, 48, None), ("48", 48, None), (24.0, 24, None), ("48 h", 48, None),
        ("2 jours", 48, None),
        ("1 semaine", 168, None), (1.5, 2, ROUNDED), (0.2, 1, ROUNDED), ("90 min", 2, ROUNDED),
        (10**9, 87_600, CLAMPED), (0, 12, NOT_UNDERSTOOD), (-3, 12, NOT_UNDERSTOOD),
        (math.nan, 12, NOT_UNDERSTOOD), (math.inf, 12, NOT_UNDERSTOOD), (True, 12, NOT_UNDERSTOOD),
        ("demain", 12, NOT_UNDERSTOOD), ([], 12, NOT_UNDERSTOOD), (None, None, None),
    ],
)  # fmt: skip
def test_hours(value: Any, used: int | None, code: str | None) -> None:
    assert read_hours(value, default=12) == (used, code)


def test_texts_are_whole_up_to_100_000_characters() -> None:
    assert read_text("x" * 100_000) == ("x" * 100_000, None)
    used, code = read_text("x" * 100_001)
    assert (len(used), code) == (100_000, SHORTENED)
    assert read_text(["a", 1]) == ('["a", 1]', NOT_TEXT)
    assert read_text(3.5) == ("3.5", None)
    assert read_text("a\x00b\ud800") == ("ab?", REPLACED)


def test_names_stand_on_one_line() -> None:
    assert read_name("Vol\r\nBcc: x\x85\u2028y", 100) == ("Vol Bcc: x y", None)
    assert read_name("é" * 101, 100) == ("é" * 99 + "…", SHORTENED)
    assert read_name({"id": 3}, 100) == (None, NOT_TEXT)
    assert read_name(7, 100) == ("7", None)


def test_what_nests_deeply_is_kept_as_text() -> None:
    deep: Any = "bottom"
    for _ in range(20_000):
        deep = [deep]
    kept = plain_json({"a": deep, "b": math.nan})
    assert kept["b"] == "NaN"
    assert "bottom" in json.dumps(kept)


@given(JSON)
def test_json_is_kept_as_every_database_takes_it(value: Any) -> None:
    kept = plain_json(value)
    text = json.dumps(kept, allow_nan=False, ensure_ascii=False)
    assert "\\u0000" not in text
    text.encode()
    assert plain_json(kept) == kept


@given(JSON)
def test_json_text_says_what_json_does(value: Any) -> None:
    assert repr(json.loads(json_text(value))) == repr(value)


def test_json_is_read_although_its_numbers_or_letters_are_odd() -> None:
    assert load_json(b'{"a": ' + b"9" * 5000 + b"}") == {"a": "9" * 5000}
    assert load_json('{"a": "é"}'.encode("cp1252")) == {"a": "é"}
    assert load_json('{"a": "é"}'.encode("utf-8-sig")) == {"a": "é"}


@pytest.mark.parametrize(
    "read", [read_confidence, read_count, read_risk, read_text, lambda v: read_name(v, 100)]
)
@given(value=JSON | st.text("0123456789.,%e+- ", max_size=30))
def test_no_value_is_an_accident(read: Any, value: Any) -> None:
    read(value)
    read_hours(value, default=48)
