"""Programs written for the earlier library: its names, arguments and results."""

import base64
import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np
import pytest

import alerts
import video_link_service
from tests.unit.client.client_mailbox import Mailbox
from tests.unit.client.fake_vigint import KEY, FakeVigint
from vigint_client.alerts import AlertManager
from vigint_client.config import ServerSettings
from vigint_client.delivery import Outcome
from vigint_client.video_links import VideoLinkService
from vigint_client.webhooks import load_webhook_settings

MakeManager = Callable[..., AlertManager]
DATA = {"incident_type": "vol à l'étalage", "risk_level": "HIGH", "confidence": 0.92}


def _frames(count: int, kind: str = ".jpg") -> list[dict[str, object]]:
    """Return frames as the earlier detector stored them."""
    # As it stored them: without a zone.
    began = dt.datetime(2026, 11, 29, 14, 30)  # noqa: DTZ001 - see above
    frames = []
    for number in range(count):
        picture = np.full((48, 64, 3), 40 + number, np.uint8)
        encoded = cv2.imencode(kind, picture)[1]
        frames.append(
            {
                "frame_data": base64.b64encode(encoded.tobytes()).decode("utf-8"),
                "frame_count": number + 1,
                "timestamp": (began + dt.timedelta(seconds=number / 5)).isoformat(),
                "source_id": "till-2",
            }
        )
    return frames


@pytest.fixture
def configured(vigint: FakeVigint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeVigint:
    for name in ("VIGINT_SERVER_URL", "VIGINT_API_KEY", "VIDEO_LINK_EXPIRATION_HOURS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SPARSE_AI_BASE_URL", vigint.url)
    monkeypatch.setenv("SPARSE_AI_API_KEY", KEY)
    # Port 9 has no listener, so no mail settings of this checkout can send a real mail.
    monkeypatch.setenv("VIGINT_SMTP_SERVER", "127.0.0.1")
    monkeypatch.setenv("VIGINT_SMTP_PORT", "9")
    return vigint


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "incident.mp4"
    path.write_bytes(bytes(range(256)) * 40)
    return path


def test_a_service_says_what_is_configured(
    configured: FakeVigint, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = video_link_service.VideoLinkService()
    assert (service.base_url, service.api_key) == (configured.url, KEY)
    assert service.upload_endpoint == f"{configured.url}/api/v1/videos/upload"
    assert service.link_endpoint == f"{configured.url}/api/v1/videos/link"
    assert service.default_expiration_hours == 48
    monkeypatch.setenv("VIDEO_LINK_EXPIRATION_HOURS", "72")
    assert service.default_expiration_hours == 72


def test_without_a_configuration_it_can_be_asked_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clip: Path
) -> None:
    for name in ("VIGINT_SERVER_URL", "VIGINT_API_KEY", "SPARSE_AI_BASE_URL", "SPARSE_AI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("vigint_client.config.CHECKOUT", tmp_path)
    monkeypatch.chdir(tmp_path)
    service = VideoLinkService()
    assert (service.api_key, service.base_url) == ("", "")
    assert service.upload_video(str(clip))["success"] is False
    assert service.verify_link_access("v", "t")["valid"] is False
    monkeypatch.setenv("SPARSE_AI_BASE_URL", "http://127.0.0.1:9/")
    assert (service.api_key, service.base_url) == ("", "http://127.0.0.1:9")
    assert "SPARSE_AI_API_KEY" in service.upload_video(str(clip))["error"]


def test_what_a_program_sets_is_used(configured: FakeVigint, clip: Path) -> None:
    service = VideoLinkService()
    service.base_url, service.default_expiration_hours = f"{configured.url}/", 7
    assert service.upload_video(clip)["success"]
    assert [video["hours"] for video in configured.videos.values()] == ["7"]
    service.api_key = "wrong"
    assert service.upload_video(clip)["status_code"] == 403
    del service.api_key
    with mock.patch.object(VideoLinkService, "api_key", ""):
        assert service.upload_video(clip)["success"] is False
    with mock.patch.object(service, "upload_endpoint", f"{configured.url}/elsewhere"):
        assert service.upload_video(clip)["status_code"] == 404
    assert service.upload_video(clip)["success"]
    service.link_endpoint = f"{configured.url}/elsewhere"
    assert service.verify_link_access("v", "t")["valid"] is False
    assert configured.received[-1].path == "/elsewhere/verify"


@pytest.mark.parametrize("keyword", ["video_path", "path"])
def test_a_video_is_uploaded_and_its_link_used(
    configured: FakeVigint, clip: Path, keyword: str
) -> None:
    named: dict[str, Any] = {keyword: str(clip), "incident_data": DATA, "expiration_hours": 2}
    result = video_link_service.upload_incident_video(**named)
    assert result["success"], result
    token = result["private_link"].split("token=")[1]
    assert len(result["file_hash"]) == 64
    service = VideoLinkService()
    verified = service.verify_link_access(result["video_id"], token)
    assert (verified["valid"], verified["remaining_hours"]) == (True, 48.0)
    assert service.extend_link_expiration(result["video_id"], additional_hours=24)["new_expiration"]
    assert service.delete_video(result["video_id"])["success"]
    assert video_link_service.upload_incident_video("gone.mp4", {})["success"] is False


def test_an_alert_with_frames_and_one_more_recipient(configured: FakeVigint) -> None:
    result = alerts.send_security_alert_with_video(
        message="m", frames=_frames(5), incident_data=DATA, recipient_email="chief@example.org"
    )
    assert result["success"], result
    assert result["recipient"] == "guard@example.org", "the server's recipient"
    assert result["private_link"] == result["video_link_info"]["private_link"]
    assert result["video_id"] == "vid-inc1"
    assert result["file_hash"][:16] == result["video_link_info"]["file_hash"][:16]
    assert configured.posts()[0].json()["recipients"] == ["chief@example.org"]
    alerts.send_security_alert_with_video("m", None, DATA, "chief@example.org")
    assert configured.posts()[1].json()["recipients"] == ["chief@example.org"]


def test_a_video_of_frames(configured: FakeVigint) -> None:
    result = video_link_service.create_and_upload_video_from_frames(_frames(5), DATA, 1)
    assert result["success"], result
    assert isinstance(result["file_hash"], str)
    assert "token=" in result["private_link"]
    assert configured.posts()[0].json()["alert"] is False


def test_a_hash_that_is_promised_is_a_text(
    vigint: FakeVigint, make_manager: MakeManager, png: bytes
) -> None:
    vigint.next_states = [vigint.done_state(file_hash=None)]
    result = make_manager().send_security_alert_with_video("m", [png])
    assert (result["success"], result["pending"], result["file_hash"]) == (True, True, None)


@pytest.mark.parametrize(
    ("send", "kind", "others"),
    [
        (alerts.send_info_alert, "info", []),
        (alerts.send_warning_alert, "warning", ["webhook"]),
        (alerts.send_critical_alert, "critical", ["sms", "whatsapp", "webhook"]),
    ],
)
def test_alerts_of_each_kind(
    configured: FakeVigint,
    monkeypatch: pytest.MonkeyPatch,
    send: Callable[..., dict[str, Any]],
    kind: str,
    others: list[str],
) -> None:
    monkeypatch.delenv("VIGINT_WEBHOOK_URL", raising=False)
    result = send("Caméra 3 muette")
    assert result["success"] is True
    assert result["email"]["success"] is True
    for channel in others:
        assert result[channel]["success"] is False
        assert "configured" in result[channel]["error"]
    assert configured.posts()[0].json()["incident_data"]["alert_type"] == kind


def test_the_type_of_a_plain_alert_is_that_of_its_mail(
    vigint: FakeVigint, make_manager: MakeManager, mailbox: Mailbox
) -> None:
    make_manager().send_alert("Plain", "info")
    assert vigint.posts()[0].json()["incident_data"]["alert_type"] == "info"
    nowhere = ServerSettings("http://127.0.0.1:9", KEY)
    make_manager(nowhere, mailbox.settings).send_alert("Plain", "info")
    assert "Type d'alerte: INFO" in mailbox.texts[0]
    make_manager(nowhere, mailbox.settings).send_alert("m", incident_data={"risk_level": "UNKNOWN"})
    assert "Niveau de risque: non précisé" in mailbox.texts[1]
    make_manager().send_security_alert_with_video("m")
    assert "alert_type" not in vigint.posts()[1].json()["incident_data"]


def test_every_channel_has_its_method(vigint: FakeVigint, make_manager: MakeManager) -> None:
    manager = make_manager(load_webhook=lambda: load_webhook_settings({}, []))
    sent = manager.send_email_alert("m", "security", None, DATA, "chief@example.org")
    assert sent["success"] is True
    assert vigint.posts()[0].json()["recipients"] == ["chief@example.org"]
    for answer in (
        manager.send_sms_alert("m", "info"),
        manager.send_whatsapp_alert("m"),
        manager.send_webhook_alert("m", alert_type="info"),
    ):
        assert answer["success"] is False
        assert "not configured" in answer["error"] or "No webhook is configured" in answer["error"]
    unknown = manager.send_alert("m", "info", ["pigeon"])
    assert unknown["pigeon"]["success"] is False
    assert unknown["success"] is False


def test_a_video_file_goes_with_an_alert_and_is_kept_with_it(
    vigint: FakeVigint,
    make_manager: MakeManager,
    spool_settings: object,
    courier: Callable[..., list[Outcome]],
    clip: Path,
) -> None:
    manager = make_manager(spool=spool_settings)
    assert manager.send_email_alert("m", "security", str(clip), DATA)["video_link_provided"]
    vigint.refuses = lambda _request: True
    assert manager.send_email_alert("m", "security", clip, DATA)["spooled"]
    vigint.refuses, vigint.version = None, "2"
    clip.unlink()
    assert [outcome.state for outcome in courier()] == ["sent"]
    for request in (vigint.posts()[0], vigint.posts()[-1]):
        [video] = [part for part in request.parts if part[0] == "video"]
        assert video[1:] == ("incident.mp4", "video/mp4", bytes(range(256)) * 40)
    gone = manager.send_email_alert("m", "security", str(clip))
    assert gone["success"] is True
    assert "no such file" in gone["error"]


def test_arguments_that_are_not_known_have_no_effect(
    configured: FakeVigint, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert alerts.send_security_alert_with_video("m", target_fps=25)["success"]
        assert alerts.send_alert("m", "info", priority=1)["success"]
    assert "target_fps" in caplog.text
    assert "priority" in caplog.text


@pytest.mark.parametrize(
    ("frames", "fps", "seconds"),
    [
        (_frames(10), None, 2.0),
        (_frames(10), 5, 2.0),
        (_frames(10), 25, 0.4),
        (_frames(10, ".png"), 10, 1.0),
        ([np.full((48, 64, 3), number, np.uint8) for number in range(10)], None, 0.4),
    ],
)
def test_a_video_is_written_without_any_library(
    make_manager: MakeManager, tmp_path: Path, frames: list[object], fps: int | None, seconds: float
) -> None:
    path = make_manager().create_video_from_frames(frames, str(tmp_path / "made.mp4"), fps)
    assert path == str(tmp_path / "made.mp4")
    video = cv2.VideoCapture(path)
    pictures = []
    while (read := video.read())[0]:
        pictures.append(read[1])
    assert [picture.shape for picture in pictures] == [(48, 64, 3)] * 10
    found = video.get(cv2.CAP_PROP_FRAME_COUNT) / video.get(cv2.CAP_PROP_FPS)
    assert found == pytest.approx(seconds, rel=0.01)
    video.release()
    assert [item.name for item in tmp_path.iterdir()] == ["made.mp4"]


def test_no_frame_makes_no_video(make_manager: MakeManager, tmp_path: Path) -> None:
    manager = make_manager()
    for frames in (None, [], [b"broken"], 7):
        assert manager.create_video_from_frames(frames) is None
    assert manager.create_video_from_frames(_frames(1), tmp_path / "missing" / "x.mp4") is None
    made = manager.create_video_from_frames(_frames(2))
    assert made is not None
    assert made.endswith(".mp4")
    Path(made).unlink()


def test_settings_of_another_server_are_checked(settings: ServerSettings) -> None:
    service = VideoLinkService(load_server=lambda: replace(settings, url="http://127.0.0.1:9"))
    service.base_url = "not an address"
    assert "not an address" in service.verify_link_access("v", "t")["error"]
