"""The audit trail: written with the recorded change, and tampering is detected."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from tests.helpers import renew
from tests.library import ACTOR, Library
from vigint_web.errors import NotFound
from vigint_web.extensions import db
from vigint_web.models import Audience, AuditEvent, Role, Source, Video
from vigint_web.services.accounts import users
from vigint_web.services.audit import trail
from vigint_web.services.core.transactions import transaction
from vigint_web.services.links import links
from vigint_web.services.sources import sources

pytestmark = pytest.mark.both_databases(reason="the lock around the chain's head")


@pytest.fixture
def history(library: Library) -> int:
    """Create some events; return their number."""
    source = library.source(name="Entrée é")
    link = links.program_link(source.video_id)
    assert link is not None
    links.rotate_program_link(ACTOR, link.id)
    links.revoke_link(ACTOR, link.id, "wrong «address»")
    users.create_user(ACTOR, "a@example.com", "a long enough word", Role.VIEWER)
    sources.delete_source(ACTOR, source.source_id)
    renew()
    return db.session.query(AuditEvent).count()


def _sql(statement: str, **values: Any) -> None:
    with transaction() as session:
        session.execute(text(statement), values)
    renew()


def test_what_happened_is_told_in_order_and_holds(history: int) -> None:
    actions = [event.action for event in db.session.query(AuditEvent).order_by(AuditEvent.id)]
    expected = [
        "source:added", "link:minted", "source:received", "link:rotated", "link:revoked",
        "user:created", "source:deleted",
    ]  # fmt: skip
    assert sorted(actions) == sorted(expected)
    assert [a for a in actions if a.startswith("link")] == [
        "link:minted",
        "link:rotated",
        "link:revoked",
    ]
    assert trail.first_broken_event() is None


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("at", "2020-01-01 00:00:00.000000"),
        ("actor", "somebody else"),
        ("action", "source:opened"),
        ("subject", "source:file_999"),
        ("detail", '{"name": "x"}'),
        ("site_id", None),
        ("hash", "0" * 64),
        ("previous_hash", "0" * 64),
    ],
)
def test_a_changed_row_shows(history: int, column: str, value: str | None) -> None:
    statement = f"UPDATE audit_events SET {column} = :value WHERE id = 3"  # noqa: S608 - ours
    _sql(statement, value=value)
    assert trail.first_broken_event() == 3


def test_a_removed_row_shows(history: int) -> None:
    _sql("DELETE FROM audit_events WHERE id = 2")
    assert trail.first_broken_event() == 2
    _sql("UPDATE audit_events SET id = id - 1 WHERE id > 2")
    assert trail.first_broken_event() == 2, "closing the gap does not hide it"


def test_a_removed_first_row_shows(history: int) -> None:
    _sql("DELETE FROM audit_events WHERE id = 1")
    assert trail.first_broken_event() == 1


def test_two_rows_changed_about_show(history: int) -> None:
    for old, new in ((3, 99), (4, 3), (99, 4)):
        _sql("UPDATE audit_events SET id = :new WHERE id = :old", old=old, new=new)
    assert trail.first_broken_event() == 3


def test_an_inserted_row_shows(history: int) -> None:
    _sql(
        "INSERT INTO audit_events (id, at, actor, action, subject, detail, previous_hash, hash)"
        " SELECT id + 100, at, actor, action, subject, detail, previous_hash, :hash"
        " FROM audit_events WHERE id = 3",
        hash="f" * 64,
    )
    assert trail.first_broken_event() == history + 1


def test_what_is_rolled_back_leaves_no_event(app: Flask, library: Library) -> None:
    source = library.source()
    before = db.session.query(AuditEvent).count()

    def fail() -> None:
        with transaction():
            sources.delete_source(ACTOR, source.source_id)
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        fail()
    renew()
    assert db.session.query(AuditEvent).count() == before
    assert db.session.query(Source).count() == 1
    assert trail.first_broken_event() is None


def test_what_is_refused_leaves_no_event(app: Flask, library: Library) -> None:
    before = db.session.query(AuditEvent).count()
    with pytest.raises(NotFound):
        links.revoke_link(ACTOR, 999)
    link = links.program_link(library.source().video_id)
    assert link is not None
    links.revoke_link(ACTOR, link.id)
    links.revoke_link(ACTOR, link.id)
    events = db.session.query(AuditEvent).filter(AuditEvent.id > before)
    assert [e.action for e in events].count("link:revoked") == 1, "the second changed nothing"


def test_events_of_many_threads_are_one_chain(
    app: Flask, people: Callable[[Role], Any], library: Library
) -> None:
    video = library.source().video_id

    def mint(_: int) -> None:
        with app.app_context():
            found = db.session.get_one(Video, video)
            links.mint_link(ACTOR, found, Audience.PERSON, hours=1)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(mint, range(24)))
    renew()
    assert db.session.query(AuditEvent).filter_by(action="link:minted").count() == 25
    assert trail.first_broken_event() is None
