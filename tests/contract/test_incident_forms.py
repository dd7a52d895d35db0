"""Contracts, section 6: incidents as multipart forms."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.helpers import START, Footage, post_form, renew
from vigint_web.blueprints.ingest import bodies
from vigint_web.config import Config
from vigint_web.extensions import db
from vigint_web.models import Incident

DOCUMENT: dict[str, Any] = {"message": "m", "incident_data": {"risk_level": "LOW"}}


def _status(client: FlaskClient, key: str, accepted: Any) -> dict[str, Any]:
    reference = accepted.get_json()["reference"]
    answer = client.get(f"/api/v1/incidents/{reference}", headers={"X-API-Key": key})
    return dict(answer.get_json())


def test_frames_as_parts_at_their_true_pace(
    client: FlaskClient, api_key: str, work: Callable[[], None], footage: Footage
) -> None:
    times = [START.timestamp() + n * 0.2 for n in range(10)]
    accepted = post_form(
        client, api_key, {**DOCUMENT, "timestamps": times}, frames=footage.frames(10)
    )
    assert accepted.status_code == 202, accepted.text
    work()
    status = _status(client, api_key, accepted)
    assert status["state"] == "ready"
    assert status["duration"] == pytest.approx(2.0, abs=0.1)
    assert status["pace_known"] is True


def test_without_timestamps_the_pace_is_25_and_marked_unknown(
    client: FlaskClient, api_key: str, work: Callable[[], None], footage: Footage
) -> None:
    accepted = post_form(client, api_key, DOCUMENT, frames=footage.frames(10))
    work()
    status = _status(client, api_key, accepted)
    assert status["duration"] == pytest.approx(0.4, abs=0.05)
    assert status["pace_known"] is False


def test_a_video_part_instead_of_frames(
    client: FlaskClient, api_key: str, work: Callable[[], None], footage: Footage
) -> None:
    clip = footage.clip("part.mp4").read_bytes()
    accepted = post_form(client, api_key, DOCUMENT, video=clip)
    assert accepted.status_code == 202, accepted.text
    work()
    status = _status(client, api_key, accepted)
    assert status["state"] == "ready"
    assert status["frames"] == {"received": 0, "used": None, "left_out": None}
    assert status["file_hash"] is not None
    assert [d["kind"] for d in status["deliveries"]] == ["video"]


def test_a_video_part_that_is_none_is_the_text_only_mail(
    client: FlaskClient, api_key: str, work: Callable[[], None]
) -> None:
    accepted = post_form(client, api_key, DOCUMENT, video=b"not a video at all" * 100)
    work()
    status = _status(client, api_key, accepted)
    assert (status["state"], status["done"]) == ("failed", True)
    assert [d["kind"] for d in status["deliveries"]] == ["text_only"]


@pytest.mark.parametrize("count", [2, 4])
def test_timestamps_and_frames_must_agree(
    client: FlaskClient, api_key: str, footage: Footage, count: int, config: Config
) -> None:
    times = [START.timestamp() + n for n in range(count)]
    answer = post_form(client, api_key, {**DOCUMENT, "timestamps": times}, frames=footage.frames(3))
    assert answer.status_code == 422
    assert str(count) in answer.get_json()["error"]
    assert "3" in answer.get_json()["error"]
    assert not list(config.temp_dir.iterdir()), "a refused form left its frames"


def test_every_mistake_of_the_form_is_told_at_once(
    client: FlaskClient, api_key: str, config: Config
) -> None:
    answer = post_form(client, api_key, None, frames=[b"x"], video=b"y")
    assert answer.status_code == 422
    assert "incident" in answer.get_json()["error"]
    assert "video" in answer.get_json()["error"]
    assert post_form(client, api_key, "{no json", frames=[b"x"]).status_code == 422
    assert not list(config.temp_dir.iterdir())


@pytest.mark.parametrize(
    "parts",
    [
        {"frames": "a field instead of a file"},
        {"frame": ["1.jpg"]},
        {"video": ["1.mp4", "2.mp4"]},
    ],
)
def test_footage_under_a_wrong_name_is_told_instead_of_lost(
    client: FlaskClient, api_key: str, config: Config, parts: dict[str, Any]
) -> None:
    sent = {
        name: [(io.BytesIO(b"x"), file) for file in given] if isinstance(given, list) else given
        for name, given in parts.items()
    }
    answer = client.post(
        "/api/v1/incidents",
        data={"incident": json.dumps(DOCUMENT), **sent},
        content_type="multipart/form-data",
        headers={"X-API-Key": api_key},
    )
    assert answer.status_code == 422, answer.text
    assert next(iter(parts)) in answer.get_json()["error"]
    assert not list(config.temp_dir.iterdir())


def test_the_same_form_under_another_boundary_is_the_same(
    client: FlaskClient, api_key: str, footage: Footage
) -> None:
    answers = [
        post_form(client, api_key, document, frames=footage.frames(3), Idempotency_Key="k")
        for document in (DOCUMENT, json.dumps(DOCUMENT, indent=2))
    ]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].get_json() == answers[1].get_json()
    renew()
    assert db.session.query(Incident).count() == 1
    other = post_form(client, api_key, DOCUMENT, frames=footage.frames(4), Idempotency_Key="k")
    assert (other.status_code, other.get_json()["code"]) == (409, "idempotency_conflict")


def test_a_broken_part_is_left_out_and_an_oversized_one_too(
    client: FlaskClient, api_key: str, work: Callable[[], None], footage: Footage
) -> None:
    images = footage.frames(4)
    images = [images[0], b"junk", images[2] + b"\0" * bodies.LARGEST_FRAME, images[3]]
    accepted = post_form(client, api_key, DOCUMENT, frames=images)
    assert accepted.status_code == 202, accepted.text
    work()
    status = _status(client, api_key, accepted)
    assert status["frames"] == {"received": 4, "used": 2, "left_out": 2}


def test_2000_frames_are_the_limit(client: FlaskClient, api_key: str, config: Config) -> None:
    answer = post_form(client, api_key, DOCUMENT, frames=[b"x"] * 2001)
    assert answer.status_code in {413, 422}
    assert "2" in answer.get_json()["error"]
    assert not list(config.temp_dir.iterdir())
    assert post_form(client, api_key, DOCUMENT, frames=[b"x"] * 2000).status_code == 202


@pytest.fixture
def settings() -> dict[str, str]:
    return {"VIGINT_MAX_HOSTED_MB": "1"}


def test_a_video_beyond_the_hosting_limit_is_refused(
    client: FlaskClient, api_key: str, config: Config
) -> None:
    answer = post_form(client, api_key, DOCUMENT, video=b"x" * (1024 * 1024 + 1))
    assert (answer.status_code, answer.get_json()["code"]) == (413, "too_large")
    assert "32 MiB" not in answer.get_json()["error"], "that is the limit of JSON"
    assert not list(config.temp_dir.iterdir())


@pytest.mark.parametrize("cut", [20, 200, 3000])
def test_a_form_that_ends_early_is_refused_and_leaves_nothing(
    client: FlaskClient, api_key: str, config: Config, cut: int
) -> None:
    boundary = b"--x\r\n"
    name = b'Content-Disposition: form-data; name="%s"'
    body = boundary + name % b"incident" + b"\r\n\r\n" + json.dumps(DOCUMENT).encode()
    body += b"\r\n" + boundary + name % b"frames" + b'; filename="1.jpg"\r\n\r\n' + b"y" * 9000
    answer = client.post(
        "/api/v1/incidents",
        data=body[:-cut],
        content_type="multipart/form-data; boundary=x",
        headers={"X-API-Key": api_key},
    )
    assert answer.status_code == 400
    renew()
    assert db.session.query(Incident).count() == 0
    assert not list(config.temp_dir.iterdir())
