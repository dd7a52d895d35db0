"""Contracts, section 3: the JSON documents, and the permissions of each kind of link."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.helpers import Footage, Person, renew
from tests.library import ACTOR, STREAMED, Library
from vigint_web.models import Role, VideoStatus
from vigint_web.services.sources import sources
from vigint_web.services.sources.editing import Facts, edit_source, facts_of
from vigint_web.services.sources.listing import find_sources

BASE = "http://vigint.test"


def _get(client: FlaskClient, path: str, status: int = 200) -> dict[str, Any]:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/json"
    return dict(answer.get_json())


def test_the_document_of_a_source_is_the_contracts(client: FlaskClient, library: Library) -> None:
    source = library.source()
    moment = datetime(2026, 7, 14, 21, 30, 5, tzinfo=UTC)
    facts = Facts("Security Footage", "The back door", ("case 12", "night"), "Dock 4", moment)
    edit_source(ACTOR, source.source_id, facts, facts_of(source).version)
    token = library.program_token(source)
    document = _get(client, f"/api/video/{token}/")
    assert document["api_links"].pop("thumbnail_url") == f"{BASE}/api/video/{token}/thumbnail/"
    assert document.pop("video_id") == source.video.public_id
    assert document == {
        "id": source.id,
        "source_id": "file_001",
        "name": "Security Footage",
        "description": "The back door",
        "tags": ["case 12", "night"],
        "camera": "Dock 4",
        "recorded_at": "2026-07-14T21:30:05+00:00",
        "status": "ready",
        "file_info": {
            "filename": "videos/file_001/security.mp4",
            "format": "mp4",
            "size": len(STREAMED),
            "duration": 120.5,
            "resolution": "1920x1080",
            "fps": 30.0,
            "codec": "h264",
            "audio_codec": "aac",
        },
        "api_links": {
            "api_endpoint": f"{BASE}/api/video/{token}/",
            "stream_url": f"{BASE}/stream/{token}/",
            "access_token": token,
            "metadata_url": f"{BASE}/api/video/{token}/metadata/",
            "download_url": f"{BASE}/api/video/{token}/download/",
        },
    }
    for name, address in document["api_links"].items():
        if name != "access_token":
            opened = client.get(address.removeprefix(BASE))
            assert opened.status_code == 200, f"{name} does not open"


def test_the_metadata_are_the_document_and_everything_probed(
    client: FlaskClient, library: Library
) -> None:
    source = library.source()
    token = library.program_token(source)
    document = _get(client, f"/api/video/{token}/")
    metadata = _get(client, f"/api/video/{token}/metadata/")
    assert {key: metadata.pop(key) for key in document} == document
    for name in ("processing_started_at", "processing_completed_at"):
        assert datetime.fromisoformat(metadata.pop(name)).tzinfo is not None
    assert metadata == {
        "bitrate": 696_000,
        "audio_channels": 2,
        "audio_sample_rate": 48_000,
        "container": "mov,mp4,m4a,3gp,3g2,mj2",
        "pixel_format": "yuv420p",
        "rotation": 0,
        "sha256": source.video.original_sha256,
        "processing_error": None,
        "scenes": None,
    }


def test_what_is_not_known_yet_is_null(client: FlaskClient, library: Library) -> None:
    """Source, video and program link are made when the upload begins."""
    source = sources.begin_upload(ACTOR, "clip.avi")
    token = library.program_token(source)
    metadata = _get(client, f"/api/video/{token}/metadata/")
    assert (metadata["status"], metadata["name"]) == ("uploading", "clip")
    info = metadata["file_info"]
    assert info.pop("filename") == "videos/file_001/clip.avi"
    assert set(info.values()) == {None}
    for name in (
        "bitrate", "audio_channels", "audio_sample_rate", "container", "pixel_format", "rotation",
        "sha256", "processing_started_at", "processing_completed_at", "processing_error",
    ):  # fmt: skip
        assert metadata[name] is None, f"{name} cannot be known yet"


def test_a_failure_is_told_in_the_metadata(client: FlaskClient, library: Library) -> None:
    source = library.source(status=VideoStatus.FAILED, error_code="not_a_video")
    metadata = _get(client, f"/api/video/{library.program_token(source)}/metadata/")
    assert metadata["status"] == "failed"
    assert "not a video" in metadata["processing_error"]


def test_the_document_of_an_incidents_video(client: FlaskClient, library: Library) -> None:
    video = library.incident()
    reference = library.incident_of(video).reference
    token = library.person_token(video, full_access=True)
    document = _get(client, f"/api/video/{token}/")
    assert document["source_id"] is None
    assert document["name"] == reference
    assert document["file_info"]["filename"] == f"videos/{reference}/incident.mp4"
    assert document["api_links"]["access_token"] == token


def test_a_persons_link_opens_stream_and_picture_only(
    client: FlaskClient, library: Library
) -> None:
    source = library.source()
    token = library.person_token(source.video)
    for path in ("", "metadata/", "download/"):
        refused = _get(client, f"/api/video/{token}/{path}", 403)
        assert refused["code"] == "not_granted"
        assert "security.mp4" not in str(refused)
    assert client.get(f"/stream/{token}/").status_code == 200
    assert client.get(f"/api/video/{token}/thumbnail/").status_code == 200
    granted = library.person_token(source.video, full_access=True)
    for path in ("", "metadata/", "download/", "thumbnail/"):
        assert client.get(f"/api/video/{granted}/{path}").status_code == 200


def test_a_real_file_is_probed_and_described(
    client: FlaskClient,
    people: Callable[[Role], Person],
    work: Callable[[], None],
    footage: Footage,
    library: Library,
) -> None:
    data = footage.clip("documents.mp4").read_bytes()
    people(Role.OPERATOR).upload(("documents.mp4", data), name="Entrance")
    work()
    renew()
    source = find_sources(ACTOR).rows[0]
    metadata = _get(client, f"/api/video/{library.program_token(source)}/metadata/")
    info = metadata["file_info"]
    assert info == {
        "filename": "videos/file_001/documents.mp4",
        "format": "mp4",
        "size": len(data),
        "duration": pytest.approx(2.0, abs=0.1),
        "resolution": "320x240",
        "fps": 25.0,
        "codec": "h264",
        "audio_codec": "aac",
    }
    assert (metadata["pixel_format"], metadata["rotation"]) == ("yuv420p", 0)
    assert (metadata["audio_channels"], metadata["audio_sample_rate"]) == (1, 44_100)
    assert metadata["bitrate"] == pytest.approx(len(data) * 8 / 2, rel=0.1)
