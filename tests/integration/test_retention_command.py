"""From the command line: the retention in force, pending changes, and their decision."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Table

from tests.helpers import renew
from tests.library import Library
from vigint_web.cli import doctor, retention
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.models import AuditEvent, RetentionSetting
from vigint_web.services.core.runtime import runtime
from vigint_web.services.core.transactions import transaction
from vigint_web.services.retention.changes import find_waiting, follow
from vigint_web.services.retention.words import retention_warnings

pytestmark = pytest.mark.both_databases(reason="bulk updates of dates")

Command = Callable[..., Result]


@pytest.fixture
def command(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setattr(retention, "create_app", lambda: app)
    monkeypatch.setattr(retention, "migrate_database", lambda _: None)

    def run(*arguments: str, answer: str | None = None) -> Result:
        renew()
        return CliRunner().invoke(retention.retention, arguments, input=answer)

    return run


@pytest.fixture
def shortened(library: Library, config: Config) -> Config:
    """Store a video of ten days ago, and configure seven days, which no scheduler has read yet."""
    video = library.incident()
    with transaction():
        video.created_at -= timedelta(days=10)
        video.purge_at = video.created_at + timedelta(days=30)
    follow(timedelta(0), "alpha")
    return replace(config, retention_days=7)


def _look(config: Config, machine: str = "alpha") -> None:
    runtime().config = config
    follow(timedelta(0), machine)


def test_it_shows_what_is_in_force(command: Command) -> None:
    _look(runtime().config)
    assert command().output.splitlines() == [
        "[Retention] days: 30 days",
        "[Retention] source_days: until deleted by hand",
        "[Retention] log_days: 180 days",
    ]


def test_it_shows_what_waits_and_brings_it_into_force(command: Command, shortened: Config) -> None:
    _look(shortened)
    output = command().output
    assert "The configuration here says 7 days." in output
    assert "7 days instead of 30 days waits. Deleted at once: 1 videos" in output
    assert "(Europe/Paris)" in output
    assert command("--confirm", "days", answer="n\n").exit_code == 1
    assert db.session.get_one(RetentionSetting, "days").days == 30
    done = command("--confirm", "days", answer="y\n")
    assert done.exit_code == 0, done.output
    assert "[Retention] days: 7 days" in done.output
    assert find_waiting() == []
    [event] = db.session.query(AuditEvent).filter_by(action="retention:confirmed")
    assert event.actor == "command line"


def test_it_keeps_what_is_in_force(command: Command, shortened: Config) -> None:
    _look(shortened)
    assert "command line decided to keep what is in force" in command("--keep", "days").output
    assert find_waiting()[0].declined_by == "command line"
    assert command("--confirm", "days", "--yes").exit_code == 0, "the decision can be changed"


def test_it_says_why_it_decides_nothing(command: Command, shortened: Config) -> None:
    nothing = command("--confirm", "days", "--yes")
    assert nothing.exit_code == 1
    assert "Nothing waits for [Retention] days" in str(nothing.exception)
    before = runtime().config
    _look(shortened)
    _look(before, "beta")
    refused = command("--confirm", "days", "--yes")
    assert "machines read different settings" in str(refused.exception)
    assert "alpha: 7 days, beta: 30 days" in command().output
    assert "not both" in str(command("--confirm", "days", "--keep", "days").exception)


def test_doctor_and_up_say_it_before_any_scheduler_does(
    app: Flask, shortened: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "create_app", lambda: app)
    runtime().config = shortened
    assert find_waiting() == []
    [warning] = retention_warnings()
    assert "7 days instead of 30 days waits. Deleted at once: 1 videos" in warning
    lines = CliRunner().invoke(doctor.doctor).output.splitlines()
    assert "ok    retention: incidents 30 days, sources until deleted by hand" in "\n".join(lines)
    assert [line for line in lines if line.startswith("warn  retention: [Retention] days: 7 days")]


def test_setting_it_back_is_no_warning(shortened: Config) -> None:
    before = runtime().config
    _look(shortened)
    runtime().config = before
    assert retention_warnings() == [], "the scheduler that starts with it cancels it"


def test_an_earlier_database_is_no_reason_to_fail(app: Flask) -> None:
    table = RetentionSetting.__table__
    assert isinstance(table, Table)
    with db.engine.begin() as connection:
        table.drop(connection)
    assert retention_warnings() == []


def test_prometheus_reads_how_much_waits(client: FlaskClient, shortened: Config) -> None:
    def read() -> list[str]:
        lines = client.get("/metrics").text.splitlines()
        return [line for line in lines if line.startswith("vigint_retention")]

    assert read() == []
    _look(shortened)
    assert read() == ['vigint_retention_waiting_deletions{setting="days"} 1.0']
