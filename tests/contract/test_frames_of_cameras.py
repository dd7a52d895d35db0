"""Contracts, section 6: frames as cameras send them, in JSON and in forms alike."""

import base64
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image

from tests.helpers import START, Footage, post_form, post_incident
from vigint_web.extensions import db
from vigint_web.models import Incident, Video
from vigint_web.services.core.runtime import storage
from vigint_web.services.videos.frames_archive import FramesArchive

DOCUMENT: dict[str, Any] = {"message": "m", "incident_data": {"risk_level": "LOW"}}
Post = Callable[..., dict[str, Any]]
BOUNDARY = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: 4242\r\n\r\n"


@pytest.fixture(params=["json", "form"])
def post(request: pytest.FixtureRequest, client: FlaskClient, api_key: str) -> Post:
    """Post images, 100 ms apart by default, in either form of the body; return the answer."""

    def send(images: list[bytes], times: list[Any] | None = None) -> dict[str, Any]:
        times = times or [START.timestamp() + number / 10 for number in range(len(images))]
        if request.param == "form":
            document = {**DOCUMENT, "timestamps": times}
            answer = post_form(client, api_key, document, frames=images)
            assert answer.status_code == 202, answer.text
            return dict(answer.get_json())
        frames = [
            {"frame_data": base64.urlsafe_b64encode(image).decode().rstrip("="), "timestamp": time}
            for image, time in zip(images, times, strict=True)
        ]
        return post_incident(client, api_key, {**DOCUMENT, "frames": frames})

    return send


def _status(client: FlaskClient, key: str, accepted: dict[str, Any]) -> dict[str, Any]:
    address = f"/api/v1/incidents/{accepted['reference']}"
    return dict(client.get(address, headers={"X-API-Key": key}).get_json())


def test_what_surrounds_the_picture_costs_no_frame(
    client: FlaskClient,
    api_key: str,
    post: Post,
    work: Callable[[], None],
    footage: Footage,
) -> None:
    whole = footage.frames(8)
    sent = [
        whole[0] + b"dhav\x70\x11\x01\0",
        BOUNDARY + whole[1] + b"\r\n--frame--",
        whole[2][:2] + b"\0" * 64 + whole[2][2:] + b"\0" * 5000,
        whole[3] + whole[0],
        whole[4][: len(whole[4]) // 2],
        whole[5][: len(whole[5]) // 2] + b"dhav",
        whole[6],
        whole[7],
    ]
    accepted = post(sent)
    assert accepted["warnings"] == []
    work()
    status = _status(client, api_key, accepted)
    # The two truncated ones are skipped, and the previous frame stays.
    assert status["frames"] == {"received": 8, "used": 6, "left_out": 2}
    assert status["duration"] == pytest.approx(0.8, abs=0.01)
    [video] = db.session.query(Video)
    assert video.frames_key is not None
    with storage().local_copy(video.frames_key) as path, FramesArchive(path) as archive:
        assert [archive.loader(entry)() for entry in archive.entries] == sent


def test_frames_of_a_camera_held_sideways_are_upright(
    client: FlaskClient,
    api_key: str,
    post: Post,
    work: Callable[[], None],
) -> None:
    accepted = post([_sideways(number) for number in range(5)])
    work()
    status = _status(client, api_key, accepted)
    assert (status["state"], status["frames"]["used"]) == ("ready", 5)
    [video] = db.session.query(Video)
    assert (video.width, video.height) == (320, 180)
    assert video.thumbnail_key is not None
    with storage().local_copy(video.thumbnail_key) as path, Image.open(path) as picture:
        assert picture.width > picture.height
        assert picture.getexif().get(0x0112) is None
        red, blue = picture.getpixel((8, 8)), picture.getpixel((8, picture.height - 8))
    assert isinstance(red, tuple)
    assert isinstance(blue, tuple)
    assert red[0] > 150 > red[2]
    assert blue[2] > 150 > blue[0]


def _sideways(number: int) -> bytes:
    """Return a picture, red above blue, as a rotated camera stores it."""
    image = Image.new("RGB", (320, 180), "red")
    image.paste("blue", (0, 90, 320, 180))
    image.paste("white", (100 + 8 * number, 60, 140, 120))
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    image.transpose(Image.Transpose.ROTATE_90).save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("times", "warned"),
    [
        ([0, 500, 1000, 1500], []),
        (["2026-10-25 02:59:59", "2026-10-25 02:59:59.5", "2026-10-25 02:00:00", None], []),
        ([1.8e12, None, 1.8e12 + 1000, "?"], ["not_understood"]),
        ([1.8e9, 1.8e9 + 0.5, 1.8e9 + 4001, 1.8e9 + 4001.5], ["clock_step"]),
    ],
)
def test_times_are_read_alike(
    client: FlaskClient,
    api_key: str,
    post: Post,
    work: Callable[[], None],
    footage: Footage,
    times: list[Any],
    warned: list[str],
) -> None:
    accepted = post(footage.frames(4), times)
    assert [one["code"] for one in accepted["warnings"]] == warned
    work()
    status = _status(client, api_key, accepted)
    assert (status["pace_known"], status["duration"]) == (True, pytest.approx(2.0, abs=0.01))
    [incident] = db.session.query(Incident)
    from_receipt = abs(incident.detected_at - incident.created_at) < timedelta(seconds=1)
    assert from_receipt == (times[0] == 0)
