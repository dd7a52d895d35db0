"""Contracts, section 6: incidents as multipart forms."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.helpers import START, Footage, mails, post_form, renew
from vigint_web.blueprints.api.incidents import bodies
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.models import Incident, Video
from vigint_web.services.core.runtime import storage
from vigint_web.services.videos.frames_archive import FramesArchive

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


@pytest.mark.parametrize("count", [4, 14])
def test_timestamps_of_another_length_are_used_as_far_as_they_go(
    client: FlaskClient,
    api_key: str,
    footage: Footage,
    count: int,
    work: Callable[[], None],
) -> None:
    times = [START.timestamp() + n * 0.2 for n in range(count)]
    accepted = post_form(
        client, api_key, {**DOCUMENT, "timestamps": times}, frames=footage.frames(10)
    )
    assert accepted.status_code == 202, accepted.text
    assert accepted.get_json()["warnings"] == [
        {"field": "timestamps", "value": count, "code": "other_length", "used": min(count, 10)}
    ]
    work()
    status = _status(client, api_key, accepted)
    assert status["duration"] == pytest.approx(2.0, abs=0.1)


def test_a_missing_and_an_odd_timestamp_lie_between_their_neighbours(
    client: FlaskClient, api_key: str, footage: Footage, work: Callable[[], None]
) -> None:
    times: list[Any] = [1000 * (START.timestamp() + n * 0.2) for n in range(10)]
    times[3], times[6] = None, "?"
    accepted = post_form(
        client, api_key, {**DOCUMENT, "timestamps": times}, frames=footage.frames(10)
    )
    assert [one["field"] for one in accepted.get_json()["warnings"]] == ["timestamps[6]"]
    work()
    status = _status(client, api_key, accepted)
    assert (status["pace_known"], status["duration"]) == (True, pytest.approx(2.0, abs=0.1))


def test_footage_alone_is_an_incident(
    client: FlaskClient,
    api_key: str,
    work: Callable[[], None],
    footage: Footage,
    config: Config,
) -> None:
    accepted = post_form(client, api_key, None, frames=footage.frames(3))
    assert accepted.status_code == 202, accepted.text
    work()
    assert _status(client, api_key, accepted)["state"] == "ready"
    [mail] = mails(config)
    text = mail.get_body(("plain",))
    assert text is not None
    assert "Le détecteur n’a envoyé aucun message." in text.get_content()


def test_fields_of_the_form_stand_for_members_of_the_document(
    client: FlaskClient, api_key: str
) -> None:
    answer = client.post(
        "/api/v1/incidents",
        data={"message": "Porte", "risk_level": "élevé", "recipients": "a@example.com"},
        content_type="multipart/form-data",
        headers={"X-API-Key": api_key},
    )
    assert (answer.status_code, answer.get_json()["warnings"]) == (202, [])
    renew()
    [incident] = db.session.query(Incident)
    assert (incident.message, incident.risk_level) == ("Porte", "HIGH")


def test_a_form_without_anything_or_with_broken_json_is_refused(
    client: FlaskClient, api_key: str, config: Config
) -> None:
    answer = post_form(client, api_key, {})
    assert (answer.status_code, answer.get_json()["code"]) == (422, "empty_incident")
    assert post_form(client, api_key, "{no json", frames=[b"x"]).status_code == 422
    assert not list(config.temp_dir.iterdir())


def test_frames_beside_a_video_are_kept_with_it(
    client: FlaskClient,
    api_key: str,
    work: Callable[[], None],
    footage: Footage,
) -> None:
    clip, frames = footage.clip("part.mp4").read_bytes(), footage.frames(3)
    accepted = post_form(client, api_key, DOCUMENT, frames=frames, video=clip)
    assert accepted.status_code == 202, accepted.text
    assert [one["code"] for one in accepted.get_json()["warnings"]] == ["kept_beside"]
    work()
    status = _status(client, api_key, accepted)
    assert (status["state"], status["frames"]["received"]) == ("ready", 3)
    [video] = db.session.query(Video)
    assert video.frames_key is not None
    with storage().local_copy(video.frames_key) as path, FramesArchive(path) as archive:
        assert [archive.loader(entry)() for entry in archive.entries] == frames


@pytest.mark.parametrize(
    ("parts", "warned"),
    [
        ({"frames": "a field instead of a file"}, ["not_a_file"]),
        ({"frame": ["1.jpg"], "frames[1]": ["2.jpg"], "snapshot": ["3.png"]}, []),
        ({"clip": ["1.mp4"]}, []),
        ({"video": ["1.mp4", "2.mp4"]}, ["unused_part"]),
        ({"log": ["detector.log"]}, ["unused_part"]),
    ],
)
def test_parts_under_other_names_are_used_or_named(
    client: FlaskClient, api_key: str, parts: dict[str, Any], warned: list[str], config: Config
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
    assert answer.status_code == 202, answer.text
    assert [one["code"] for one in answer.get_json()["warnings"]] == warned
    assert (answer.get_json()["video_id"] is None) == (bool(warned) and "video" not in parts)
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
    assert "The size limit is 1 MB per file." in answer.get_json()["error"]
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
