"""A detector's document: no value is a reason for refusal, no value is lost."""

import math
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigint_web.errors import Invalid
from vigint_web.models import RiskLevel
from vigint_web.services.incidents.documents import IntakeSettings
from vigint_web.services.incidents.payload import IncidentFacts, listed_timestamps, parse_incident
from vigint_web.services.incidents.payload_warnings import MOST_WARNINGS, Warnings

PARIS = ZoneInfo("Europe/Paris")
SETTINGS = IntakeSettings(PARIS)


def _parse(data: Any = None, **body: Any) -> IncidentFacts:
    return parse_incident({"message": "m", "incident_data": data or {}, **body}, SETTINGS)


def _warned(facts: IncidentFacts) -> list[tuple[str, str]]:
    return [(one["field"], one["code"]) for one in facts.warnings]


@pytest.mark.parametrize("document", [[], "text", 7, True, None])
def test_a_document_that_is_no_object_is_refused(document: Any) -> None:
    with pytest.raises(Invalid, match="document_not_object"):
        parse_incident(document, SETTINGS)
    assert parse_incident(document, SETTINGS, has_footage=True).message == ""


def test_what_is_not_said_has_a_default() -> None:
    facts = parse_incident({"message": "m"}, SETTINGS)
    assert (facts.risk_level, facts.incident_type) == (RiskLevel.UNKNOWN, "incident")
    assert (facts.confidence, facts.frame_count, facts.detected_at) == (None, None, None)
    assert (facts.recipients, facts.silent) == (None, False)
    assert facts.warnings == []


def test_what_is_understood_is_used_without_a_word() -> None:
    facts = _parse(
        {
            "risk_level": " Élevé ",
            "confidence": "92 %",
            "frame_count": 150.0,
            "detected_at": "29/11/2026 14:30:00",
        },
        expiration_hours="24",
        recipients="Garde <a@example.com>, b@example.com",
    )
    assert (facts.risk_level, facts.confidence, facts.frame_count) == ("HIGH", 0.92, 150)
    assert facts.detected_at is not None
    assert facts.detected_at.zone_assumed
    assert (facts.expiration_hours, facts.recipients) == (24, ("a@example.com", "b@example.com"))
    assert facts.warnings == []


def test_what_is_not_understood_is_kept_named_and_replaced() -> None:
    long = "x" * 150
    facts = _parse(
        {"risk_level": {"n": 3}, "confidence": "sûr", "incident_type": long, "detected_at": 0},
        expiration_hours=-1,
    )
    assert {one["field"]: one for one in facts.warnings} == {
        "incident_type": {
            "field": "incident_type", "value": long, "code": "shortened", "used": "x" * 99 + "…",
        },
        "risk_level": {
            "field": "risk_level", "value": '{"n": 3}', "code": "not_understood", "used": "UNKNOWN",
        },
        "confidence": {
            "field": "confidence", "value": "sûr", "code": "not_understood", "used": None,
        },
        "detected_at": {"field": "detected_at", "value": 0, "code": "implausible", "used": None},
        "expiration_hours": {
            "field": "expiration_hours", "value": -1, "code": "not_understood", "used": 48,
        },
    }  # fmt: skip
    assert facts.detected_at is None


def test_facts_at_the_top_of_the_document_count() -> None:
    facts = parse_incident({"risk_level": "LOW", "camera": "Quai 2", "zone": "A"}, SETTINGS)
    assert (facts.risk_level, facts.camera, facts.extra) == ("LOW", "Quai 2", {"zone": "A"})
    facts = parse_incident(
        {"risk_level": "LOW", "incident_data": {"risk_level": "HIGH", "message": "m"}}, SETTINGS
    )
    assert (facts.risk_level, facts.message, facts.extra) == ("HIGH", "m", {})


@pytest.mark.parametrize("data", ['{"risk_level": "LOW"}', [{"risk_level": "LOW"}]])
def test_facts_wrapped_once_too_often_are_read(data: Any) -> None:
    assert parse_incident({"incident_data": data}, SETTINGS).risk_level == "LOW"


@pytest.mark.parametrize("data", ["intrusion", [1, 2], 7, True, "[" * 5000])
def test_facts_that_are_no_object_are_kept(data: Any) -> None:
    facts = parse_incident({"incident_data": data}, SETTINGS)
    assert _warned(facts) == [("incident_data", "not_an_object")]


def test_unknown_facts_are_kept_as_they_came() -> None:
    facts = _parse({"zone": "A", "score": math.nan, "boxes": [[0, math.inf]], "none": None})
    assert facts.extra == {"zone": "A", "score": "NaN", "none": None}
    assert facts.boxes == [[0, "Infinity"]]


def test_nul_and_lone_surrogates_never_reach_the_database() -> None:
    facts = parse_incident(
        {
            "message": "a\x00b\ud800",
            "incident_data": {"site": "x\x00", "note\x00": ["\x00", {"k\x00": "v\x00\udfff"}]},
        },
        SETTINGS,
    )
    assert (facts.message, facts.site) == ("ab?", "x")
    assert facts.warnings[-1]["value"] == "a\\x00b\\ud800", "escaped, it is what was received"
    stored = repr((facts.message, facts.site, facts.extra))
    assert "\\x00" not in stored
    assert "\\ud" not in stored


def test_recipients_that_cannot_be_used_are_replaced_by_the_configured() -> None:
    facts = _parse(recipients=["garde", "x@"])
    assert facts.recipients is None
    assert [one.recipient for one in facts.refused] == ["garde", "x@"]
    assert _warned(facts)[-1] == ("recipients", "no_usable_recipient")
    facts = _parse(recipients=["garde", "a@example.com"])
    assert facts.recipients == ("a@example.com",)
    assert _warned(facts) == [("recipients", "not_an_address")]
    assert _parse(recipients=" ").recipients is None


def test_nobody_and_nothing() -> None:
    assert (_parse(recipients=[]).recipients, _parse(recipients=[]).silent) == ((), False)
    for value in (False, "false", "non", 0):
        assert _parse(alert=value, recipients=["a@example.com"]).silent
    others: tuple[Any, ...] = (None, True, "yes", 1, "quiet", [], {})
    for value in others:
        assert not _parse(alert=value).silent, "an unrecognized value silences no alert"


def test_only_allowed_domains_are_mailed() -> None:
    settings = IntakeSettings(PARIS, recipient_domains=("example.fr",))
    document = {"message": "m", "recipients": ["a@example.fr", "b@example.com"]}
    facts = parse_incident(document, settings)
    assert facts.recipients == ("a@example.fr",)
    assert _warned(facts) == [("recipients", "domain_not_allowed")]


def test_listed_timestamps_are_as_many_as_there_are_frames() -> None:
    warnings = Warnings()
    listed = listed_timestamps({"timestamps": [1, None, "?"]}, 5, warnings)
    assert listed == [1, None, "?", None, None]
    assert [one["field"] for one in warnings.stored()] == ["timestamps"]
    assert listed_timestamps({"timestamps": "[1800000000]"}, 1, warnings) == [1_800_000_000]
    empty: tuple[Any, ...] = ({"timestamps": {}}, {"timestamps": ""}, {}, None, [])
    for nothing in empty:
        assert listed_timestamps(nothing, 1, warnings) == [None]


def test_warnings_are_bounded() -> None:
    warnings = Warnings()
    for number in range(5000):
        warnings.add(f"timestamps[{number}]", "x" * 90_000, "not_understood")
    stored = warnings.stored()
    assert len(stored) == MOST_WARNINGS + 1
    assert stored[-1]["value"] == 5000 - MOST_WARNINGS
    assert sum(len(one.get("whole", "")) for one in stored) <= 1_000_000
    assert all(len(str(one["value"])) <= 200 for one in stored)


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
        facts = parse_incident(document, SETTINGS)
    except Invalid as refused:
        code = refused.code
        assert code == ("empty_incident" if isinstance(document, dict) else "invalid_request")
        return
    assert isinstance(facts.risk_level, RiskLevel)
    assert facts.confidence is None or 0 <= facts.confidence <= 1
