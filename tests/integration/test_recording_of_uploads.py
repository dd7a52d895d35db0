"""Uploads say by which camera and when they were recorded."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from html import unescape
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.helpers import Person, renew
from tests.library import ACTOR
from tests.tus_client import Tus, encoded
from vigint_web.errors import Invalid, MistakeCode
from vigint_web.extensions import db
from vigint_web.models import Camera, Role, Scope, Source
from vigint_web.services.accounts import api_keys, sites
from vigint_web.services.accounts.cameras import CameraFacts, camera_of, edit_camera
from vigint_web.services.accounts.sites import SiteFacts
from vigint_web.services.sources.recording import Recording, read_recording

RECORDED = datetime(2026, 3, 1, 10, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def reunion(app: Flask) -> None:
    """Set the clock of the site four hours ahead of UTC."""
    site = sites.default_site()
    sites.edit_site(ACTOR, site.id, SiteFacts(site.name, timezone="Indian/Reunion"))


@pytest.fixture
def tus(client: FlaskClient, app: Flask) -> Tus:
    key = api_keys.create_api_key(ACTOR, "uploader", sites.default_site(), {Scope.UPLOAD})
    return Tus(client, Authorization=f"Bearer {key}")


def _source() -> Source:
    renew()
    return db.session.query(Source).one()


def _begin(tus: Tus, **metadata: str) -> tuple[int, str]:
    header = encoded(filename="clip.mp4", **metadata)
    answer = tus.ask("POST", Upload_Length="5", Upload_Metadata=header)
    return answer.status_code, answer.text


def test_a_resumable_upload(tus: Tus, people: Callable[[Role], Person]) -> None:
    camera = camera_of(sites.default_site().id, "cam-1")
    edit_camera(ACTOR, camera.id, CameraFacts("Quai 2"))
    status, text = _begin(tus, camera=" Quai  2 ", recorded_at="2026-03-01T14:30:00")
    assert status == 201, text
    source = _source()
    assert (source.camera_id, source.video.recorded_at) == (camera.id, RECORDED)
    assert source.name == "Quai 2 – 2026-03-01 14:30 – clip"
    page = unescape(
        people(Role.OPERATOR).browser.get(f"/source-management/{source.source_id}/").text
    )
    assert "Quai 2" in page
    assert re.search(r'datetime="2026-03-01T10:30:00\+00:00">1er.mars.2026, 14:30:00', page)


def test_the_form(people: Callable[[Role], Person]) -> None:
    operator = people(Role.OPERATOR)
    answer = operator.upload(
        ("clip.mp4", b"x"), camera="Parking", recorded_at="2026-03-01T14:30", name="Vol"
    )
    assert answer.status_code == 302
    source = _source()
    assert (source.name, source.video.recorded_at) == ("Vol", RECORDED)
    assert source.camera is not None
    assert source.camera.name == "Parking"
    page = operator.browser.get("/source-management/add/?type=file").text
    assert '<option value="Parking">' in page


def test_nothing_has_to_be_known(tus: Tus) -> None:
    assert _begin(tus)[0] == 201
    source = _source()
    assert (source.name, source.camera, source.video.recorded_at) == ("clip", None, None)
    assert db.session.query(Camera).count() == 0


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ({"recorded_at": "yesterday"}, "recorded_at must be a date and time"),
        ({"recorded_at": "2999-01-01T00:00"}, "This date is in the future."),
        ({"recorded_at": "9999-12-31T23:59:59-14:00"}, "recorded_at must be a date and time"),
        ({"camera": "x" * 201}, "This text is too long: at most 200 characters."),
    ],
)
def test_what_is_no_time_is_refused(tus: Tus, metadata: dict[str, str], code: str) -> None:
    status, text = _begin(tus, **metadata)
    assert (status, code in text) == (422, True), text
    renew()
    assert db.session.query(Source).count() == 0


def test_an_offset_counts_more_than_the_clock_of_the_site(app: Flask) -> None:
    site = sites.default_site()
    for text in ("2026-03-01T11:30:00+01:00", "2026-03-01T10:30Z", "2026-03-01 14:30"):
        assert read_recording(site, "", text).began == RECORDED, text
    with pytest.raises(Invalid) as refused:
        read_recording(site, "x" * 201, "x")
    assert [one.code for one in refused.value.mistakes] == [
        MistakeCode.TOO_LONG,
        MistakeCode.NOT_A_LOCAL_TIME,
    ]


def test_names_say_what_is_known() -> None:
    zone = ZoneInfo("Europe/Paris")
    assert Recording("Quai", RECORDED, zone).name_of("clip") == "Quai – 2026-03-01 11:30 – clip"
    assert Recording("Quai").name_of("clip") == "Quai – clip"
    assert Recording().name_of("clip") == "clip"
