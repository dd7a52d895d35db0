"""The findings of `verify-audit` beside a broken chain: removed beginnings, tails, everything."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from tests.helpers import post_incident, renew
from tests.library import ACTOR, Library
from vigint_web.extensions import db
from vigint_web.models import AuditEvent, Role
from vigint_web.services.accounts import users
from vigint_web.services.audit import trail, verification
from vigint_web.services.audit.verification import Head, check_trail
from vigint_web.services.core.transactions import transaction

pytestmark = pytest.mark.both_databases(reason="JSON as each database returns it")


@pytest.fixture
def head(library: Library, api_key: str, client: Any) -> Head:
    """Create some events, and record the head."""
    library.source(name="Entrée")
    users.create_user(ACTOR, "a@example.com", "a long enough word", Role.VIEWER)
    post_incident(client, api_key, {"message": "seen", "incident_data": {}})
    report = check_trail()
    assert report.findings == ()
    return report.head


def _sql(statement: str, **values: Any) -> None:
    with transaction() as session:
        session.execute(text(statement), values)
    renew()


def _forge(events: list[AuditEvent]) -> None:
    """Write events with knowledge of the hash computation."""
    rows = [
        (e.at, e.actor, e.action, e.subject, e.site_id, e.detail) for e in events
    ]  # fmt: skip
    _sql("DELETE FROM audit_events")
    previous = trail.GENESIS
    with transaction() as session:
        for number, fields in enumerate(rows, 1):
            digest = trail._digest(previous, number, *fields)
            at, actor, action, subject, site_id, detail = fields
            session.add(
                AuditEvent(
                    id=number, at=at, actor=actor, action=action, subject=subject,
                    site_id=site_id, detail=detail, previous_hash=previous, hash=digest,
                )
            )  # fmt: skip
            session.flush()
            previous = digest
    renew()


def _events() -> list[AuditEvent]:
    return list(db.session.query(AuditEvent).order_by(AuditEvent.id))


def test_the_head_is_the_last_events(head: Head) -> None:
    last = _events()[-1]
    assert head == Head(last.id, last.hash)
    assert check_trail(head).findings == ()


def test_a_noted_head_holds_while_events_are_added(head: Head) -> None:
    users.create_user(ACTOR, "b@example.com", "a long enough word", Role.VIEWER)
    report = check_trail(head)
    assert report.findings == ()
    assert report.head.count > head.count


def test_an_empty_trail_beside_rows_is_found(head: Head) -> None:
    _sql("DELETE FROM audit_events")
    [found] = check_trail().findings
    assert "empty" in found
    for there in ("1 user(s)", "1 API key(s)", "1 source(s)", "1 incident(s)", "link(s)"):
        assert there in found, f"{there}: {found}"


def test_an_empty_trail_of_an_empty_installation_is_whole(app: Flask) -> None:
    report = check_trail()
    assert report == verification.Report(Head(0, trail.GENESIS), ())


def test_a_missing_beginning_is_found(head: Head) -> None:
    _sql("DELETE FROM audit_events WHERE id <= 2")
    assert "event 1 does not follow" in check_trail().findings[0]


@pytest.mark.parametrize(
    "action",
    ["user:created", "api_key:created", "source:added", "incident:received", "link:minted"],
)
def test_a_creation_that_was_taken_out_is_found(head: Head, action: str) -> None:
    """The chain is valid again, but a row shows that an event is missing."""
    _forge([event for event in _events() if event.action != action])
    assert trail.first_broken_event() is None, "the forged chain is not whole"
    [found] = check_trail().findings
    assert "lacks the creation" in found


def test_a_cut_tail_is_found_by_a_noted_head(head: Head) -> None:
    users.set_password(ACTOR, "a@example.com", "another long enough word")
    noted = check_trail().head
    _sql("DELETE FROM audit_events WHERE id > :count", count=head.count)
    assert check_trail().findings == (), "no row records that a password was set"
    [found] = check_trail(noted).findings
    assert "the newest are gone" in found


def test_a_rewritten_trail_is_found_by_a_noted_head(head: Head) -> None:
    events = _events()
    events[0].actor = "somebody else"
    _forge(events)
    assert check_trail().findings == (), "the chain alone cannot tell"
    [found] = check_trail(head).findings
    assert "another hash" in found


def test_the_command_prints_a_head_and_compares_it(
    head: Head, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    from click.testing import CliRunner

    from vigint_web.cli import people

    monkeypatch.setattr(people, "create_app", lambda: app)
    monkeypatch.setattr(people, "migrate_database", lambda _app: None)
    run = CliRunner().invoke
    result = run(people.verify_audit)
    assert result.exit_code == 0, result.output
    assert f"Events: {head.count}" in result.output
    assert f"Head: {head.hash}" in result.output
    noted = ["--expect-count", str(head.count), "--expect-head", head.hash]
    assert run(people.verify_audit, noted).exit_code == 0
    assert run(people.verify_audit, noted[:2]).exit_code == 2, "half of a head was taken"
    _sql("DELETE FROM audit_events")
    assert run(people.verify_audit, noted).exit_code != 0
