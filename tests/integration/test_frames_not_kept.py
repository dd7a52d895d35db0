"""Without keeping an incident's images: the video is kept, and their digests."""

import hashlib
import json
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests.helpers import Footage, Person, incident_document, post_incident, renew, stored_files
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.models import Incident, Role


@pytest.fixture
def settings() -> dict[str, str]:
    return {"VIGINT_KEEP_FRAMES": "false"}


def test_the_clip_stays_and_the_manifest(
    client: FlaskClient,
    api_key: str,
    footage: Footage,
    work: Callable[[], None],
    people: Callable[[Role], Person],
    config: Config,
) -> None:
    frames = footage.frames(3)
    accepted = post_incident(client, api_key, incident_document(frames))
    assert any(name.endswith("frames.zip") for name in stored_files(config))
    work()
    renew()
    incident = db.session.query(Incident).one()
    video = incident.video
    assert video is not None
    assert video.frames_key is not None
    assert not video.keeps_frames
    assert not any(name.endswith(".zip") for name in stored_files(config))
    assert sorted(stored_files(config)) == video.stored_keys, "no more, no less"
    assert video.stored_size == video.files_size
    manifest = (config.media_dir / video.frames_key).read_bytes()
    assert hashlib.sha256(manifest).hexdigest() == incident.manifest_sha256
    digests = [entry["sha256"] for entry in json.loads(manifest)]
    assert digests == [hashlib.sha256(frame).hexdigest() for frame in frames]
    page = people(Role.OPERATOR).browser.get(f"/incidents/{accepted['reference']}/").text
    assert "Non conservées" in page
    assert "Identification difficile" in page, "the frames are small"
