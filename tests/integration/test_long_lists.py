"""Lists, counts and periodic work read from indexes what they need, however long a table is."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from flask import Flask
from sqlalchemy import PrimaryKeyConstraint, UniqueConstraint, select

from tests.helpers import Person, recorded_statements
from tests.integration.review.nights import add_incident
from tests.library import ACTOR, Library
from vigint_web.clock import utcnow
from vigint_web.errors import VigintError
from vigint_web.extensions import db
from vigint_web.models import Link, Notification, NotificationState, Role, Video, VideoStatus
from vigint_web.services.accounts import sites
from vigint_web.services.core.actors import SYSTEM, Actor
from vigint_web.services.core.keyset_pagination import SortedCursor
from vigint_web.services.core.transactions import transaction
from vigint_web.services.dispatch.on_hold import find_on_hold
from vigint_web.services.incidents.listing import IncidentFilter, IncidentList
from vigint_web.services.links import listing
from vigint_web.services.links.links import revoke_link
from vigint_web.services.links.listing import StateFilter, count_revocable, find_links
from vigint_web.services.links.plays import forget_visitors
from vigint_web.services.notifications import sent_mails
from vigint_web.services.operations import health
from vigint_web.services.retention import purge
from vigint_web.services.retention.purge import purge_due
from vigint_web.services.videos.totals import stored_bytes


def _scans(work: Callable[[], object]) -> set[str]:
    """Return the lines of SQLite's plans that read a growing table, or all of an index."""
    with recorded_statements() as seen:
        work()
    found: set[str] = set()
    connection = db.session.connection().connection
    for statement, parameters in seen:
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            cursor = connection.cursor()
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            lines = [row[3] for row in cursor.fetchall()]
            words = ("links", "alerts", "videos", "incidents", "accesses", "playbacks", "mails")
            found.update(
                line for line in lines if line.startswith("SCAN") and line.split()[1] in words
            )
    return found


@pytest.mark.only_sqlite
@pytest.mark.parametrize(
    ("state", "index"),
    [("revoked", "revoked"), ("not_yet", "delayed"), ("used_up", "limited"), ("live", None)],
)
def test_links_of_a_rare_state_are_found_by_an_index(
    app: Flask, library: Library, state: str, index: str | None
) -> None:
    library.source()
    allowed = {f"SCAN links USING INDEX ix_links_{index}"} if index else set()
    for actor in (SYSTEM, Actor(label="operator", site_ids=frozenset({1}))):
        assert _scans(partial(find_links, actor, StateFilter(state=state))) <= allowed, actor


@pytest.mark.only_sqlite
@pytest.mark.parametrize(
    "work",
    [
        lambda: purge_due(1),
        lambda: forget_visitors(30),
        lambda: sent_mails.undelivered(SYSTEM),
        lambda: find_on_hold(SYSTEM),
        health._mails,
        stored_bytes,
        lambda: sent_mails.count_mails_before(utcnow() - timedelta(days=30)),
    ],
)
def test_no_periodic_work_goes_through_a_table(
    app: Flask, library: Library, work: Callable[[], object]
) -> None:
    library.source()
    # Without statistics plans depend on the indexes alone, so they are the same with a million.
    scans = {line for line in _scans(work) if "ix_alerts_on_hold" not in line}
    assert scans <= {"SCAN alerts"} if work is health._mails else not scans, scans


def test_deleting_a_link_reads_no_table(app: Flask) -> None:
    """Each foreign key to links, videos or incidents leads an index, of whichever table."""
    lacking = []
    for table in db.metadata.sorted_tables:
        led = {next(iter(index.columns)).name for index in table.indexes}
        led |= {
            next(iter(constraint.columns)).name
            for constraint in table.constraints
            if isinstance(constraint, PrimaryKeyConstraint | UniqueConstraint)
        }
        led |= {column.name for column in table.columns if column.unique or column.index}
        lacking += [
            f"{table.name}.{column.name}"
            for column in table.columns
            for key in column.foreign_keys
            if key.column.table.name in {"links", "videos", "alerts"} and column.name not in led
        ]
    assert not lacking


def test_videos_are_purged_in_the_order_of_their_dates(
    app: Flask, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    videos = [library.source(bytes([number])).video for number in range(5)]
    ages = [3, 1, 5, -9, 2]
    with transaction() as session:
        for video, days in zip(videos, ages, strict=True):
            session.get_one(Video, video.id).purge_at = utcnow() - timedelta(days=days)
        session.get_one(Video, videos[1].id).status = VideoStatus.PROCESSING
    purged: list[int] = []
    monkeypatch.setattr(purge, "_BATCH", 2)

    def refuse_one(video_id: int) -> int:
        purged.append(video_id)
        if video_id == videos[0].id:
            raise VigintError
        return 1

    monkeypatch.setattr(purge, "_purge", refuse_one)
    assert purge_due(60) == 2
    assert purged == [videos[number].id for number in (2, 0, 4)], "one failed, the others follow"


def test_many_links_are_counted_up_to_a_limit(
    people: Callable[[Role], Person], library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        library.source(bytes([number]))
    assert "Tous les liens (3)" in people(Role.ADMIN).browser.get("/links/").text
    monkeypatch.setattr(listing, "MOST_COUNTED", 2)
    monkeypatch.setattr("vigint_web.blueprints.pages.links.views.MOST_COUNTED", 2)
    page = find_links(SYSTEM, StateFilter(), size=1)
    assert count_revocable(SYSTEM, StateFilter(), page) == 3, "counted"
    assert count_revocable(SYSTEM, StateFilter(), find_links(SYSTEM, StateFilter())) == 3, "seen"
    assert "Les 2 derniers" in people(Role.ADMIN).browser.get("/links/").text


def test_what_a_page_shows_completely_is_not_counted_again(app: Flask) -> None:
    for number in range(3):
        add_incident(f"{number}", number, number)
    listed = IncidentList(SYSTEM, IncidentFilter(text="INC"))
    assert listed.count() == 3
    with recorded_statements() as seen:
        assert len(listed.page().rows) == 3
        pages = len(seen)
        assert listed.count() == 3
        assert len(seen) == pages
    assert IncidentList(SYSTEM, IncidentFilter(text="nowhere")).count() == 0
    part = IncidentList(SYSTEM, IncidentFilter())
    below = part.page(size=2).next
    assert len(part.page(SortedCursor(before=below), size=2).rows) == 1
    assert part.count() == 3, "the last page of several has not all of them"


def test_live_links_are_the_same_few_or_many(
    app: Flask, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        library.source(bytes([number]))
    ids = list(db.session.scalars(select(Link.id).order_by(Link.id.desc())))
    revoke_link(ACTOR, ids[1], "")
    with transaction() as session:
        session.get_one(Link, ids[2]).expires_at = utcnow() - timedelta(days=1)
        session.get_one(Link, ids[3]).expires_at = utcnow() + timedelta(days=1)
    for actor in (SYSTEM, Actor(label="operator", site_ids=frozenset({sites.default_site().id}))):
        for most in (1000, 1):
            monkeypatch.setattr(listing, "MOST_COUNTED", most)
            found = find_links(actor, StateFilter(state="live"))
            assert [link.id for link in found.rows] == [ids[0], ids[3]], most


def test_undelivered_mails_are_counted_up_to_a_limit(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction() as session:
        for number in range(7):
            failed = number % 2 == 0
            row = Notification(
                recipient="garde@example.com",
                message_id=f"<{number}@example.com>",
                state=NotificationState.FAILED if failed else NotificationState.PENDING,
                error="451 later",
            )
            session.add(row)
            session.flush()  # one by one: their ids are in this order
    rows, more = sent_mails.undelivered(SYSTEM, 3)
    assert [row.message_id[1] for row in rows] == ["6", "5", "4"]
    assert more == 4
    monkeypatch.setattr(sent_mails, "MOST_COUNTED", 2)
    assert sent_mails.undelivered(SYSTEM, 3)[1] == 3
    nowhere = Actor(label="operator", site_ids=frozenset({1}))
    assert sent_mails.undelivered(nowhere, 3) == ([], 0)
