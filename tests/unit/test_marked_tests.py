"""What makes an alert a test: `incident_data.test`, true and nothing else."""

import json
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigint_web.services.incidents.documents import IntakeSettings
from vigint_web.services.incidents.payload import IncidentFacts, parse_incident

SETTINGS = IntakeSettings(ZoneInfo("Europe/Paris"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


def _parse(**document: Any) -> IncidentFacts:
    # As it arrives: parsed JSON.
    return parse_incident(json.loads(json.dumps({"message": "m", **document})), SETTINGS)


@given(VALUES)
def test_only_true_is_one(value: Any) -> None:
    facts = _parse(incident_data={"incident_type": "Vol", "test": value})
    assert facts.is_test is (value is True)
    assert ("test" in facts.extra) is (value is not True), "any other value is kept and shown"


@pytest.mark.parametrize("value", ["true", "yes", "oui", 1, 1.0, "1", [True], {"test": True}])
def test_what_may_mean_true_is_named_as_not_used(value: Any) -> None:
    facts = _parse(incident_data={"test": value})
    assert (facts.is_test, facts.extra["test"]) == (False, value)
    assert [(one["field"], one["code"], one["used"]) for one in facts.warnings] == [
        ("test", "not_understood", False)
    ]


@pytest.mark.parametrize("value", [None, False])
def test_what_says_that_it_is_none_needs_no_warning(value: Any) -> None:
    facts = _parse(incident_data={"test": value})
    assert (facts.is_test, facts.extra, facts.warnings) == (False, {"test": value}, [])


def test_one_is_marked_without_a_trace_among_unknown_facts() -> None:
    facts = _parse(incident_data={"test": True, "risk_level": "HIGH"})
    assert (facts.is_test, facts.extra, facts.warnings) == (True, {}, [])
    assert (facts.silent, facts.recipients) == (False, None), "it is mailed like any other"


def test_facts_as_a_text_are_read_alike() -> None:
    assert _parse(incident_data='{"test": true}').is_test
    assert not _parse(incident_data='{"test": "true"}').is_test


@given(VALUES)
def test_a_member_beside_the_facts_makes_none(value: Any) -> None:
    assert not _parse(test=value, incident_data={"incident_type": "Vol"}).is_test
    assert not _parse(test=value).is_test
    assert not _parse(test=value, incident_data={"test": None}).is_test
    assert _parse(test=value, incident_data={"test": True}).is_test


def test_a_member_beside_the_facts_is_kept() -> None:
    assert _parse(test=True, incident_data={"incident_type": "Vol"}).extra == {"test": True}
