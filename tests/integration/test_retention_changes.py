"""The stored dates follow [Retention]; a change that deletes earlier waits for a user or
for time.
"""

from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from tests.helpers import Clock, renew
from tests.library import ACTOR, Library
from tests.retention import DAY, LOOK, Machine, age, events_of, kept_for
from vigint_web.clock import utcnow
from vigint_web.config.config import Config
from vigint_web.errors import Conflict
from vigint_web.extensions import db
from vigint_web.models import (
    Access,
    Mail,
    RetentionReport,
    RetentionSetting,
    Video,
)
from vigint_web.services.accounts import sites
from vigint_web.services.core.transactions import transaction
from vigint_web.services.retention import purge
from vigint_web.services.retention.changes import (
    confirm,
    decline,
    find_waiting,
    withdraw_report,
)
from vigint_web.services.videos.retention_rules import Setting

pytestmark = pytest.mark.both_databases(reason="bulk updates of dates")
ONE_DATABASE = pytest.mark.only_sqlite(reason="others here ask of the database what it asks")


@pytest.fixture
def machine(clock: Clock, config: Config, app: Flask) -> Machine:
    return Machine("alpha", clock, config)


def test_a_longer_retention_moves_the_dates_at_once(library: Library, machine: Machine) -> None:
    video = library.incident()
    link = library.person_link(video, hours=24 * 365)
    ended = link.expires_at
    machine.looks()
    changed = db.session.get_one(Video, video.id).changed_at
    machine.reads(retention_days=90).looks()
    assert kept_for(video.id) == 90
    renew()
    assert db.session.merge(link).expires_at == ended, "a later date lengthens no link"
    assert db.session.get_one(Video, video.id).changed_at > changed, "open pages learn of it"
    assert events_of("changed") == [{"days": 90, "before": 30, "deletes": 0}]
    assert events_of("applied") == [{"days": 90, "videos": 1, "links": 0}]
    assert find_waiting() == []


def test_a_shorter_retention_waits_and_says_what_it_would_delete(
    library: Library, machine: Machine
) -> None:
    old, soon, new = (age(library.incident(), days) for days in (10, 5, 0))
    machine.looks()
    machine.reads(retention_days=7).looks()
    [waiting] = find_waiting()
    assert (waiting.in_force, waiting.proposal.days) == (30, 7)
    assert (waiting.now, waiting.soon) == (1, 2)
    assert [kept_for(video) for video in (old, soon, new)] == [30, 30, 30]
    assert purge.purge_due() == 0
    [proposed] = events_of("proposed")
    assert proposed == {
        "days": 7, "before": 30, "machine": "alpha", "now": 1, "soon": 2,
    }  # fmt: skip
    fresh = library.incident()
    assert kept_for(fresh.id) == 30, "new footage follows what is in force"


def test_an_administrator_confirms(library: Library, machine: Machine) -> None:
    old, new = age(library.incident(), 10), library.incident()
    link = library.person_link(new, hours=24 * 365)
    machine.looks()
    machine.reads(retention_days=7).looks()
    confirm(ACTOR, Setting.INCIDENTS, 7)
    machine.looks()
    assert [kept_for(old), kept_for(new.id)] == [7, 7]
    assert find_waiting() == []
    renew()
    video = db.session.get_one(Video, new.id)
    assert db.session.merge(link).expires_at == video.purge_at, "no link outlives the footage"
    assert events_of("confirmed") == [{"days": 7, "before": 30}]
    assert events_of("changed") == [{"days": 7, "before": 30, "deletes": 1}]
    assert events_of("applied") == [{"days": 7, "videos": 2, "links": 2}]
    assert purge.purge_due() == 1
    assert db.session.scalars(select(Video.id)).all() == [new.id]


def test_24_hours_confirm_too(library: Library, machine: Machine) -> None:
    video = age(library.incident(), 10)
    machine.looks()
    machine.reads(retention_days=7).looks()
    machine.waits(timedelta(hours=23, minutes=30))
    assert kept_for(video) == 30
    machine.waits(timedelta(hours=1))
    assert kept_for(video) == 7
    assert events_of("confirmed") == []
    assert len(events_of("changed")) == 1


def test_setting_it_back_cancels(library: Library, machine: Machine) -> None:
    video = age(library.incident(), 10)
    machine.looks()
    machine.reads(retention_days=7).looks()
    machine.waits(timedelta(hours=23))
    machine.reads(retention_days=30).looks()
    assert find_waiting() == []
    assert events_of("cancelled") == [{"days": 7, "kept": 30}]
    machine.reads(retention_days=7).looks()
    machine.waits(timedelta(hours=2))
    assert kept_for(video) == 30, "the wait begins anew"


def test_an_administrator_keeps_what_is_in_force(library: Library, machine: Machine) -> None:
    video = age(library.incident(), 10)
    machine.looks()
    machine.reads(retention_days=7).looks()
    decline(ACTOR, Setting.INCIDENTS, 7)
    machine.waits(timedelta(hours=50))
    assert kept_for(video) == 30
    [waiting] = find_waiting()
    assert waiting.declined_by == ACTOR.label
    assert events_of("declined") == [{"days": 7, "kept": 30}]
    confirm(ACTOR, Setting.INCIDENTS, 7)
    machine.looks()
    assert kept_for(video) == 7, "the decision can be changed"


@ONE_DATABASE
def test_a_decision_about_something_else_is_refused(library: Library, machine: Machine) -> None:
    library.incident()
    machine.looks()
    for decide in (confirm, decline):
        with pytest.raises(Conflict):
            decide(ACTOR, Setting.INCIDENTS, 7)
    machine.reads(retention_days=7).looks()
    machine.reads(retention_days=3).looks()
    for decide in (confirm, decline):
        with pytest.raises(Conflict):
            decide(ACTOR, Setting.INCIDENTS, 7)
    confirm(ACTOR, Setting.INCIDENTS, 3)


def test_what_destroys_nothing_needs_nobody(library: Library, machine: Machine) -> None:
    source = library.source()
    machine.looks()
    machine.reads(retention_days=7).looks()
    assert find_waiting() == []
    assert [event["days"] for event in events_of("changed")] == [7]
    assert kept_for(source.video_id) is None
    assert kept_for(library.incident().id) == 7


def test_sources_get_a_date_and_lose_it_again(library: Library, machine: Machine) -> None:
    source = library.source().video_id
    machine.looks()
    machine.reads(source_retention_days=90).looks()
    [waiting] = find_waiting()
    assert (waiting.in_force, waiting.proposal.days, waiting.now) == (None, 90, 0)
    confirm(ACTOR, Setting.SOURCES, 90)
    machine.looks()
    assert kept_for(source) == 90
    machine.reads(source_retention_days=None).looks()
    assert kept_for(source) is None


def test_a_program_link_of_a_source_keeps_no_end_of_its_own(
    library: Library, machine: Machine
) -> None:
    source = library.source()
    token = library.program_token(source)
    endless = library.person_link(source.video, hours=None)
    machine.looks()
    machine.reads(source_retention_days=90).looks()
    confirm(ACTOR, Setting.SOURCES, 90)
    machine.looks()
    renew()
    video = db.session.get_one(Video, source.video_id)
    assert db.session.merge(endless).expires_at == video.purge_at
    assert library.program_token(db.session.merge(source)) == token


def test_mails_and_visitors_follow_what_is_in_force(
    library: Library, machine: Machine, clock: Clock
) -> None:
    with transaction() as session:
        session.add(
            Mail(
                site_id=sites.default_site().id,
                recipient="a@example.com",
                subject="m",
                message_id="<1@x>",
                channel="outbox",
                content=b"m",
                sent_at=utcnow() - 10 * DAY,
            )
        )
        session.add(Access(at=utcnow() - 100 * DAY, what="page", status=200, address="192.0.2.1"))
    machine.looks()
    machine.reads(retention_days=7, log_days=30).looks()
    names = {waiting.setting: waiting.now for waiting in find_waiting()}
    assert names == {Setting.INCIDENTS: 0, Setting.LOG: 1}, "a mail alone is reason to wait"
    assert purge.purge_outbox() == 0
    confirm(ACTOR, Setting.INCIDENTS, 7)
    assert purge.purge_outbox() == 1


class TestMachinesThatDiffer:
    """While machines read different settings the longest retention stays in force."""

    @pytest.fixture
    def other(self, clock: Clock, config: Config, app: Flask) -> Machine:
        return Machine("beta", clock, config)

    @ONE_DATABASE
    def test_nothing_is_shortened_and_it_is_said(
        self, library: Library, machine: Machine, other: Machine
    ) -> None:
        video = age(library.incident(), 10)
        machine.looks()
        other.looks()
        machine.reads(retention_days=7)
        for _ in range(20):
            machine.looks(timedelta(minutes=5))
            other.looks(timedelta(minutes=5))
        assert kept_for(video) == 30
        [waiting] = find_waiting()
        assert waiting.opinions == {"alpha": 7, "beta": 30}
        assert waiting.proposal.waited == timedelta(0)
        with pytest.raises(Conflict):
            confirm(ACTOR, Setting.INCIDENTS, 7)
        assert len(events_of("proposed")) == 1, "they do not undo each other's proposals in turn"

    def test_a_rolling_restart_ends_in_one_opinion(
        self, library: Library, machine: Machine, other: Machine
    ) -> None:
        video = age(library.incident(), 10)
        machine.looks()
        other.looks()
        machine.reads(retention_days=7).looks()
        other.reads(retention_days=7).looks()
        [waiting] = find_waiting()
        assert waiting.opinions == {}
        confirm(ACTOR, Setting.INCIDENTS, 7)
        other.looks()
        assert kept_for(video) == 7
        machine.looks()
        assert kept_for(video) == 7

    def test_a_machine_that_stops_has_no_opinion(
        self, library: Library, machine: Machine, other: Machine
    ) -> None:
        library.incident()
        other.looks()
        machine.reads(retention_days=7).looks()
        withdraw_report("beta")
        assert find_waiting()[0].opinions == {}
        other.looks()
        assert find_waiting()[0].opinions != {}
        for _ in range(2):
            machine.looks(timedelta(minutes=8))
        assert find_waiting()[0].opinions == {}, "a dead machine is not waited for"
        machine.looks(2 * DAY)
        assert [row.machine for row in db.session.scalars(select(RetentionReport))] == ["alpha"]


@ONE_DATABASE
def test_a_clock_that_jumps_shortens_nothing(
    library: Library, machine: Machine, clock: Clock
) -> None:
    video = age(library.incident(), 10)
    machine.looks()
    machine.reads(retention_days=7).looks()
    machine.looks()
    for days in (2, -3, 5):
        clock.forward(days=days)
        machine.looks()
    assert kept_for(video) == 30
    assert find_waiting()[0].proposal.waited <= 5 * LOOK


def test_the_time_of_a_stopped_installation_does_not_count(
    library: Library, machine: Machine, clock: Clock
) -> None:
    library.incident()
    machine.looks()
    machine.reads(retention_days=7).looks()
    clock.forward(hours=30)
    machine.reads().looks()
    assert find_waiting()[0].proposal.waited == timedelta(0)


class TestInstallationsOfAnEarlierVersion:
    """They have dates, and no record of the days from which they were computed."""

    def _dated(self, library: Library, days: int) -> int:
        video = library.incident()
        with transaction():
            video.purge_at = video.created_at + days * DAY + timedelta(microseconds=400)
        return video.id

    def test_a_retention_that_had_been_shortened_waits(
        self, library: Library, machine: Machine
    ) -> None:
        long, short = self._dated(library, 60), self._dated(library, 30)
        machine.looks()
        [waiting] = find_waiting()
        assert (waiting.in_force, waiting.proposal.days) == (60, 30)
        assert (kept_for(long), kept_for(short)) == (60, 30), "no date is moved unasked"
        confirm(ACTOR, Setting.INCIDENTS, 30)
        machine.looks()
        assert (kept_for(long), kept_for(short)) == (30, 30)

    def test_a_retention_that_had_been_lengthened_is_followed(
        self, library: Library, machine: Machine
    ) -> None:
        short, long = self._dated(library, 7), self._dated(library, 30)
        machine.looks()
        assert (kept_for(long), kept_for(short)) == (30, 30)
        assert find_waiting() == []

    def test_sources_without_a_date_wait(self, library: Library, machine: Machine) -> None:
        library.source()
        machine.reads(source_retention_days=30).looks()
        [waiting] = find_waiting()
        assert (waiting.setting, waiting.in_force) == (Setting.SOURCES, None)


@ONE_DATABASE
def test_the_report_says_what_each_setting_reads(machine: Machine) -> None:
    machine.reads(retention_days=7, source_retention_days=None, log_days=90).looks()
    [row] = db.session.scalars(select(RetentionReport))
    assert (row.machine, row.days, row.source_days, row.log_days) == ("alpha", 7, None, 90)
    assert isinstance(row.seen_at, datetime)
    assert db.session.query(RetentionSetting).count() == 3
