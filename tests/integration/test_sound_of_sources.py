"""A source of a camera whose sound must not be kept: no stored or served file has any."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.helpers import Footage, Person, renew, stored_files
from tests.library import ACTOR
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.media.runner import Runner, guarded_input
from vigint_web.media.tools import find_tools
from vigint_web.models import AuditEvent, Role, Source, Video, VideoStatus
from vigint_web.models.video_file import ORIGINAL
from vigint_web.services.accounts import cameras, sites
from vigint_web.services.accounts.cameras import CameraFacts, camera_of
from vigint_web.services.core.runtime import storage
from vigint_web.services.links.links import program_link, token_of
from vigint_web.services.sources import editing, sources

Work = Callable[[], None]
RECORDER = ("-c:v", "mpeg4", "-c:a", "mp3")


@pytest.fixture(autouse=True)
def camera(app: Flask) -> None:
    """Provide a camera whose sound is removed."""
    camera = camera_of(sites.default_site().id, "Quai 2")
    cameras.edit_camera(ACTOR, camera.id, CameraFacts("Quai 2", keeps_sound=False))


def _upload(clip: bytes, name: str, camera: str = "Quai 2") -> Source:
    source = sources.begin_upload(ACTOR, name, camera=camera)
    draft = storage().new_temp()
    draft.write_bytes(clip)
    sha256 = hashlib.sha256(clip).hexdigest()
    sources.finish_upload(ACTOR, source, draft, len(clip), sha256)
    assert source.video.original_sha256 == sha256, "checked against what was sent"
    return source


def _now(source: Source) -> Video:
    source_id = source.source_id
    renew()
    return db.session.query(Source).filter_by(source_id=source_id).one().video


def _kinds(path: Path) -> list[str]:
    """Return the kinds of streams of a file."""
    question = ["-show_entries", "stream=codec_type", "-of", "json", *guarded_input(path)]
    answer = Runner(find_tools()).run(question, program="ffprobe", capture=True)
    return [str(stream["codec_type"]) for stream in json.loads(answer.stdout)["streams"]]


def _stored(config: Config) -> list[Path]:
    return [config.media_dir / key for key in stored_files(config) if not key.endswith(".jpg")]


def _is_silent(config: Config) -> bool:
    kinds = [_kinds(path) for path in _stored(config)]
    assert kinds
    assert all("video" in found for found in kinds)
    return not any("audio" in found for found in kinds)


def _addresses(video: Video) -> tuple[str, str]:
    link = program_link(video.id)
    assert link is not None
    return f"/api/video/{token_of(link)}/download/", f"/stream/{token_of(link)}/"


@pytest.mark.parametrize(("name", "codecs"), [("plays.mp4", ()), ("recorder.avi", RECORDER)])
def test_no_file_of_the_source_has_sound(
    client: FlaskClient,
    footage: Footage,
    work: Work,
    config: Config,
    name: str,
    codecs: tuple[str, ...],
) -> None:
    clip = footage.clip(name, *codecs).read_bytes()
    source = _upload(clip, name)
    video = _now(source)
    assert video.sound_to_remove
    for address in _addresses(video):
        assert client.get(address).status_code == 409, "not served with its sound"
    work()
    video = _now(source)
    assert (video.status, video.sound_to_remove, video.audio_codec) == ("ready", False, None)
    assert _is_silent(config)
    original = video.file(*ORIGINAL)
    assert original is not None
    download, stream = _addresses(video)
    answer = client.get(download)
    sha256 = hashlib.sha256(answer.data).hexdigest()
    assert sha256 == original.sha256 == video.original_sha256 != hashlib.sha256(clip).hexdigest()
    metadata = client.get(download.replace("download", "metadata")).get_json()
    assert metadata["sha256"] == sha256
    assert metadata["file_info"]["audio_codec"] is None
    assert client.get(stream).status_code == 200
    event = db.session.query(AuditEvent).filter_by(action="video:sound_removed").one()
    assert event.detail == {"received_sha256": hashlib.sha256(clip).hexdigest(), "sha256": sha256}


@pytest.mark.parametrize(("name", "codecs"), [("plays.mp4", ()), ("recorder.avi", RECORDER)])
def test_a_source_moved_to_such_a_camera_loses_its_sound(
    client: FlaskClient,
    footage: Footage,
    work: Work,
    config: Config,
    people: Callable[[Role], Person],
    name: str,
    codecs: tuple[str, ...],
) -> None:
    source = _upload(footage.clip(name, *codecs).read_bytes(), name, camera="Quai 3")
    work()
    video = _now(source)
    assert (video.status, video.audio_codec) == ("ready", "mp3" if codecs else "aac")
    assert not _is_silent(config)
    source = sources.get_source(ACTOR, source.source_id)
    facts = editing.facts_of(source)
    wanted = replace(facts, camera="Quai 2")
    editing.edit_source(ACTOR, source.source_id, wanted, facts.version)
    video = _now(source)
    assert (video.status, video.sound_to_remove) == (VideoStatus.PROCESSING, True)
    for address in _addresses(video):
        assert client.get(address).status_code == 409
    work()
    video = _now(source)
    assert (video.status, video.audio_codec) == ("ready", None)
    assert _is_silent(config)
    page = people(Role.VIEWER).speaking("en").browser.get(f"/source-management/{source.source_id}/")
    assert "as the settings of the camera require" in page.text
    # The same camera again is no reason to process it.
    source = sources.get_source(ACTOR, source.source_id)
    facts = editing.facts_of(source)
    editing.edit_source(ACTOR, source.source_id, replace(facts, name="Other"), facts.version)
    assert _now(source).status == VideoStatus.READY


def test_a_failed_source_that_is_moved_is_not_handed_out_with_its_sound(
    footage: Footage, work: Work, config: Config
) -> None:
    clip = footage.clip("plays.mp4").read_bytes()
    source = _upload(clip[: len(clip) // 20], "plays.mp4", camera="Quai 3")
    work()
    assert _now(source).status == VideoStatus.FAILED
    source = sources.get_source(ACTOR, source.source_id)
    facts = editing.facts_of(source)
    editing.edit_source(ACTOR, source.source_id, replace(facts, camera="Quai 2"), facts.version)
    video = _now(source)
    assert (video.status, video.sound_to_remove) == (VideoStatus.FAILED, True)


def test_other_cameras_and_none_keep_the_sound(footage: Footage, work: Work) -> None:
    for camera in ("Quai 3", ""):
        source = _upload(footage.clip("plays.mp4").read_bytes(), "plays.mp4", camera=camera)
        work()
        assert _now(source).audio_codec == "aac", camera
