"""Staff access by login is audited: once per period of activity, not for every range."""

from collections.abc import Callable

import pytest
from flask import Flask

from tests.helpers import Clock, Person, post_incident, renew
from tests.library import Library
from vigint_web.errors import StorageFull
from vigint_web.extensions import db
from vigint_web.models import AuditEvent, Role, Scope, Source
from vigint_web.services.accounts import api_keys, sites
from vigint_web.services.audit import staff_access, trail
from vigint_web.services.core.actors import command_line
from vigint_web.services.core.runtime import runtime
from vigint_web.services.links.links import program_link

pytestmark = pytest.mark.both_databases(reason="upserts")

PART = {"Range": "bytes=0-9"}


@pytest.fixture
def source(library: Library) -> Source:
    return library.source()


def _events(action: str) -> list[tuple[str, str]]:
    renew()
    found = db.session.query(AuditEvent).filter_by(action=action).order_by(AuditEvent.id)
    return [(event.actor, event.subject) for event in found]


def test_playing_by_login_is_told_once_for_a_person_and_a_video(
    people: Callable[[Role], Person], source: Source, library: Library, clock: Clock
) -> None:
    viewer, other = people(Role.VIEWER), library.source()
    address = f"/videos/{source.video.public_id}/stream"

    def play(who: Person, address: str = address) -> None:
        answer = who.browser.get(address, headers=PART)
        assert (answer.status_code, len(answer.data)) == (206, 10)

    subject = f"video:{source.video.public_id}"
    assert viewer.browser.head(address).status_code == 200
    assert viewer.browser.get(f"/videos/{source.video.public_id}/poster").status_code == 200
    assert _events("video:played") == [], "neither heads nor pictures are playing"
    for _ in range(5):
        play(viewer)
        clock.forward(minutes=20)  # a long period of activity is one
    assert _events("video:played") == [(viewer.email, subject)]
    play(viewer, f"/videos/{other.video.public_id}/stream")
    play(people(Role.OPERATOR))
    assert len(_events("video:played")) == 3
    clock.forward(minutes=31)
    play(viewer)
    assert _events("video:played")[-1] == (viewer.email, subject)
    assert len(_events("video:played")) == 4
    assert trail.first_broken_event() is None


def test_another_process_does_not_tell_it_again(
    people: Callable[[Role], Person], source: Source
) -> None:
    viewer = people(Role.VIEWER)
    for _ in range(3):
        viewer.browser.get(f"/videos/{source.video.public_id}/stream", headers=PART)
        runtime().seen.clear()  # as in a process that has served no request yet
    assert len(_events("video:played")) == 1


def test_what_is_remembered_has_a_limit(
    people: Callable[[Role], Person],
    library: Library,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(staff_access, "_MOST_REMEMBERED", 3)
    viewer = people(Role.VIEWER)
    for _ in range(5):
        public_id = library.source().video.public_id
        viewer.browser.get(f"/videos/{public_id}/stream", headers=PART)
        clock.forward(minutes=12)
        assert len(runtime().seen) <= 3
    assert len(_events("video:played")) == 5


def test_a_full_disk_hides_no_evidence(
    people: Callable[[Role], Person], source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = people(Role.VIEWER)

    def full(*_args: object, **_more: object) -> None:
        raise StorageFull

    monkeypatch.setattr(trail, "record", full)
    answer = viewer.browser.get(f"/videos/{source.video.public_id}/stream", headers=PART)
    assert answer.status_code == 206


def test_being_shown_the_addresses_for_programs_is_told_once(
    people: Callable[[Role], Person], source: Source, clock: Clock
) -> None:
    link = program_link(source.video_id)
    assert link is not None
    operator, page = people(Role.OPERATOR), f"/source-management/{source.source_id}/"
    for _ in range(3):
        assert "/api/video/" in operator.browser.get(page).text
        operator.browser.get(f"{page}live")
        clock.forward(minutes=29)
    assert _events("link:shown") == [(operator.email, f"link:{link.id}")]
    clock.forward(minutes=31)
    operator.browser.get(page)
    assert len(_events("link:shown")) == 2


def test_whoever_may_not_share_sees_no_address_that_needs_no_login(
    people: Callable[[Role], Person], source: Source
) -> None:
    viewer, page = people(Role.VIEWER), f"/source-management/{source.source_id}/"
    for path in (page, f"{page}live"):
        answer = viewer.browser.get(path)
        assert answer.status_code == 200
        assert "/api/video/" not in answer.text
        assert "/stream/" not in answer.text
    assert _events("link:shown") == []


def test_a_key_reads_the_link_of_its_own_incidents_only(app: Flask, api_key: str) -> None:
    client = app.test_client()
    posted = post_incident(client, api_key, {"message": "m"})
    reader = api_keys.create_api_key(
        command_line("test"), "reader", sites.default_site(), {Scope.READ}
    )
    path = f"/api/v1/incidents/{posted['reference']}"
    assert client.get(path, headers={"X-API-Key": reader}).get_json()["private_link"] is None
