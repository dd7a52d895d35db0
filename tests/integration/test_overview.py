"""The data of the home page: correct, within the actor's sites, from the indexes."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import event

from tests.library import ACTOR, Library
from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import (
    Incident,
    Notification,
    NotificationKind,
    NotificationState,
    Scope,
    Site,
    Video,
    VideoStatus,
)
from vigint_web.services.accounts import api_keys, sites
from vigint_web.services.core.actors import SYSTEM, Actor, as_key
from vigint_web.services.core.transactions import transaction
from vigint_web.services.links import links
from vigint_web.services.reports.overview import first_steps, overview

pytestmark = pytest.mark.both_databases(reason="sums by day and hour")

PARIS = ZoneInfo("Europe/Paris")


def _of(*owned: Site) -> Actor:
    return Actor("somebody", site_ids=frozenset(site.id for site in owned))


def _incident(library: Library, site: Site | None = None, **age: float) -> Incident:
    incident = library.incident_of(library.incident(b"x", site=site))
    with transaction():
        incident.created_at = utcnow() - timedelta(**age)
    return incident


def _alert(incident: Incident, state: NotificationState, **values: Any) -> Notification:
    with transaction() as session:
        notification = Notification(
            incident_id=incident.id,
            recipient="garde@example.com",
            state=state,
            kind=NotificationKind.VIDEO,
            message_id=f"<{incident.id}.{state}@vigint.invalid>",
            **values,
        )
        session.add(notification)
        session.flush()
    return notification


def _video(video: Video, **values: Any) -> None:
    with transaction():
        for name, value in values.items():
            setattr(video, name, value)


@pytest.fixture
def lyon(app: Flask) -> Site:
    return sites.get_or_add_site("lyon")


def test_incidents_are_counted_by_span_and_by_day(library: Library, lyon: Site) -> None:
    for age in (0, 1, 23, 25, 26, 47):
        _incident(library, hours=age)
    _incident(library, lyon, days=5)
    for age in (8, 13):
        _incident(library, lyon, days=age)
    _incident(library, days=40)
    found = overview(SYSTEM, PARIS)
    assert (found.day.count, found.day.before) == (3, 3)
    assert (found.week.count, found.week.before) == (7, 2)
    assert len(found.days) == 14
    assert found.days[-1].day == utcnow().astimezone(PARIS).date()
    by_day = {item.day: item.count for item in found.days}
    expected = dict.fromkeys(by_day, 0)
    for incident in db.session.query(Incident):
        day = incident.created_at.astimezone(PARIS).date()
        if day in expected:
            expected[day] += 1
    assert by_day == expected
    assert sum(by_day.values()) in {8, 9}, "the 40 days are out, the 13 may be"


def test_a_site_knows_nothing_of_another(library: Library, lyon: Site) -> None:
    here = sites.default_site()
    theirs = _incident(library, lyon, minutes=1)
    _alert(theirs, NotificationState.PENDING)
    _alert(theirs, NotificationState.FAILED)
    failed = _incident(library, lyon, minutes=1)
    assert failed.video is not None
    _video(failed.video, status=VideoStatus.FAILED, error_code="broken")
    assert theirs.video is not None
    library.person_link(theirs.video, hours=2, recipient="guard@example.com")
    library.source(actor=as_key(library.key(lyon)), status=VideoStatus.FAILED)
    library.source(actor=as_key(library.key(lyon)), status=VideoStatus.PROCESSING)

    nothing = overview(_of(here), PARIS)
    assert nothing.is_empty
    assert not nothing.is_busy
    assert not nothing.has_failures
    assert (nothing.week.count, nothing.mails_waiting) == (0, 0)
    assert (nothing.latest, nothing.expiring.items) == ([], [])
    for actor in (_of(lyon), _of(here, lyon), SYSTEM):
        everything = overview(actor, PARIS)
        assert everything.week.count == 2
        assert everything.mails_waiting == 1
        assert everything.sources == {"failed": 1, "processing": 1}
        assert [i.reference for i in everything.latest] == [failed.reference, theirs.reference]
        assert [s.site_id for s in everything.sources_under_way.items] == [lyon.id]
        assert [s.site_id for s in everything.failed_sources.items] == [lyon.id]
        assert everything.failed_incidents.items == [failed]
        assert [a.incident_id for a in everything.failed_mails.items] == [theirs.id]
        assert [e.incident for e in everything.expiring.items] == [theirs]
    assert overview(Actor("nobody"), PARIS).is_empty


def test_the_latest_of_several_sites_are_the_latest(library: Library, lyon: Site) -> None:
    made = [_incident(library, lyon if n % 3 else None) for n in range(9)]
    expected = [incident.id for incident in reversed(made)][:6]
    for actor in (SYSTEM, _of(lyon, sites.default_site())):
        assert [incident.id for incident in overview(actor, PARIS).latest] == expected
    only = [incident.id for incident in overview(_of(lyon), PARIS).latest]
    assert only == [incident.id for incident in reversed(made) if incident.site_id == lyon.id]


def test_links_about_to_expire_are_those_that_somebody_could_still_use(library: Library) -> None:
    video = _incident(library).video
    assert video is not None
    now = utcnow()
    soon = library.person_link(video, hours=20, recipient="b@example.com")
    next_one = library.person_link(video, hours=3, recipient="a@example.com")
    library.person_link(video, hours=30, recipient="later@example.com")
    library.person_link(video, hours=5)  # the detector has it
    revoked = library.person_link(video, hours=5, recipient="revoked@example.com")
    links.revoke_link(SYSTEM, revoked.id)
    used_up = library.person_link(video, hours=5, recipient="used@example.com", max_views=1)
    ahead = library.person_link(video, hours=5, recipient="ahead@example.com")
    over = library.person_link(video, hours=5, recipient="over@example.com")
    with transaction():
        used_up.views = 1
        ahead.not_before = now + timedelta(hours=4)
        over.expires_at = now - timedelta(seconds=1)
    found = overview(SYSTEM, PARIS).expiring
    assert [item.link.id for item in found.items] == [next_one.id, soon.id]
    assert found.more == 0
    for number in range(7):
        library.person_link(video, hours=1, recipient=f"{number}@example.com")
    found = overview(SYSTEM, PARIS).expiring
    assert (len(found.items), found.more) == (5, 4)


def test_old_failures_are_history(library: Library) -> None:
    old = _incident(library, days=8)
    assert old.video is not None
    _video(old.video, status=VideoStatus.FAILED, error_code="broken")
    _alert(old, NotificationState.FAILED, changed_at=utcnow() - timedelta(days=8))
    assert not overview(SYSTEM, PARIS).has_failures
    for _ in range(5):
        recent = _incident(library, hours=1)
        assert recent.video is not None
        _video(recent.video, status=VideoStatus.FAILED, error_code="broken")
    found = overview(SYSTEM, PARIS)
    assert (len(found.failed_incidents.items), found.failed_incidents.more) == (3, 2)


def test_mails_about_links_belong_to_the_site_of_the_link(library: Library, lyon: Site) -> None:
    video = _incident(library, lyon).video
    assert video is not None
    link = library.person_link(video, recipient="guard@example.com")
    with transaction() as session:
        for number, state in enumerate((NotificationState.PENDING, NotificationState.FAILED)):
            session.add(
                Notification(
                    link_id=link.id,
                    recipient="guard@example.com",
                    state=state,
                    kind=NotificationKind.SHARED,
                    message_id=f"<{number}@vigint.invalid>",
                )
            )
    for actor, number in ((_of(lyon), 1), (SYSTEM, 1), (_of(sites.default_site()), 0)):
        found = overview(actor, PARIS)
        assert (found.mails_waiting, len(found.failed_mails.items)) == (number, number)


def test_first_steps_are_done_by_what_exists(library: Library, lyon: Site) -> None:
    here = _of(sites.default_site())
    assert first_steps(here) == first_steps(SYSTEM)
    assert not any((first_steps(here).source, first_steps(here).key, first_steps(here).delivery))
    api_keys.create_api_key(ACTOR, "theirs", lyon, {Scope.INGEST})
    library.source(actor=as_key(library.key(lyon)))
    _alert(_incident(library, lyon), NotificationState.SENT)
    assert first_steps(_of(lyon)).are_done
    assert first_steps(SYSTEM).are_done
    assert not any((first_steps(here).source, first_steps(here).key, first_steps(here).delivery))
    _alert(_incident(library), NotificationState.FAILED)
    assert not first_steps(here).delivery


@contextmanager
def _asked() -> Iterator[list[tuple[str, Any]]]:
    seen: list[tuple[str, Any]] = []

    def see(_c: Any, _u: Any, statement: str, parameters: Any, *_more: Any) -> None:
        if statement.startswith("SELECT"):
            seen.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", see)
    try:
        yield seen
    finally:
        event.remove(db.engine, "before_cursor_execute", see)


@pytest.mark.only_sqlite
def test_no_question_goes_through_all_incidents_alerts_or_videos(library: Library) -> None:
    """SQLite's plans depend on the indexes alone, so they are the same with 100,000 incidents."""
    _incident(library)
    for actor in (SYSTEM, _of(sites.default_site())):
        with _asked() as asked:
            overview(actor, PARIS)
            first_steps(actor)
        assert 5 < len(asked) < 25
        connection = db.session.connection().connection
        for statement, parameters in asked:
            cursor = connection.cursor()
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plan = [row[3] for row in cursor.fetchall()]
            # A table of the query itself; "SCAN … USING" an index in its order ends early.
            scanned = [line for line in plan if line in {"SCAN incidents", "SCAN alerts"}]
            limited = "LIMIT" in statement and "ORDER BY incidents.id DESC" in statement
            limited = limited or "EXISTS" in statement
            assert not scanned or limited, (statement, plan)
            whole_site = "INDEX ix_incidents_site_created (site_id=?)"
            led_by_site = [line for line in plan if line.endswith(whole_site)]
            assert not led_by_site or "LIMIT" in statement, (statement, plan)
            assert not any(f"USING {whole_site}" in line for line in plan), (statement, plan)
