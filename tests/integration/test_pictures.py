"""The pictures of a processed video, and its time of recording."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.helpers import (
    START,
    Footage,
    Person,
    incident_document,
    post_form,
    post_incident,
    stored_files,
)
from tests.library import Library
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.models import Role, Video
from vigint_web.services.core.actors import SYSTEM
from vigint_web.services.videos.lifecycle import detach_and_delete_video

Work = Callable[[], None]
People = Callable[[Role], Person]


def _only_video() -> Video:
    return db.session.query(Video).one()


def _at(document: dict[str, Any], *times: Any) -> dict[str, Any]:
    for frame, moment in zip(document["frames"], times, strict=True):
        frame["timestamp"] = moment
    return document


def test_an_incidents_pictures_are_shown_by_session_and_leave_with_it(
    client: FlaskClient,
    api_key: str,
    work: Work,
    footage: Footage,
    people: People,
    config: Config,
) -> None:
    post_incident(client, api_key, incident_document(footage.frames(5, "640x480")))
    work()
    video = _only_video()
    assert video.thumbnail_size
    assert video.poster_size
    assert video.thumbnail_size < video.poster_size
    viewer = people(Role.VIEWER).browser
    shown = {}
    for name in ("poster", "thumbnail"):
        answer = viewer.get(f"/videos/{video.public_id}/{name}")
        assert (answer.status_code, answer.mimetype) == (200, "image/jpeg")
        assert answer.headers["Cache-Control"] == "private, max-age=300"
        again = viewer.get(
            f"/videos/{video.public_id}/{name}", headers={"If-None-Match": answer.headers["ETag"]}
        )
        assert (again.status_code, again.data) == (304, b"")
        shown[name] = answer.data
    assert len(shown["thumbnail"]) == video.thumbnail_size
    assert shown["thumbnail"] != shown["poster"]
    assert client.get(f"/videos/{video.public_id}/thumbnail").status_code in {302, 401}
    detach_and_delete_video(SYSTEM, video)
    assert stored_files(config) == []


def test_a_link_shows_the_small_picture_when_asked(
    client: FlaskClient, api_key: str, work: Work, footage: Footage, library: Library
) -> None:
    post_incident(client, api_key, incident_document(footage.frames(5, "640x480")))
    work()
    video = _only_video()
    address = f"/api/video/{library.person_token(video)}/thumbnail/"
    assert len(client.get(f"{address}?size=small").data) == video.thumbnail_size
    assert len(client.get(address).data) == video.poster_size


def test_where_no_small_picture_was_made_the_large_one_is_shown(
    people: People, library: Library
) -> None:
    video = library.incident()
    assert video.thumbnail_key is None
    answer = people(Role.VIEWER).browser.get(f"/videos/{video.public_id}/thumbnail")
    assert answer.data == b"\xff\xd8a picture\xff\xd9"
    bare = library.incident(b"another", poster_key=None)
    answer = people(Role.VIEWER).browser.get(f"/videos/{bare.public_id}/thumbnail")
    assert answer.status_code == 404


def test_frames_with_times_tell_when_recording_began(
    client: FlaskClient, api_key: str, work: Work, footage: Footage
) -> None:
    times = [START.timestamp() + offset for offset in (2.0, 0.25, 3.5)]
    post_incident(client, api_key, _at(incident_document(footage.frames(3)), *times))
    work()
    video = _only_video()
    assert video.recorded_at == START + timedelta(seconds=0.25), "the earliest"
    assert not video.has_even_pace


def test_a_clip_that_begins_later_says_so(
    client: FlaskClient, api_key: str, work: Work, footage: Footage
) -> None:
    frames = footage.frames(4)
    # Truncated: skipped before encoding, so the second frame is the clip's first.
    post_incident(client, api_key, incident_document([frames[0][:200], *frames[1:]]))
    work()
    video = _only_video()
    assert video.recorded_at == START + timedelta(seconds=0.1)
    assert video.has_even_pace


@pytest.mark.parametrize(
    "times",
    [
        (None, None, None),
        (0.0, 0.1, 0.2),
        (4_000_000_000.0, 4_000_000_000.1, 4_000_000_000.2),
        (START.timestamp(),) * 3,
    ],
    ids=["none", "counted from the start", "a clock in the future", "no pace"],
)
def test_no_moment_is_invented(
    client: FlaskClient,
    api_key: str,
    work: Work,
    footage: Footage,
    times: tuple[float | None, ...],
) -> None:
    post_incident(client, api_key, _at(incident_document(footage.frames(3)), *times))
    work()
    video = _only_video()
    assert video.status == "ready", video.error_detail
    assert video.recorded_at is None


def test_a_clips_own_claim_is_not_believed(
    client: FlaskClient, api_key: str, work: Work, footage: Footage
) -> None:
    clip = footage.clip(
        "claims.mp4", "-c:v", "libx264", "-pix_fmt", "yuv420p",
        "-metadata", "creation_time=2026-03-29T01:00:00Z",
    )  # fmt: skip
    document = {"message": "x", "incident_data": {"detected_at": START.isoformat()}}
    assert post_form(client, api_key, document, video=clip.read_bytes()).status_code == 202
    work()
    video = _only_video()
    assert video.details
    assert "2026-03-29" in str(video.details), "the file does claim it"
    assert video.recorded_at is None
