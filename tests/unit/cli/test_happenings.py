"""The terminal's sentences about log lines."""

import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigint_web.cli.happenings import sentence
from vigint_web.logs import EVENT, Event, JsonFormatter, about

_FIELDS = {"time": "2026-11-29T21:30:05.000+00:00", "incident": "INC-2026-000007"}


@pytest.mark.parametrize("event", Event)
def test_every_event_has_words(event: Event) -> None:
    line = sentence({**_FIELDS, EVENT: event.value, "channel": "smtp"})
    assert line is not None
    assert "{" not in line
    assert line.endswith((".", ":", "unknown")), line


@pytest.mark.parametrize(
    "fields",
    [{}, {"message": "GET /readyz 200"}, {EVENT: "another"}, {EVENT: None}, {EVENT: ["disk_low"]}],
)
def test_other_lines_are_no_matter(fields: dict[str, object]) -> None:
    assert sentence(fields) is None


@given(reason=st.text())
def test_no_control_character_of_another_server_reaches_the_terminal(reason: str) -> None:
    line = sentence({**_FIELDS, EVENT: Event.ALERT_GIVEN_UP.value, "reason": reason})
    assert line is not None
    assert line.isprintable()
    assert len(line) < 320
    assert "INC-2026-000007: an alert was given up" in line


@pytest.mark.parametrize("time", [None, "", "yesterday", 7])
def test_a_line_without_its_time_is_told_all_the_same(time: object) -> None:
    line = sentence({"time": time, EVENT: Event.DISK_REFUSES.value})
    assert line is not None
    assert "The disk is full" in line


def test_what_a_service_logs_is_what_the_terminal_reads() -> None:
    extra = about(Event.INCIDENT_RECEIVED, incident="INC-2026-000007")
    record = logging.makeLogRecord({"msg": "incident received", "created": 0.0, **extra})
    line = sentence(json.loads(JsonFormatter().format(record)))
    assert line is not None
    assert line.endswith("  INC-2026-000007 was received.")
