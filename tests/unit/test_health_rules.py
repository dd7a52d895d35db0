"""The evaluation of measurements, and that every result has a sentence in both languages."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask_babel import force_locale
from hypothesis import given
from hypothesis import strategies as st

from vigint_web.blueprints.pages.dashboard.words import effect_lines, health_lines
from vigint_web.services.operations.health_rules import (
    GIB,
    Disk,
    Finding,
    Level,
    Mails,
    Part,
    Readings,
    State,
    examine,
)

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ROOMY = Disk(free=500 * GIB, total=1000 * GIB, refuses=False)
SENT = Mails("smtp.example.com", NOW - timedelta(hours=1), 0, None, "")
OUTBOX = Mails(None, None, 0, None, "")


def _readings(**changes: Any) -> Readings:
    values: dict[str, Any] = {
        "now": NOW,
        "database": True,
        "workers": 2,
        "oldest_alert_job": None,
        "oldest_source_job": None,
        "mails": SENT,
        "base_url": "https://vigint.example.com",
        "links_open_here_only": False,
        "disk": ROOMY,
    }
    return Readings(**(values | changes))


def _found(**changes: Any) -> dict[Part, tuple[State, Level]]:
    return {item.part: (item.state, item.level) for item in examine(_readings(**changes))}


def _ago(**delta: float) -> datetime:
    return NOW - timedelta(**delta)


def test_a_whole_installation_is_well() -> None:
    found = _found()
    assert {level for _, level in found.values()} == {Level.GOOD}
    sometimes = {
        Part.HOSTING, Part.LINKS, Part.RECIPIENTS, Part.STORAGE, Part.UNDELIVERABLE, Part.WEBHOOKS,
    }  # fmt: skip
    assert set(found) == set(Part) - sometimes


def test_a_silent_queue_server_hides_its_workers() -> None:
    found = _found(workers=None, oldest_alert_job=_ago(days=1))
    assert found[Part.QUEUE] == (State.SILENT, Level.BAD)
    assert not {Part.WORKERS, Part.BACKLOG} & set(found), "these are unknown"
    assert _found(workers=0)[Part.WORKERS] == (State.NONE_UP, Level.BAD)


@pytest.mark.parametrize(
    ("seconds", "level"),
    [(0, Level.GOOD), (59, Level.GOOD), (60, Level.WARN), (599, Level.WARN), (600, Level.BAD)],
)
def test_an_alert_that_waits_is_a_matter_of_a_minute(seconds: int, level: Level) -> None:
    assert _found(oldest_alert_job=_ago(seconds=seconds))[Part.BACKLOG][1] == level


def test_a_source_may_wait_longer_and_is_never_what_is_bad() -> None:
    assert _found(oldest_source_job=_ago(minutes=29))[Part.BACKLOG][1] == Level.GOOD
    late = (State.SOURCES_LATE, Level.WARN)
    assert _found(oldest_source_job=_ago(days=1))[Part.BACKLOG] == late
    both = _found(oldest_source_job=_ago(days=1), oldest_alert_job=_ago(minutes=2))
    assert both[Part.BACKLOG][0] == State.ALERTS_LATE


def test_a_clock_that_went_back_makes_nothing_late() -> None:
    assert _found(oldest_alert_job=NOW + timedelta(hours=1))[Part.BACKLOG][1] == Level.GOOD


def test_mail() -> None:
    refused = Mails("smtp.example.com", None, 3, _ago(minutes=2), "no")
    stuck = Mails("smtp.example.com", None, 3, _ago(minutes=10), "no")
    unwritable = Mails(None, None, 1, _ago(hours=1), "The outbox cannot be written")
    assert _found(mails=OUTBOX)[Part.MAIL] == (State.OUTBOX, Level.WARN)
    assert _found(mails=refused)[Part.MAIL] == (State.NOT_ACCEPTED, Level.WARN)
    assert _found(mails=stuck)[Part.MAIL] == (State.NOT_ACCEPTED, Level.BAD)
    assert _found(mails=unwritable)[Part.MAIL] == (State.NOT_ACCEPTED, Level.BAD)
    untried = Mails("smtp.example.com", None, 0, None, "")
    assert _found(mails=untried)[Part.MAIL] == (State.UNTRIED, Level.GOOD)


def test_what_was_given_up_and_webhooks_that_do_not_answer() -> None:
    given_up = replace(SENT, given_up=2)
    assert _found(mails=given_up)[Part.UNDELIVERABLE] == (State.GIVEN_UP, Level.WARN)
    for minutes, level in ((9, Level.WARN), (10, Level.BAD)):
        calls = replace(SENT, calls=1, calls_since=_ago(minutes=minutes))
        assert _found(mails=calls)[Part.WEBHOOKS] == (State.NOT_ACCEPTED, level)
        assert _found(mails=calls)[Part.MAIL][1] == Level.GOOD, "mails go out all the same"


def test_recipients_who_cannot_exist_are_no_recipients() -> None:
    lost = replace(SENT, named=False, nowhere=("admin@vigint.local",))
    assert _found(mails=lost)[Part.RECIPIENTS] == (State.NO_MAILBOX, Level.BAD)
    some = replace(lost, named=True, alerted=("guard@shop.fr",))
    assert _found(mails=some)[Part.RECIPIENTS] == (State.NO_MAILBOX, Level.WARN)
    administrators = replace(SENT, named=False, alerted=("chief@shop.fr",))
    assert _found(mails=administrators)[Part.RECIPIENTS] == (State.NO_RECIPIENTS, Level.WARN)
    outbox = replace(OUTBOX, named=False, nowhere=("admin@vigint.local",))
    assert Part.RECIPIENTS not in _found(mails=outbox), "the outbox takes mail for any address"


def test_hosting_elsewhere_is_said_and_no_fault() -> None:
    assert Part.HOSTING not in _found()
    assert _found(hosted_by="host.example")[Part.HOSTING] == (State.ELSEWHERE, Level.GOOD)


def test_links_that_open_here_only_matter_once_mails_leave() -> None:
    assert Part.LINKS not in _found(mails=OUTBOX, links_open_here_only=True)
    loopback = (State.LOOPBACK, Level.WARN)
    assert _found(links_open_here_only=True)[Part.LINKS] == loopback
    [finding] = [f for f in examine(_readings(links_open_here_only=True)) if f.stops_work]
    assert finding.part == Part.LINKS


def test_a_storage_elsewhere_that_is_silent_stops_work() -> None:
    elsewhere: dict[str, Any] = {"storage": "s3://footage at s3.example.com"}
    assert _found(**elsewhere)[Part.STORAGE] == (State.ANSWERS, Level.GOOD)
    silent = examine(_readings(**elsewhere, storage_answers=False))
    assert [finding.part for finding in silent if finding.stops_work] == [Part.STORAGE]


@pytest.mark.parametrize(
    ("free", "total", "refuses", "state"),
    [
        (500 * GIB, 1000 * GIB, False, State.ROOM),
        (100 * GIB, 1000 * GIB, False, State.ROOM),
        (99 * GIB, 1000 * GIB, False, State.LITTLE_ROOM),
        (2 * GIB, 4 * GIB, False, State.ROOM),
        (2 * GIB - 1, 4 * GIB, False, State.LITTLE_ROOM),
        (1 * GIB, 4 * GIB, False, State.LITTLE_ROOM),
        (1 * GIB - 1, 4 * GIB, False, State.HARDLY_ROOM),
        (500 * GIB, 1000 * GIB, True, State.REFUSED),
        (0, 0, False, State.HARDLY_ROOM),
    ],
)
def test_room_on_the_disk(free: int, total: int, refuses: bool, state: State) -> None:
    assert _found(disk=Disk(free, total, refuses))[Part.DISK][0] == state


@given(less=st.integers(0, 10**13), more=st.integers(0, 10**13), total=st.integers(1, 10**13))
def test_more_room_is_never_worse(less: int, more: int, total: int) -> None:
    order = [Level.GOOD, Level.WARN, Level.BAD]
    less, more = sorted((min(less, total), min(more, total)))
    worse = _found(disk=Disk(less, total, refuses=False))[Part.DISK][1]
    better = _found(disk=Disk(more, total, refuses=False))[Part.DISK][1]
    assert order.index(better) <= order.index(worse)


def _every_reading() -> Iterator[Readings]:
    late = {"oldest_alert_job": _ago(hours=1)}
    yield _readings()
    yield _readings(database=False, workers=None)
    yield _readings(workers=0, **late)
    yield _readings(workers=1, oldest_source_job=_ago(hours=1))
    yield _readings(mails=OUTBOX)
    yield _readings(mails=Mails("smtp.example.com", None, 0, None, ""), links_open_here_only=True)
    for number in (1, 3):
        yield _readings(mails=Mails("smtp.example.com", None, number, _ago(hours=1), "451 no."))
        yield _readings(
            mails=replace(
                SENT,
                given_up=number,
                calls=number,
                calls_since=_ago(hours=1),
                last_call_error="It said 500.",
            )
        )
    yield _readings(mails=replace(SENT, named=False, alerted=("chief@shop.fr",)))
    yield _readings(mails=replace(SENT, named=False, nowhere=("admin@vigint.local",)))
    for free, refuses in ((1, True), (1, False), (2 * GIB - 1, False)):
        yield _readings(disk=Disk(free, 4 * GIB, refuses))
    for answers in (True, False):
        yield _readings(storage="s3://footage at s3.example.com", storage_answers=answers)
    yield _readings(hosted_by="host.example.com")


def test_every_state_has_a_sentence_in_both_languages(app: Flask) -> None:
    seen: set[tuple[Part, State]] = set()
    by_language: dict[str, set[str]] = {"fr": set(), "en": set()}
    for readings in _every_reading():
        findings = examine(readings)
        seen |= {(finding.part, finding.state) for finding in findings}
        for language, sentences in by_language.items():
            with force_locale(language):
                lines = health_lines(findings, readings, 7 * GIB)
                assert [line.part for line in lines] == [finding.part for finding in findings]
                lines += effect_lines(findings, readings)
                for line in lines:
                    assert line.sentence.endswith("."), line
                    assert not re.search(r"%\(|None", line.sentence), line
                    sentences.add(line.sentence)
    assert {state for _, state in seen} == set(State)
    assert not by_language["fr"] & by_language["en"], "these are not translated"


def test_those_who_cannot_mend_the_machine_hear_what_it_does_to_them(app: Flask) -> None:
    secret = Mails("smtp.secret.example", None, 1, _ago(hours=1), "535 user vigint refused")
    readings = _readings(workers=None, mails=secret, disk=Disk(5 * GIB - 1, 60 * GIB, False))
    with force_locale("en"):
        lines = effect_lines(examine(readings), readings)
    assert [line.part for line in lines] == [Part.QUEUE, Part.MAIL], (
        "little space has no effect yet"
    )
    text = " ".join(line.sentence for line in lines)
    assert not re.search(r"secret|535|GB|up”", text), text
    assert "administrator" in text


def test_one_cause_is_told_once_and_nothing_wrong_is_one_line(app: Flask) -> None:
    down = _readings(database=False, workers=None)
    with force_locale("en"):
        assert len(effect_lines(examine(down), down)) == 1
        [line] = effect_lines(examine(_readings()), _readings())
    assert (line.level, line.sentence, line.notice) == (Level.GOOD, "Everything works.", None)


def test_what_stops_work_is_told_at_the_top(app: Flask) -> None:
    readings = _readings(workers=0, mails=OUTBOX)
    with force_locale("en"):
        notices = {line.part: line.notice for line in health_lines(examine(readings), readings, 0)}
    assert notices[Part.WORKERS] == "bad"
    assert notices[Part.MAIL] == "info", "meant so, or soon mended"
    assert notices[Part.DISK] is None
    assert not Finding(Part.DISK, State.LITTLE_ROOM, Level.WARN).stops_work
