"""Answers while S3 is unavailable, without any loss."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from tests.helpers import Footage, Person, incident_document, post_incident
from tests.library import Library
from tests.s3_server import S3Server
from vigint_web.clock import utcnow
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.models import Incident, Role, Video, VideoStatus
from vigint_web.services.core.runtime import storage
from vigint_web.services.operations.reconciler import reconcile
from vigint_web.storage.s3 import S3Storage

Work = Callable[[], None]


@pytest.fixture
def settings(s3: S3Server) -> dict[str, str]:
    """Keep footage in S3."""
    return s3.settings()


@contextmanager
def away() -> Iterator[None]:
    """Make the S3 unavailable."""
    place = storage()
    assert isinstance(place, S3Storage)
    bucket = place._bucket
    config = bucket._config
    bucket._config, bucket._owner = replace(config, endpoint="http://127.0.0.1:9"), 0
    place._answer_ends = 0.0
    try:
        yield
    finally:
        bucket._config, bucket._owner = config, 0


def test_whoever_watches_is_told_to_come_again(client: FlaskClient, library: Library) -> None:
    source = library.source()
    token = library.program_token(source)
    with away():
        answer = client.get(f"/stream/{token}/")
        assert answer.status_code == 503
        assert answer.get_json()["code"] == "unavailable"
        assert answer.headers["Retry-After"] == "5"
        assert client.get(f"/api/video/{token}/").status_code == 200, "rows are here"
    with client.get(f"/stream/{token}/") as found:
        assert found.status_code == 200


def test_an_incident_is_refused_and_not_half_kept(
    client: FlaskClient, api_key: str, config: Config, footage: Footage
) -> None:
    document = incident_document(footage.frames(2))
    with away():
        answer = client.post("/api/v1/incidents", json=document, headers={"X-API-Key": api_key})
    assert answer.status_code == 503
    assert db.session.query(Incident).count() == 0
    assert not list(config.temp_dir.iterdir())


def test_work_waits_a_while_and_is_done_then(
    client: FlaskClient, api_key: str, work: Work, footage: Footage
) -> None:
    post_incident(client, api_key, incident_document(footage.frames(2)))
    with away():
        work()
    video = db.session.query(Video).one()
    assert (video.status, video.attempt) == (VideoStatus.PROCESSING, 1)
    assert reconcile() == 0, "not at once: what is away takes its time to come back"
    video.lease_until = utcnow() - timedelta(seconds=1)
    db.session.commit()
    reconcile()
    work()
    assert db.session.query(Video).one().status == VideoStatus.READY


def test_the_home_page_says_so(people: Callable[[Role], Person]) -> None:
    administrator, viewer = people(Role.ADMIN), people(Role.VIEWER)
    with away():
        assert "qui ne répond pas" in administrator.browser.get("/").text
        assert "ni regardées ni reçues" in viewer.browser.get("/").text
