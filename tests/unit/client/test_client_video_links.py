"""Hosting of videos and their links against a host that implements the contract."""

import hashlib
import json
from pathlib import Path

import pytest

from tests.unit.client.fake_vigint import HASH, FakeClock, FakeVigint, Fault
from vigint_client.config import ServerSettings, load_server_settings
from vigint_client.transport import Transport
from vigint_client.video_links import LINKS, UPLOAD, VideoLinkService


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "vol à l'étage.mp4"
    path.write_bytes(bytes(range(256)) * 4000)
    return path


def test_upload_verify_extend_delete(
    vigint: FakeVigint, service: VideoLinkService, video: Path
) -> None:
    result = service.upload_video(video, {"risk_level": "HIGH"}, expiration_hours=12)
    digest = hashlib.sha256(video.read_bytes()).hexdigest()
    assert result["success"] is True
    assert result["video_link_provided"] is True
    assert result["video_link_info"]["file_hash"] == digest
    assert result["size"] == 1_024_000
    video_id = result["video_id"]
    assert vigint.videos[video_id]["hours"] == "12"
    request = vigint.posts(UPLOAD)[0]
    assert request.headers["x-video-id"] == video_id
    metadata = next(json.loads(part[3]) for part in request.parts if part[0] == "metadata")
    assert metadata == {"risk_level": "HIGH", "video_id": video_id, "file_hash": digest}

    assert service.verify_link_access(video_id, "t")["valid"] is True
    wrong = service.verify_link_access(video_id, "forged")
    assert (wrong["success"], wrong["valid"], wrong["reason"]) == (True, False, "unknown")
    assert service.extend_link_expiration(video_id, 24)["total_hours"] == 72
    assert service.delete_video(video_id)["success"] is True
    gone = service.delete_video(video_id)
    assert (gone["success"], gone["status_code"]) == (False, 404)
    assert service.extend_link_expiration(video_id)["status_code"] == 404


@pytest.mark.parametrize("fault", [Fault("cut"), Fault("half"), Fault(status=502)])
def test_an_upload_is_tried_again_as_the_same_video(
    vigint: FakeVigint, service: VideoLinkService, video: Path, fault: Fault
) -> None:
    vigint.faults.append(fault)
    assert service.upload_video(video)["success"] is True
    assert len(vigint.posts(UPLOAD)) == 2
    assert len(vigint.videos) == 1


def test_another_video_under_the_same_name_is_refused(
    vigint: FakeVigint, service: VideoLinkService, video: Path
) -> None:
    assert service.upload_video(video, {"video_id": "v1"})["video_id"] == "v1"
    assert service.upload_video(video, {"video_id": "v1"})["success"] is True
    video.write_bytes(b"other")
    result = service.upload_video(video, {"video_id": "v1"})
    assert (result["success"], result["status_code"], result["code"]) == (
        False, 409, "video_exists",
    )  # fmt: skip
    assert result["fallback_used"] is None


def test_a_deletion_whose_answer_was_lost_is_done(
    vigint: FakeVigint, service: VideoLinkService, video: Path
) -> None:
    video_id = service.upload_video(video)["video_id"]
    vigint.faults.append(Fault("cut"))
    assert service.delete_video(video_id)["success"] is True


def test_an_extension_whose_answer_was_lost_extends_once(
    vigint: FakeVigint, service: VideoLinkService, video: Path
) -> None:
    video_id = service.upload_video(video)["video_id"]
    vigint.faults.extend([Fault("cut"), Fault(status=503), None])
    assert service.extend_link_expiration(video_id, 24)["total_hours"] == 72
    assert service.extend_link_expiration(video_id, 24)["total_hours"] == 96
    keys = [item.headers["idempotency-key"] for item in vigint.posts(f"{LINKS}/extend")]
    assert (len(keys), len(set(keys))) == (4, 2)


def test_a_host_that_is_busy_is_asked_when_it_says(
    vigint: FakeVigint, service: VideoLinkService, video: Path, clock: FakeClock
) -> None:
    vigint.faults.append(Fault(status=429, headers={"Retry-After": "9"}))
    assert service.upload_video(video)["success"] is True
    assert clock.pauses == [9.0]


@pytest.mark.parametrize("status", [400, 401, 403, 409, 413, 422])
def test_what_a_host_refuses_is_not_sent_again(
    vigint: FakeVigint, service: VideoLinkService, video: Path, status: int
) -> None:
    vigint.faults.append(Fault("early", status=status))
    result = service.upload_video(video)
    assert (result["success"], result["status_code"]) == (False, status)
    assert vigint.received == []


def test_a_host_that_stores_something_else_is_found_out(
    vigint: FakeVigint, service: VideoLinkService, video: Path
) -> None:
    answer = json.dumps({"success": True, "video_id": "v", "file_hash": "00" * 32}).encode()
    vigint.faults.append(Fault(status=200, body=answer))
    result = service.upload_video(video)
    assert result["success"] is False
    assert "SHA-256" in result["error"]


def test_a_missing_file_is_a_sentence(service: VideoLinkService, tmp_path: Path) -> None:
    for path in (tmp_path / "none.mp4", tmp_path):
        result = service.upload_video(path)
        assert result["success"] is False
        assert path.name in result["error"]


def test_a_file_that_shrinks_meanwhile_is_not_tried_again(
    settings: ServerSettings, video: Path, clock: FakeClock
) -> None:
    def truncate_after_hashing() -> ServerSettings:
        video.write_bytes(b"short")
        return settings

    service = VideoLinkService(
        load_server=truncate_after_hashing,
        make_transport=lambda chosen, timeouts: Transport(
            chosen, timeouts=timeouts, sleep=clock.sleep
        ),
    )
    result = service.upload_video(video)
    assert result["success"] is False
    assert "became shorter" in result["error"]
    assert clock.pauses == []


def test_frames_become_a_video_without_an_alert(
    vigint: FakeVigint, service: VideoLinkService, png: bytes
) -> None:
    vigint.next_states = [vigint.done_state(deliveries=[])]
    result = service.create_and_upload_video_from_frames([png] * 3, {"camera": "1"}, 6)
    document = vigint.posts()[0].json()
    assert document["alert"] is False
    assert document["recipients"] == []
    assert document["expiration_hours"] == 6
    assert result["success"] is True
    assert result["video_link_info"]["file_hash"] == HASH
    assert result["recipient"] is None


def test_no_usable_frame_makes_no_video(vigint: FakeVigint, service: VideoLinkService) -> None:
    result = service.create_and_upload_video_from_frames([b"x", None])
    assert (result["success"], result["frames_left_out"]) == (False, 2)
    assert vigint.received == []


def test_frames_that_the_server_cannot_encode_are_a_failure(
    vigint: FakeVigint, service: VideoLinkService, png: bytes
) -> None:
    vigint.next_states = [
        vigint.done_state(state="failed", file_hash=None, deliveries=[], error="Broken frames.")
    ]
    result = service.create_and_upload_video_from_frames([png])
    assert (result["success"], result["error"]) == (False, "Broken frames.")
    assert result["fallback_used"] is None


def test_without_configuration_every_call_is_a_sentence(tmp_path: Path, video: Path) -> None:
    service = VideoLinkService(load_server=lambda: load_server_settings({}, [tmp_path]))
    for result in (
        service.upload_video(video),
        service.verify_link_access("v", "t"),
        service.extend_link_expiration("v"),
        service.delete_video("v"),
        service.create_and_upload_video_from_frames([]),
    ):
        assert result["success"] is False
        assert "set VIGINT_SERVER_URL" in result["error"] or "none of the" in result["error"]
