"""The home page: for each role, from the first steps to a busy day, and with automatic updates."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from redis import Redis

from tests.helpers import Person
from tests.library import ACTOR, Library
from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import (
    Notification,
    NotificationKind,
    NotificationState,
    Role,
    Scope,
    User,
    VideoStatus,
)
from vigint_web.services.accounts import api_keys, sites
from vigint_web.services.core import job_queue
from vigint_web.services.core.runtime import runtime
from vigint_web.services.core.transactions import transaction
from vigint_web.services.operations import health, reach
from vigint_web.services.videos.totals import stored_bytes

pytestmark = pytest.mark.both_databases(reason="sums and the newest of each")
ONE_DATABASE = pytest.mark.only_sqlite(reason="others here ask of the database what it asks")

People = Callable[[Role], Person]


def _home(person: Person) -> str:
    answer = person.browser.get("/", headers={"Accept-Language": "en"})
    assert answer.status_code == 200
    return str(answer.text)


def _part(page: str, name: str) -> str:
    """Return a part of the page, until the next one."""
    _, found, rest = page.partition(f'data-part="{name}"')
    assert found, f"the page has no part {name}"
    return rest.partition("data-part=")[0]


def _steps(page: str) -> list[str]:
    return re.findall(r"guide-step guide-(\w+)", page)


@ONE_DATABASE
def test_the_first_steps_lead_to_a_working_installation(
    people: People, library: Library, work: Callable[[], None]
) -> None:
    admin = people(Role.ADMIN)
    page = _home(admin)
    assert _steps(page) == ["now", "ahead", "ahead", "ahead"]
    assert page.count('aria-current="step"') == 1
    for address in ('href="/source-management/add/', 'href="/keys/add/"', 'action="/test-alert"'):
        assert address in _part(page, "guide")
    assert 'data-part="counts"' not in page, "there is nothing to count"

    assert admin.post("/test-alert", page="/").status_code == 302
    work()
    assert _steps(_home(admin)) == ["now", "ahead", "done", "ahead"], "in any order"
    library.source()
    assert _steps(_home(admin)) == ["done", "now", "done", "ahead"]
    api_keys.create_api_key(ACTOR, "camera", sites.default_site(), {Scope.INGEST})
    assert _steps(_home(admin)) == ["done", "done", "done", "now"]
    reach.record_reach(reach.token_to_scan(), "vigint.test", "8.8.8.8")
    page = _home(admin)
    assert _steps(page) == []
    assert 'action="/test-alert"' in _part(page, "health"), "it can be tried again"


@ONE_DATABASE
def test_the_first_steps_are_for_administrators(people: People) -> None:
    for role in Role:
        shown = 'data-part="guide"' in _home(people(role))
        assert shown == (role == Role.ADMIN)


def test_the_machine_is_for_administrators_its_effects_for_all(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = {role: _part(_home(people(role)), "health") for role in Role}
    for title in ("Database", "Queue", "Workers", "Waiting work", "Mail", "Disk"):
        assert f"<strong>{title}</strong>" in parts[Role.ADMIN]
    assert "free (" in parts[Role.ADMIN]
    assert "No worker is running" in parts[Role.ADMIN], "and no worker runs in this test"
    for role in (Role.OPERATOR, Role.VIEWER):
        assert "New videos and mails are waiting because" in parts[role]
        assert not re.search("worker|Database|free|vigint up", parts[role])
    monkeypatch.setattr(health, "living_workers", lambda: 1)
    assert "1 worker is running." in _part(_home(people(Role.ADMIN)), "health")
    assert "New videos and mails are waiting because" not in _home(people(Role.VIEWER))


def test_problems_come_first_and_in_full(people: People, library: Library) -> None:
    failed = library.incident(b"x", status=VideoStatus.FAILED, error_code="no_usable_frame")
    incident = library.incident_of(failed)
    with transaction() as session:
        session.add(
            Notification(
                incident_id=incident.id,
                recipient="gone@example.com",
                state=NotificationState.FAILED,
                message_id="<x@vigint.invalid>",
                error="550 <b>no such mailbox</b>",
            )
        )
    library.source(name="Broken one", status=VideoStatus.FAILED, error_code="broken")
    page = _home(people(Role.VIEWER))
    shown = _part(page, "failures")
    assert page.index('data-part="notice-workers"') < page.index('data-part="failures"')
    assert page.index('data-part="failures"') < page.index('data-part="counts"')
    assert "Broken one" in shown
    assert "1 failed" in _part(page, "counts")
    french = people(Role.OPERATOR).browser.get("/", headers={"Accept-Language": "fr"}).text
    assert "1 échec<" in _part(french, "counts"), "one is no plural"
    assert "The file is damaged or incomplete" in shown
    assert "None of the images received can be read" in shown
    assert "To gone@example.com" in shown.replace("<wbr>", "")
    assert "550 &lt;b&gt;no such mailbox&lt;/b&gt;" in shown
    assert shown.count(f'href="/incidents/{incident.reference}/"') == 2


def test_a_mail_about_a_link_leads_to_the_link(people: People, library: Library) -> None:
    link = library.person_link(library.incident(b"x"), recipient="guard@example.com")
    with transaction() as session:
        session.add(
            Notification(
                link_id=link.id,
                recipient="guard@example.com",
                state=NotificationState.FAILED,
                kind=NotificationKind.SHARED,
                message_id="<x@vigint.invalid>",
            )
        )
    shown = _part(_home(people(Role.ADMIN)), "failures")
    assert f'href="/links/{link.id}/"' in shown
    shown = _part(_home(people(Role.VIEWER)), "failures")
    assert "Mail about a link" in shown
    assert "/links/" not in shown


def test_what_is_under_way_shows_how_far_it_is(people: People, library: Library) -> None:
    source = library.source(name="Long one", status=VideoStatus.PROCESSING, progress=42)
    page = _home(people(Role.VIEWER))
    assert re.search(r"<div data-live data-live-busy", page)
    shown = _part(page, "under-way")
    assert f'href="/source-management/{source.source_id}/"' in shown
    assert re.search(r"42\s?%", shown)
    assert 'value="42"' in shown


def test_links_about_to_expire(people: People, library: Library) -> None:
    video = library.incident(b"x")
    link = library.person_link(video, hours=3, recipient="guard@example.com")
    reference = library.incident_of(video).reference
    shown = _part(_home(people(Role.ADMIN)), "expiring").replace("<wbr>", "")
    for expected in ("guard@example.com", "in 2 h", f"/incidents/{reference}/", "not watched yet"):
        assert expected in shown
    assert f"/links/{link.id}/" in shown
    assert f"/links/{link.id}/" not in _part(_home(people(Role.VIEWER)), "expiring")


@ONE_DATABASE
def test_the_chart_is_a_table_too(people: People, library: Library) -> None:
    library.incident(b"x")
    shown = _part(_home(people(Role.VIEWER)), "counts")
    assert shown.count("<rect ") == shown.count('<th scope="row">') == 14
    assert re.search(r'<svg [^>]*role="img" aria-label="Incidents per day[^"]*from 0 to 1"', shown)
    assert not re.search(r'height="(-|0")', shown), "a day without incidents is seen too"
    assert "1 more than the 24 hours before" in shown


def test_days_are_those_of_the_reader(people: People, library: Library) -> None:
    incident = library.incident_of(library.incident(b"x"))
    person = people(Role.VIEWER)
    with transaction() as session:
        # Half an hour ago is today in one time zone, and yesterday in another.
        moment = utcnow() - timedelta(minutes=30)
        incident.created_at = moment
        user = session.query(User).filter_by(email=person.email).one()
        user.timezone = "Pacific/Kiritimati"
    last = re.findall(r"<td>(\d+)</td>", _part(_home(person), "counts"))
    here = moment + timedelta(hours=14)
    today = utcnow() + timedelta(hours=14)
    assert (last[-1] == "1") == (here.date() == today.date())
    assert last[-1] + last[-2] in {"10", "01"}


@ONE_DATABASE
def test_the_page_follows_by_itself(people: People, library: Library) -> None:
    person = people(Role.OPERATOR)
    first = person.browser.get("/live")
    assert first.status_code == 200
    assert first.text.lstrip().startswith("<div data-live")
    assert "<html" not in first.text
    library.incident(b"x")
    later = person.browser.get("/live", headers={"If-None-Match": first.headers["ETag"]})
    assert later.status_code == 200
    names = re.findall(r'data-part="([^"]+)"', later.text)
    assert len(set(names)) == len(names), "parts are told apart by their names"


@ONE_DATABASE
def test_names_of_any_length_and_any_signs_are_only_text(people: People, library: Library) -> None:
    evil = '"><script>alert(1)</script>' + "W" * 150
    library.source(name=evil, status=VideoStatus.PROCESSING, progress=1)
    page = _home(people(Role.ADMIN))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


@ONE_DATABASE
def test_what_waits_in_the_queue_is_measured(
    app: Flask, queue: Redis, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert health.measure().oldest_alert_job is None
    before = utcnow()
    video = library.incident(b"x")
    assert job_queue.enqueue_video(video.kind, video.id, video.attempt)
    readings = health.measure()
    assert readings.oldest_alert_job is not None
    assert before - timedelta(seconds=10) <= readings.oldest_alert_job <= utcnow()
    assert readings.oldest_source_job is None
    monkeypatch.setattr(runtime(), "redis", Redis.from_url("unix:///nowhere/queue.sock"))
    silent = health.measure()
    assert (silent.workers, silent.oldest_alert_job) == (None, None)
    assert health.missing_parts() == ["queue", "worker"]


def test_mails_that_nobody_accepts_are_measured(app: Flask, library: Library) -> None:
    incident = library.incident_of(library.incident(b"x"))
    readings = health.measure()
    assert (readings.mails.not_accepted, readings.mails.last_accepted) == (0, None)
    since = utcnow() - timedelta(minutes=20)
    rows = [
        ("<a@x>", NotificationState.PENDING, "451 later", since + timedelta(minutes=5)),
        ("<b@x>", NotificationState.PENDING, "452 full", since),
        ("<c@x>", NotificationState.PENDING, None, since - timedelta(hours=1)),
        ("<d@x>", NotificationState.SENT, None, since),
    ]
    with transaction() as session:
        for message_id, state, error, created_at in rows:
            session.add(
                Notification(
                    incident_id=incident.id,
                    recipient="a@example.com",
                    state=state,
                    message_id=message_id,
                    error=error,
                    created_at=created_at,
                    sent_at=since if state == NotificationState.SENT else None,
                )
            )
    mails = health.measure().mails
    assert (mails.not_accepted, mails.not_accepted_since) == (2, since)
    assert mails.last_accepted == since
    assert mails.last_error in {"451 later", "452 full"}


def test_footage_is_summed_once(app: Flask, library: Library) -> None:
    assert stored_bytes() == 0
    library.source(b"1" * 1000, poster_size=13)
    library.incident(
        b"1" * 500,
        poster_size=7,
        playable_key="videos/other.mp4",
        playable_size=200,
        frames_key="videos/frames.zip",
        frames_size=30,
    )
    db.session.expire_all()
    assert stored_bytes() == (1000 + 13) + (500 + 7 + 200 + 30)
