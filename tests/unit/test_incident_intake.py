"""What a detector says: every mistake at once, times with and without offset, nothing dangerous."""

import math
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigint_web.errors import Invalid
from vigint_web.models import RiskLevel
from vigint_web.services.incident_intake import (
    MOST_FRAMES,
    IncidentFacts,
    Moment,
    parse_incident,
    parse_moment,
)

PARIS = ZoneInfo("Europe/Paris")
EPOCH_2026 = datetime(2026, 7, 1, 12, 0, tzinfo=UTC).timestamp()


def _parse(data: dict[str, Any] | None = None, **body: Any) -> IncidentFacts:
    return parse_incident({"message": "m", "incident_data": data or {}, **body}, PARIS)


def _mistakes(document: Any) -> list[str]:
    with pytest.raises(Invalid) as caught:
        parse_incident(document, PARIS)
    return caught.value.mistakes


def test_every_mistake_is_told_at_once() -> None:
    mistakes = _mistakes(
        {
            "message": ["no text"],
            "incident_data": {
                "risk_level": "severe",
                "confidence": 92,
                "frame_count": -1,
                "analysis": "x" * 20_001,
                "detected_at": "yesterday",
            },
            "recipients": ["guard@example.com\nBcc: all@example.com"],
            "expiration_hours": 0,
            "timestamps": [0, "never"],
        }
    )
    told = " ".join(mistakes)
    for field in (
        "message", "risk_level", "confidence", "frame_count", "analysis", "detected_at",
        "recipients", "expiration_hours", "timestamps[1]",
    ):  # fmt: skip
        assert field in told, f"{field} is not told: {mistakes}"
    assert len(mistakes) == 9


@pytest.mark.parametrize("document", [[], "text", 7, True])
def test_a_document_that_is_no_object_is_refused(document: Any) -> None:
    assert any("JSON object" in mistake for mistake in _mistakes(document))


def test_an_empty_document_is_refused() -> None:
    for document in ({}, None, {"incident_data": {}}, {"message": "  "}):
        assert _mistakes(document) == ["message and incident_data are both missing."]


def test_what_is_not_said_has_a_default() -> None:
    facts = parse_incident({"message": "m"}, PARIS)
    assert (facts.risk_level, facts.incident_type) == (RiskLevel.MEDIUM, "incident")
    assert (facts.confidence, facts.frame_count, facts.detected_at) == (None, None, None)
    assert facts.recipients is None, "nobody named: the configured recipients"
    assert _parse(recipients=[]).recipients == (), "named nobody: nobody is alerted"
    assert _parse(alert=False, recipients=["a@example.com"]).recipients == ()


def test_unknown_keys_are_kept() -> None:
    assert _parse({"zone": "A", "confidence": 0.5}).extra == {"zone": "A"}


@pytest.mark.parametrize(
    ("value", "seconds", "assumed"),
    [
        (EPOCH_2026, EPOCH_2026, False),
        (int(EPOCH_2026), EPOCH_2026, False),
        (str(EPOCH_2026), EPOCH_2026, False),
        ("2026-07-01T12:00:00Z", EPOCH_2026, False),
        ("2026-07-01T14:00:00+02:00", EPOCH_2026, False),
        ("2026-07-01 14:00:00", EPOCH_2026, True),
        ("2026-07-01T14:00:00.250", EPOCH_2026 + 0.25, True),
        (" 2026-07-01T14:00:00 ", EPOCH_2026, True),
        ("2026-01-01T00:00:00", datetime(2025, 12, 31, 23, tzinfo=UTC).timestamp(), True),
    ],
)
def test_times(value: Any, seconds: float, assumed: bool) -> None:
    assert parse_moment(value, PARIS) == Moment(seconds, zone_assumed=assumed)


@pytest.mark.parametrize(
    "value",
    [
        True, False, math.nan, math.inf, -1, 10**400, 1e300, "nan", "inf", "1e400", "", " ",
        "2026-13-01", "0001-01-01T00:00:00", "9999-12-31T23:59:59", [], {}, "9" * 65,
    ],
)  # fmt: skip
def test_what_is_no_time_is_a_mistake(value: Any) -> None:
    for body in ({"incident_data": {"detected_at": value}}, {"timestamps": [value]}):
        mistakes = _mistakes({"message": "m", **body})
        assert len(mistakes) == 1, mistakes


@pytest.mark.parametrize("value", [math.nan, math.inf, -0.01, 1.01, True, "0.5", [], 10**400])
def test_confidence_is_a_number_from_0_to_1(value: Any) -> None:
    assert "confidence" in _mistakes({"message": "m", "incident_data": {"confidence": value}})[0]


@pytest.mark.parametrize("value", [0, 1, 0.92])
def test_confidence_is_kept(value: float) -> None:
    assert _parse({"confidence": value}).confidence == value


@pytest.mark.parametrize("value", [True, -1, 2**31, 1.5, "x", "-1", []])
def test_frame_count_is_a_whole_number(value: Any) -> None:
    assert "frame_count" in _mistakes({"message": "m", "incident_data": {"frame_count": value}})[0]


def test_numbers_as_text_are_read() -> None:
    facts = _parse({"frame_count": "150"}, expiration_hours="24")
    assert (facts.frame_count, facts.expiration_hours) == (150, 24)


def test_nul_and_lone_surrogates_never_reach_the_database() -> None:
    facts = parse_incident(
        {
            "message": "a\x00b\ud800",
            "incident_data": {
                "incident_type": "\x00",
                "site": "x\x00",
                "note\x00": ["\x00", {"k\x00": "v\x00\udfff"}],
            },
        },
        PARIS,
    )
    assert facts.message == "ab?"
    assert facts.incident_type == "incident"
    assert facts.site == "x"
    told = repr(facts)
    assert "\\x00" not in told
    assert "\\ud" not in told


def test_numbers_that_json_does_not_know_are_unknown() -> None:
    """Python's json module writes NaN, which PostgreSQL's does not take."""
    facts = _parse({"score": math.nan, "boxes": [[0, 1, math.inf, -math.inf]]})
    assert facts.extra == {"score": None}
    assert facts.boxes == [[0, 1, None, None]]


def test_a_bottomless_document_is_refused() -> None:
    deep: Any = []
    for _ in range(200):
        deep = [deep]
    for key in ("boxes", "note"):
        mistakes = _mistakes({"message": "m", "incident_data": {key: deep}})
        assert len(mistakes) == 1, mistakes
        assert key in mistakes[0]


@pytest.mark.parametrize("field", ["incident_type", "site", "camera", "model", "model_version"])
def test_names_are_one_line(field: str) -> None:
    facts = _parse({field: "Vol\r\nBcc: all@example.com\x85\u2028x"})
    assert getattr(facts, field) == "Vol Bcc: all@example.com x"


@pytest.mark.parametrize(
    "address",
    [
        "a@example.com\nBcc: b@example.com",
        "a@example.com\r",
        "a@example.com,b@example.com",
        "a@example.com b@example.com",
        "Guard <a@example.com>",
        '"a b"@example.com',
        "a@example.com;b@example.com",
        "a@b@example.com",
        "@example.com",
        "a@",
        "a@-example.com",
        "é@example.com",
        "a" * 65 + "@example.com",
        "a@" + "e" * 250,
        "",
        7,
        None,
        ["a@example.com"],
    ],
)
def test_a_recipient_is_one_plain_address(address: Any) -> None:
    mistakes = _mistakes({"message": "m", "recipients": ["ok@example.com", address]})
    assert "recipients" in mistakes[0]


@given(st.text(max_size=80))
def test_no_recipient_holds_what_could_end_a_header(text: str) -> None:
    try:
        facts = _parse(recipients=[text])
    except Invalid:
        return
    assert facts.recipients is not None
    for address in facts.recipients:
        assert address.isascii()
        assert address.isprintable()
        assert not set(address) & set(' ,;:<>()[]"\\')
        assert address.count("@") == 1


def test_recipients_are_told_once_each() -> None:
    facts = _parse(recipients=["A@Example.com", "a@example.com", "b@example.com"])
    assert facts.recipients == ("a@example.com", "b@example.com")
    assert _parse(recipients="a@example.com").recipients == ("a@example.com",)
    assert "recipients" in _mistakes({"message": "m", "recipients": ["a@example.com"] * 51})[0]


def test_more_timestamps_than_frames_are_allowed_are_refused() -> None:
    assert "timestamps" in _mistakes({"message": "m", "timestamps": [0] * (MOST_FRAMES + 1)})[0]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
_KEYS = st.sampled_from(
    ["incident_type", "risk_level", "confidence", "frame_count", "detected_at", "boxes", "x"]
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "message": _JSON,
            "incident_data": _JSON | st.dictionaries(_KEYS, _JSON),
            "recipients": _JSON,
            "timestamps": _JSON,
            "expiration_hours": _JSON,
            "alert": _JSON,
        },
    )
    | _JSON
)
def test_no_document_is_an_accident(document: Any) -> None:
    try:
        facts = parse_incident(document, PARIS)
    except Invalid:
        return
    assert isinstance(facts.risk_level, RiskLevel)
    assert facts.confidence is None or 0 <= facts.confidence <= 1
