"""Footage is kept within the limits that its camera's settings state."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from tests.helpers import Clock, Person, renew
from tests.library import ACTOR, Library
from tests.retention import Machine, age, kept_for
from vigint_web.config.config import Config
from vigint_web.errors import Conflict
from vigint_web.extensions import db
from vigint_web.models import AuditEvent, Camera, Incident, Role, Video
from vigint_web.services.accounts import cameras, sites
from vigint_web.services.core.transactions import transaction
from vigint_web.services.retention import purge
from vigint_web.services.retention.camera_limits import (
    confirm_limits,
    describe,
    keep_limits,
    list_waiting,
)
from vigint_web.services.retention.changes import confirm, find_waiting
from vigint_web.services.videos.retention_dates import date_for_new
from vigint_web.services.videos.retention_rules import Limits, Setting

pytestmark = pytest.mark.both_databases(reason="locks, bulk updates of dates, nulls compared")

People = Callable[[Role], Person]


@pytest.fixture
def machine(clock: Clock, config: Config, app: Flask) -> Machine:
    return Machine("alpha", clock, config)


@pytest.fixture
def camera(app: Flask) -> Camera:
    return cameras.camera_of(sites.default_site().id, "quai")


def _state(camera: Camera, least: int | None, most: int | None) -> None:
    kept = cameras.facts_of(db.session.get_one(Camera, camera.id))
    cameras.edit_camera(ACTOR, camera.id, replace(kept, least_days=least, most_days=most))


def _of(camera: Camera, video: Video) -> Video:
    """Let an incident of the library be one of a camera, with the date that intake gives it."""
    with transaction() as session:
        incident = session.scalars(select(Incident).where(Incident.video_id == video.id)).one()
        incident.camera_id = camera.id
        video.purge_at = date_for_new(video.kind, video.created_at, camera.id)
    return video


def _events(action: str) -> list[dict[str, Any]]:
    query = select(AuditEvent).where(AuditEvent.action == f"camera:limits_{action}")
    return [dict(event.detail) for event in db.session.scalars(query.order_by(AuditEvent.id))]


def test_a_minimum_keeps_its_footage_longer_at_once(
    library: Library, machine: Machine, camera: Camera
) -> None:
    mine, other = age(_of(camera, library.incident()), 10), library.incident().id
    machine.looks()
    _state(camera, 90, None)
    machine.looks()
    assert [kept_for(mine), kept_for(other)] == [90, 30]
    assert describe(ACTOR, camera.id).days == 90
    assert _events("changed") == [
        {"least_days": 90, "most_days": None, "least_before": None, "most_before": None,
         "deletes": 0},
    ]  # fmt: skip
    assert kept_for(_of(camera, library.incident()).id) == 90, "new footage too"


def test_a_maximum_waits_and_says_what_it_would_delete(
    library: Library, machine: Machine, camera: Camera
) -> None:
    old, soon, new = (age(_of(camera, library.incident()), days) for days in (10, 5, 0))
    age(library.incident(), 20)
    machine.looks()
    _state(camera, None, 7)
    machine.looks()
    found = describe(ACTOR, camera.id)
    assert found.waits is not None
    assert (found.days, found.wanted, found.now, found.soon) == (30, 7, 1, 2)
    assert [kept_for(video) for video in (old, soon, new)] == [30, 30, 30]
    assert kept_for(_of(camera, library.incident()).id) == 30, "it follows what is in force"
    assert _events("proposed") == [{"least_days": None, "most_days": 7, "now": 1, "soon": 2}]
    assert purge.purge_due() == 0
    assert [one.id for one in list_waiting(ACTOR)] == [camera.id]
    assert find_waiting() == [], "the installation's days did not change"


def test_24_hours_confirm_a_maximum(library: Library, machine: Machine, camera: Camera) -> None:
    old, other = age(_of(camera, library.incident()), 10), age(library.incident(), 10)
    machine.looks()
    _state(camera, None, 7)
    machine.looks()
    machine.waits(timedelta(hours=23, minutes=30))
    assert kept_for(old) == 30
    machine.waits(timedelta(hours=1))
    assert [kept_for(old), kept_for(other)] == [7, 30]
    assert [event["deletes"] for event in _events("changed")] == [1]
    assert purge.purge_due() == 1
    assert db.session.scalars(select(Video.id)).all() == [other]


def test_other_limits_begin_to_wait_again(
    library: Library, machine: Machine, camera: Camera
) -> None:
    video = age(_of(camera, library.incident()), 10)
    machine.looks()
    _state(camera, None, 20)
    machine.looks()
    machine.waits(timedelta(hours=20))
    _state(camera, None, 7)
    machine.waits(timedelta(hours=20))
    assert kept_for(video) == 30
    machine.waits(timedelta(hours=5))
    assert kept_for(video) == 7


def test_settings_that_are_set_back_cancel(
    library: Library, machine: Machine, camera: Camera
) -> None:
    video = age(_of(camera, library.incident()), 10)
    machine.looks()
    _state(camera, None, 7)
    machine.looks()
    _state(camera, None, None)
    machine.waits(timedelta(hours=30))
    assert kept_for(video) == 30
    assert list_waiting(ACTOR) == []
    assert _events("cancelled") == [{"least_days": None, "most_days": 7}]


def test_links_end_with_their_footage(library: Library, machine: Machine, camera: Camera) -> None:
    video = _of(camera, library.incident())
    link = library.person_link(video, hours=24 * 20)
    machine.looks()
    _state(camera, None, 7)
    confirm_limits(ACTOR, camera.id, Limits(None, 7))
    machine.looks()
    renew()
    assert db.session.merge(link).expires_at == db.session.get_one(Video, video.id).purge_at


def test_of_a_changed_setting_of_the_installation_limits_remain(
    library: Library, machine: Machine, camera: Camera
) -> None:
    mine, other = age(_of(camera, library.incident()), 10), age(library.incident(), 10)
    _state(camera, 20, 25)
    machine.looks()
    confirm_limits(ACTOR, camera.id, Limits(20, 25))
    machine.looks()
    assert [kept_for(mine), kept_for(other)] == [25, 30]
    machine.reads(retention_days=7).looks()
    [waiting] = find_waiting()
    assert (waiting.now, waiting.soon) == (1, 0), "the camera's minimum is counted"
    confirm(ACTOR, Setting.INCIDENTS, 7)
    machine.looks()
    assert [kept_for(mine), kept_for(other)] == [20, 7]
    machine.reads(retention_days=None).looks()
    assert [kept_for(mine), kept_for(other)] == [25, None]


def test_without_footage_limits_apply_at_once(
    library: Library, machine: Machine, camera: Camera
) -> None:
    named = cameras.camera_of(sites.default_site().id, "Quai 2")
    _state(named, None, 7)
    machine.looks()
    video = library.incident()
    assert library.incident_of(video).camera_id == named.id
    assert kept_for(video.id) == 7, "new footage follows the limits of the camera that it names"


def test_what_was_not_shown_is_not_decided(
    library: Library, machine: Machine, camera: Camera
) -> None:
    video = age(_of(camera, library.incident()), 10)
    machine.looks()
    _state(camera, None, 7)
    machine.looks()
    for decide in (confirm_limits, keep_limits):
        with pytest.raises(Conflict):
            decide(ACTOR, camera.id, Limits(None, 3))
    machine.looks()
    assert kept_for(video) == 30
    assert describe(ACTOR, camera.id).waits is not None


def _text(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_an_administrator_decides_on_the_page_of_the_camera(
    library: Library, machine: Machine, camera: Camera, people: People
) -> None:
    video = age(_of(camera, library.incident()), 10)
    machine.looks()
    _state(camera, None, 7)
    machine.looks()
    admin = people(Role.ADMIN).speaking("en")
    assert 'href="/cameras/1/"' in admin.browser.get("/").text
    page = _text(admin.browser.get("/cameras/1/").text)
    assert "The settings of this camera: 7 days, instead of 30 days." in page
    assert "1 video would be deleted at once." in page
    assert "Videos of its incidents are kept: 30 days." in page
    viewer = people(Role.VIEWER).speaking("en")
    seen = _text(viewer.browser.get("/cameras/1/").text)
    assert "instead of 30 days" in seen
    assert "would be deleted at once" not in seen
    address = "/retention/cameras/1"
    shown = {"least": "", "most": "7"}
    assert viewer.post(f"{address}/confirm", page="/", **shown).status_code == 403
    assert admin.post(f"{address}/confirm", page="/", least="", most="3").status_code == 302
    assert "Nothing was changed" in _text(admin.browser.get("/cameras/1/").text)
    assert admin.post(f"{address}/confirm", page="/", **shown).status_code == 302
    machine.looks()
    assert kept_for(video) == 7
    page = _text(admin.browser.get("/cameras/1/").text)
    assert "Videos of its incidents are kept: 7 days." in page
    assert "instead of" not in page
    reference = db.session.scalars(select(Incident.reference)).one()
    shown_there = _text(admin.browser.get(f"/incidents/{reference}/").text)
    assert "7 days, by the settings of its camera" in shown_there


def test_an_administrator_keeps_it_as_it_is(
    library: Library, machine: Machine, camera: Camera, people: People
) -> None:
    video = age(_of(camera, library.incident()), 10)
    machine.looks()
    _state(camera, 2, 7)
    machine.looks()
    admin = people(Role.ADMIN).speaking("en")
    answer = admin.post("/retention/cameras/1/keep", page="/", least="2", most="7")
    assert answer.status_code == 302
    machine.waits(timedelta(hours=30))
    assert kept_for(video) == 30
    renew()
    kept = db.session.get_one(Camera, camera.id)
    assert (kept.least_days, kept.most_days) == (None, None)
    assert "instead of" not in _text(admin.browser.get("/cameras/1/").text)
