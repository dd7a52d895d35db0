"""Previews, chapters and motion of processed videos, by session and by token."""

import io
import json
import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from PIL import Image

from tests.helpers import (
    Footage,
    Person,
    incident_document,
    post_form,
    post_incident,
    renew,
    stored_files,
)
from tests.library import Library
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.media.errors import MediaError, MediaErrorCode
from vigint_web.media.survey import Survey
from vigint_web.models import Role, Source, Video, VideoStatus

Work = Callable[[], None]
People = Callable[[Role], Person]
# Red, then blue: one cut, in the middle.
TWO_SCENES = (
    "-vf", "drawbox=color=red:t=fill:enable='lt(t,2)',drawbox=color=blue:t=fill:enable='gte(t,2)'",
    "-pix_fmt", "yuv420p",
)  # fmt: skip
CUES = re.compile(r"([\d:.]+) --> ([\d:.]+)\n(sprite\.jpg\?v=\w+)#xywh=(\d+),(\d+),(\d+),(\d+)")


def _video() -> Video:
    renew()
    return db.session.query(Video).one()


def _look(person: Person, video: Video) -> dict[str, object]:
    """Fetch all parts, and check that they are consistent."""
    base = f"/videos/{video.public_id}"
    previews = person.browser.get(f"{base}/previews.vtt")
    assert previews.headers["Content-Type"] == "text/vtt; charset=utf-8"
    cues = CUES.findall(previews.text)
    assert previews.text.count("-->") == len(cues) > 0
    sprite = person.browser.get(f"{base}/{cues[0][2]}")
    assert (sprite.status_code, sprite.mimetype) == (200, "image/jpeg")
    with Image.open(io.BytesIO(sprite.data)) as sheet:
        for *_, left, top, width, height in cues:
            assert int(left) + int(width) <= sheet.width
            assert int(top) + int(height) <= sheet.height
    assert video.stored_size == video.files_size > (video.original_size or 0)
    document = person.browser.get(f"{base}/timeline.json").json
    assert isinstance(document, dict)
    assert document["duration"] == video.duration
    assert document["scenes"][0] == {"start": 0, "score": 0}
    assert all(0 <= value <= 100 for value in document["motion"])
    return document


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("scenes.mp4", ("-c:v", "libx264", *TWO_SCENES)),
        ("scenes.avi", ("-c:v", "mpeg4", "-q:v", "3", *TWO_SCENES)),
    ],
)
def test_a_source_has_previews_scenes_and_motion(
    people: People,
    footage: Footage,
    work: Work,
    library: Library,
    client: FlaskClient,
    config: Config,
    name: str,
    options: tuple[str, ...],
) -> None:
    operator = people(Role.OPERATOR)
    operator.upload((name, footage.clip(name, *options, seconds=4).read_bytes()))
    assert _video().stored_size == _video().original_size
    work()
    video = _video()
    document = _look(people(Role.VIEWER), video)
    starts = [scene["start"] for scene in document["scenes"]]  # type: ignore[attr-defined]  # JSON
    assert starts == pytest.approx([0, 2], abs=0.3)
    chapters = f"/videos/{video.public_id}/chapters.vtt"
    operator.post("/language", locale="fr")
    assert re.findall("Scène ([0-9])", operator.browser.get(chapters).text) == ["1", "2"]
    operator.post("/language", locale="en")
    text = operator.browser.get(chapters).text
    assert text.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:02.")
    assert re.findall("Scene ([0-9])", text) == ["1", "2"]
    assert stored_files(config) == video.stored_keys
    token = library.program_token(db.session.query(Source).one())
    metadata = client.get(f"/api/video/{token}/metadata/").json
    assert metadata is not None
    assert metadata["scenes"] == document["scenes"]


def test_an_incident_of_frames_has_a_timeline(
    client: FlaskClient, api_key: str, footage: Footage, work: Work, people: People
) -> None:
    post_incident(client, api_key, incident_document(footage.frames(12)))
    video = _video()
    assert video.frames_size is not None
    assert video.stored_size == video.frames_size > 0
    work()
    video = _video()
    document = _look(people(Role.VIEWER), video)
    assert len(document["motion"]) >= 10  # type: ignore[arg-type]  # JSON
    assert video.stored_size == sum(
        size or 0
        for size in (
            video.frames_size, video.original_size, video.poster_size, video.thumbnail_size,
            video.sprite_size,
        )
    ), "what plays is what downloads, and counts once"  # fmt: skip


def test_an_incidents_clip_has_a_timeline(
    client: FlaskClient, api_key: str, footage: Footage, work: Work, people: People
) -> None:
    clip = footage.clip("incident.mkv", "-c:v", "libx264", "-pix_fmt", "yuv420p")
    post_form(client, api_key, {"message": "m"}, video=clip.read_bytes())
    assert _video().stored_size == clip.stat().st_size
    work()
    _look(people(Role.VIEWER), _video())


def test_a_video_is_ready_without_a_timeline_that_fails(
    people: People, footage: Footage, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MediaError(MediaErrorCode.TIMED_OUT, "took too long")

    monkeypatch.setattr(Survey, "look", fail)
    operator = people(Role.OPERATOR)
    operator.upload(("plain.mp4", footage.clip("plain.mp4", seconds=1).read_bytes()))
    work()
    video = _video()
    assert (video.status, video.error_code) == (VideoStatus.READY, None)
    assert (video.scenes, video.timeline, video.sprite_key) == (None, None, None)
    assert video.poster_key is not None, "made by another look"
    for name in ("sprite.jpg", "previews.vtt", "chapters.vtt", "timeline.json"):
        assert operator.browser.get(f"/videos/{video.public_id}/{name}").status_code == 404
    assert operator.browser.get("/source-management/file_001/").status_code == 200


def test_strangers_see_no_timeline(client: FlaskClient, people: People, library: Library) -> None:
    video = library.incident(
        scenes=[{"start": 0, "score": 0}],
        timeline=json.loads('{"sprite": null, "motion": [1], "motion_interval": 1.0}'),
    )
    for name in ("chapters.vtt", "timeline.json"):
        path = f"/videos/{video.public_id}/{name}"
        assert people(Role.VIEWER).browser.get(path).status_code == 200
        assert client.get(path).status_code in {302, 401}
    assert (
        people(Role.VIEWER).browser.get(f"/videos/{video.public_id}/previews.vtt").status_code
        == 404
    )
