"""A camera whose sound must not be kept: no stored or served file has any."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.helpers import Footage, Person, post_form, renew, stored_files
from tests.library import ACTOR, Library
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.media.runner import Runner, guarded_input
from vigint_web.media.tools import find_tools
from vigint_web.models import AuditEvent, Incident, Role, Video, VideoStatus
from vigint_web.models.video_file import ORIGINAL
from vigint_web.services.accounts import cameras, sites
from vigint_web.services.accounts.cameras import CameraFacts, camera_of
from vigint_web.services.core.transactions import transaction
from vigint_web.services.incidents.downloads import OfferState, Part, offers_of
from vigint_web.services.operations.reconciler import reconcile
from vigint_web.services.processing import producing

Work = Callable[[], None]


@pytest.fixture(autouse=True)
def camera(app: Flask) -> None:
    """Provide a camera whose sound is removed."""
    camera = camera_of(sites.default_site().id, "Quai 2")
    cameras.edit_camera(ACTOR, camera.id, CameraFacts("Quai 2", keeps_sound=False))


def _post(client: FlaskClient, key: str, clip: bytes, camera: str = "Quai 2") -> Incident:
    document = {"message": "m", "incident_data": {"incident_type": "Vol", "camera": camera}}
    answer = post_form(client, key, document, video=clip)
    assert answer.status_code == 202, answer.text
    renew()
    reference = answer.get_json()["reference"]
    return db.session.scalars(select(Incident).where(Incident.reference == reference)).one()


def _video(incident: Incident) -> Video:
    renew()
    assert incident.video is not None
    db.session.refresh(incident.video)
    return incident.video


def _streams(path: Path) -> list[str]:
    """Return the kinds of streams of a stored file; none of a picture without streams."""
    question = ["-show_entries", "stream=codec_type", "-of", "json", *guarded_input(path)]
    answer = Runner(find_tools()).run(question, program="ffprobe", capture=True)
    return [str(stream["codec_type"]) for stream in json.loads(answer.stdout)["streams"]]


CONTAINERS: dict[str, tuple[str, ...]] = {
    "plays.mp4": (),
    "recorder.avi": ("-c:v", "mpeg4", "-c:a", "mp3"),
    "phone.mov": ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "pcm_s16le"),
    "open.webm": ("-c:v", "libvpx", "-c:a", "libvorbis"),
    "windows.wmv": ("-c:v", "wmv2", "-c:a", "wmav2"),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_no_file_of_the_clip_has_sound(
    client: FlaskClient,
    api_key: str,
    footage: Footage,
    work: Work,
    config: Config,
    people: Callable[[Role], Person],
    name: str,
) -> None:
    clip = footage.clip(name, *CONTAINERS[name]).read_bytes()
    incident = _post(client, api_key, clip)
    received = _video(incident).file(*ORIGINAL)
    assert received is not None
    assert received.sha256 == hashlib.sha256(clip).hexdigest(), "checked against what was sent"
    [waits] = [one for one in offers_of(incident) if one.part == Part.ORIGINAL]
    assert waits.state == OfferState.WAITS, "nobody downloads it with its sound"
    work()
    video = _video(incident)
    assert (video.status, video.sound_to_remove, video.audio_codec) == ("ready", False, None)
    files = [config.media_dir / key for key in stored_files(config) if not key.endswith(".jpg")]
    assert len(files) == (1 if name == "plays.mp4" else 2)
    assert received.key not in stored_files(config)
    for path in files:
        assert "video" in _streams(path), path
        assert "audio" not in _streams(path), path
    original = video.file(*ORIGINAL)
    assert original is not None
    stored = (config.media_dir / original.key).read_bytes()
    assert video.original_sha256 == hashlib.sha256(stored).hexdigest()
    event = db.session.query(AuditEvent).filter_by(action="video:sound_removed").one()
    assert event.detail == {"received_sha256": received.sha256, "sha256": original.sha256}
    admin = people(Role.ADMIN).speaking("en")
    page = admin.browser.get(f"/incidents/{incident.reference}/").text
    assert "Sound removed, as the settings of the camera require" in page
    assert video.original_sha256 in page
    answer = admin.browser.get(f"/videos/{video.public_id}/download/original")
    assert answer.data == stored


def test_a_clip_without_sound_stays_as_it_is(
    client: FlaskClient, api_key: str, footage: Footage, work: Work
) -> None:
    clip = footage.clip("silent.mp4", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-an").read_bytes()
    incident = _post(client, api_key, clip)
    work()
    video = _video(incident)
    assert (video.status, video.sound_to_remove) == ("ready", False)
    assert video.original_sha256 == hashlib.sha256(clip).hexdigest()
    assert db.session.query(AuditEvent).filter_by(action="video:sound_removed").count() == 0


def test_other_cameras_keep_their_sound(
    client: FlaskClient, api_key: str, footage: Footage, work: Work
) -> None:
    clip = footage.clip("plays.mp4").read_bytes()
    incident = _post(client, api_key, clip, camera="Quai 3")
    work()
    video = _video(incident)
    assert (video.audio_codec, video.original_sha256) == ("aac", hashlib.sha256(clip).hexdigest())


def test_a_file_that_cannot_be_read_is_not_handed_out(
    client: FlaskClient, api_key: str, footage: Footage, work: Work
) -> None:
    clip = footage.clip("plays.mp4").read_bytes()
    incident = _post(client, api_key, clip[: len(clip) // 20])
    work()
    video = _video(incident)
    assert (video.status, video.sound_to_remove) == (VideoStatus.FAILED, True)
    [offer] = [one for one in offers_of(incident) if one.part == Part.ORIGINAL]
    assert offer.state == OfferState.WITH_SOUND


def test_an_attempt_that_died_after_the_removal_is_repeated(
    client: FlaskClient,
    api_key: str,
    footage: Footage,
    work: Work,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    incident = _post(client, api_key, footage.clip("plays.mp4").read_bytes())

    def die(*_args: Any, **_options: Any) -> Any:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(producing, "prepare", die)
        work()
    video = _video(incident)
    original = video.file(*ORIGINAL)
    assert original is not None
    assert (video.status, video.sound_to_remove) == ("processing", False)
    with transaction():
        video.lease_until = None
    reconcile()
    work()
    video = _video(incident)
    assert (video.status, video.audio_codec) == ("ready", None)
    assert video.original_sha256 == original.sha256
    kinds = [row.action for row in db.session.query(AuditEvent)]
    assert kinds.count("video:sound_removed") == 1


def test_the_library_makes_clips_of_this_camera_too(library: Library) -> None:
    """What is not encoded here is not asked to be silent: the flag is set at receipt."""
    assert library.incident(b"x").sound_to_remove is True
