"""Contracts, section 6: incidents as JSON."""

import base64
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.helpers import (
    START,
    Footage,
    incident_document,
    mails,
    post_incident,
    renew,
    stored_files,
)
from vigint_web.blueprints.api.incidents import bodies
from vigint_web.clock import utcnow
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.models import ApiKey, Incident, Scope, Video
from vigint_web.services.accounts import api_keys, sites
from vigint_web.services.core.actors import command_line
from vigint_web.services.core.runtime import storage
from vigint_web.services.videos.frames_archive import FramesArchive

URL = "/api/v1/incidents"


def _answer(client: FlaskClient, key: str, reference: str) -> dict[str, Any]:
    answer = client.get(f"{URL}/{reference}", headers={"X-API-Key": key})
    assert answer.status_code == 200
    return dict(answer.get_json())


def _incident(reference: str) -> Incident:
    renew()
    return db.session.query(Incident).filter(Incident.reference == reference).one()


@pytest.mark.both_databases(reason="one row for one key, also at the same moment")
def test_202_carries_the_link_and_everything_is_stored(
    client: FlaskClient, api_key: str, footage: Footage
) -> None:
    frames = footage.frames(3)
    accepted = post_incident(client, api_key, incident_document(frames))
    assert set(accepted) == {
        "incident_id", "reference", "video_id", "private_link", "expiration_time", "status_url",
        "grouped_under", "warnings",
    }  # fmt: skip
    assert accepted["warnings"] == []
    assert re.fullmatch(r"INC-\d{4}-000001", accepted["reference"])
    assert accepted["private_link"].startswith(
        f"http://vigint.test/video/{accepted['video_id']}?token="
    )
    assert accepted["status_url"] == f"http://vigint.test{URL}/{accepted['incident_id']}"
    expiry = datetime.fromisoformat(accepted["expiration_time"])
    assert abs(expiry - utcnow() - timedelta(hours=48)) < timedelta(minutes=1)
    incident = _incident(accepted["reference"])
    assert incident.video is not None
    assert incident.video.frames_key is not None
    with (
        storage().local_copy(incident.video.frames_key) as path,
        FramesArchive(path) as archive,
    ):
        assert [archive.loader(e)() for e in archive.entries] == frames, "as received"


def test_the_state_before_anything_is_done(
    client: FlaskClient, api_key: str, footage: Footage
) -> None:
    accepted = post_incident(client, api_key, incident_document(footage.frames(3)))
    status = _answer(client, api_key, accepted["incident_id"])
    assert {key: status[key] for key in accepted} == accepted
    assert status["state"] == "received"
    assert status["done"] is False
    assert status["file_hash"] is None
    assert status["frames"] == {"received": 3, "used": None, "left_out": None}
    assert status["deliveries"] == [
        {
            "recipient": "garde@example.com",
            "channel": "mail",
            "state": "waiting",
            "kind": "video",
            "sent_at": None,
            "error": None,
        }
    ]


def test_the_facts_are_kept_and_unknown_ones_shown(
    client: FlaskClient, api_key: str, footage: Footage
) -> None:
    document = incident_document(
        footage.frames(2), recipients=["chef@example.com"], expiration_hours=6
    )
    document["incident_data"] |= {
        "model": "yolo", "model_version": "11", "boxes": [[1, 2, 3, 4]], "zone": "B",
    }  # fmt: skip
    accepted = post_incident(client, api_key, document)
    incident = _incident(accepted["reference"])
    assert (incident.incident_type, incident.risk_level) == ("Vol à l'étalage", "HIGH")
    assert (incident.confidence, incident.frame_count) == (0.92, 2), "the last frame's count"
    assert incident.camera is not None
    assert (incident.site_name, incident.camera.name) == ("Magasin Lyon", "Rayon 4")
    assert (incident.model, incident.model_version) == ("yolo", "11")
    assert (incident.boxes, incident.extra) == ([[1, 2, 3, 4]], {"zone": "B"})
    assert incident.detected_at == START, "the first frame's time"
    assert incident.zone_assumed is False
    assert incident.link_hours == 6
    deliveries = _answer(client, api_key, accepted["reference"])["deliveries"]
    assert [d["recipient"] for d in deliveries] == ["chef@example.com"]


def test_a_time_without_offset_is_the_configured_zones_and_so_marked(
    client: FlaskClient, api_key: str
) -> None:
    document = {"message": "m", "incident_data": {"detected_at": "2026-07-01T14:00:00"}}
    incident = _incident(post_incident(client, api_key, document)["reference"])
    assert incident.detected_at.isoformat() == "2026-07-01T12:00:00+00:00"
    assert incident.zone_assumed is True


def test_images_of_every_spelling_become_one_clip_and_broken_ones_are_counted(
    client: FlaskClient, api_key: str, work: Callable[[], None], footage: Footage
) -> None:
    document = incident_document(footage.frames(10))
    frames = document["frames"]
    frames[1]["frame_data"] = "data:image/jpeg;base64," + frames[1]["frame_data"]
    frames[2]["frame_data"] = "\r\n".join(re.findall(".{1,76}", frames[2]["frame_data"]))
    whole = base64.b64decode(frames[3]["frame_data"])
    frames[3]["frame_data"] = base64.b64encode(whole[: len(whole) // 2]).decode()
    frames[4]["frame_data"] = "no base64!"
    frames[5] = "no object"
    frames[6] = {"timestamp": START.timestamp() + 0.6}
    frames[7]["frame_count"] = True
    accepted = post_incident(client, api_key, document)
    work()
    status = _answer(client, api_key, accepted["reference"])
    assert status["state"] == "ready", status
    assert status["frames"] == {"received": 10, "used": 6, "left_out": 4}
    assert status["duration"] == pytest.approx(1.0, abs=0.1)


def test_no_usable_frame_is_the_text_only_mail(
    client: FlaskClient, api_key: str, work: Callable[[], None], config: Config
) -> None:
    accepted = post_incident(client, api_key, incident_document([b"junk", b"\xff\xd8 cut"]))
    work()
    status = _answer(client, api_key, accepted["reference"])
    assert (status["state"], status["done"]) == ("failed", True)
    assert status["error"]
    assert status["frames"] == {"received": 2, "used": 0, "left_out": 2}
    [delivery] = status["deliveries"]
    assert (delivery["state"], delivery["kind"]) == ("sent", "text_only")
    [mail] = mails(config)
    assert "/video/" not in mail.as_string()


def test_without_footage_there_is_no_link_but_a_mail(
    client: FlaskClient, api_key: str, work: Callable[[], None], config: Config
) -> None:
    accepted = post_incident(client, api_key, {"message": "Alarme porte"})
    assert (accepted["video_id"], accepted["private_link"]) == (None, None)
    work()
    status = _answer(client, api_key, accepted["reference"])
    assert status["done"] is True
    assert [d["kind"] for d in status["deliveries"]] == ["text_only"]
    assert len(mails(config)) == 1


@pytest.mark.both_databases(reason="one row for one key, also at the same moment")
def test_the_same_request_again_is_the_same_incident(
    client: FlaskClient, api_key: str, footage: Footage, config: Config
) -> None:
    document = incident_document(footage.frames(3))
    first = post_incident(client, api_key, document, Idempotency_Key="k1")
    again = post_incident(client, api_key, dict(reversed(document.items())), Idempotency_Key="k1")
    assert again == first
    assert post_incident(client, api_key, document, Idempotency_Key="k2") != first
    assert post_incident(client, api_key, document) != first
    renew()
    assert db.session.query(Video).count() == 3
    assert not list(config.temp_dir.iterdir()), "a repetition left its frames"


@pytest.mark.parametrize("change", ["message", "image", "time", "count", "recipients"])
@pytest.mark.both_databases(reason="one row for one key, also at the same moment")
def test_another_body_under_the_same_key_is_a_conflict(
    client: FlaskClient, api_key: str, footage: Footage, change: str, config: Config
) -> None:
    document = incident_document(footage.frames(3))
    post_incident(client, api_key, document, Idempotency_Key="k1")
    frame = document["frames"][1]
    if change == "message":
        document["message"] = "another"
    elif change == "image":
        frame["frame_data"] = base64.b64encode(footage.frames(3)[0]).decode()
    elif change == "time":
        frame["timestamp"] += 0.01
    elif change == "count":
        frame["frame_count"] = 999
    else:
        document["recipients"] = ["x@example.com"]
    refused = post_incident(client, api_key, document, 409, Idempotency_Key="k1")
    assert refused["code"] == "idempotency_conflict"
    assert db.session.query(Incident).count() == 1
    assert not list(config.temp_dir.iterdir())


@pytest.mark.both_databases(reason="one row for one key, also at the same moment")
def test_idempotency_keys_are_each_api_keys_own_and_live_for_30_days(
    client: FlaskClient, api_key: str, clock: Any
) -> None:
    other = api_keys.create_api_key(command_line(), "b", sites.default_site(), {Scope.INGEST})
    document = {"message": "m"}
    first = post_incident(client, api_key, document, Idempotency_Key="k")
    assert post_incident(client, other, document, Idempotency_Key="k") != first
    clock.forward(days=29)
    assert post_incident(client, api_key, document, Idempotency_Key="k") == first
    clock.forward(days=2)
    assert post_incident(client, api_key, {"message": "n"}, Idempotency_Key="k") != first


@pytest.mark.both_databases(reason="one row for one key, also at the same moment")
def test_the_same_request_at_the_same_moment_is_one_incident(
    app: Flask, api_key: str, footage: Footage, config: Config
) -> None:
    document = incident_document(footage.frames(3))
    together = threading.Barrier(6)

    def post(_: int) -> str:
        together.wait(10)
        answer = post_incident(app.test_client(), api_key, document, Idempotency_Key="k")
        return str(answer["reference"])

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(post, range(6)))) == 1
    renew()
    assert db.session.query(Incident).count() == 1
    assert len(stored_files(config)) == 1
    assert not list(config.temp_dir.iterdir())


@pytest.mark.parametrize("value", ["", "x" * 256])
def test_an_odd_idempotency_key_is_refused(client: FlaskClient, api_key: str, value: str) -> None:
    refused = post_incident(client, api_key, {"message": "m"}, 422, Idempotency_Key=value)
    assert "Idempotency-Key" in refused["error"]


@pytest.mark.both_databases(reason="characters that a database does not hold")
def test_no_fact_refuses_an_incident_and_each_odd_one_is_named(
    client: FlaskClient, api_key: str
) -> None:
    document = {
        "incident_data": {
            "risk_level": "grave", "confidence": 7, "frame_count": -1, "detected_at": "hier",
            "camera": {"id": 3}, "shift": float("nan"),
        },
        "recipients": ["a@example.com\nBcc: b@example.com", "Jean <jean@exemple.fr>"],
        "expiration_hours": 1.5,
        "frames": 7,
    }  # fmt: skip
    accepted = post_incident(client, api_key, document)
    named = {one["field"]: one for one in accepted["warnings"]}
    assert set(named) == {
        "risk_level", "confidence", "frame_count", "detected_at", "camera", "recipients",
        "expiration_hours", "frames",
    }  # fmt: skip
    assert named["risk_level"] == {
        "field": "risk_level", "value": "grave", "code": "not_understood", "used": "UNKNOWN",
    }  # fmt: skip
    assert named["expiration_hours"]["used"] == 2
    assert named["camera"]["value"] == '{"id": 3}'
    incident = _incident(accepted["reference"])
    assert (incident.risk_level, incident.link_hours) == ("UNKNOWN", 2)
    assert incident.extra == {"shift": "NaN"}
    assert _answer(client, api_key, accepted["reference"])["warnings"] == accepted["warnings"]


@pytest.mark.parametrize(
    ("document", "accepted"),
    [
        ({}, False),
        ({"message": " \x00 "}, False),
        ({"incident_data": {}, "frames": []}, False),
        ({"incident_data": {"risk_level": None}, "recipients": ["a@example.com"]}, False),
        ({"message": "m"}, True),
        ({"message": ["m"]}, True),
        ({"incident_data": {"risk_level": "LOW"}}, True),
        ({"incident_data": "intrusion"}, True),
        ({"incident_data": '{"risk_level": "LOW"}'}, True),
        ({"risk_level": "LOW"}, True),
        ({"incident_data": {"armed": False}}, True),
        ({"frames": [{"frame_data": "/9j/"}]}, True),
    ],
)
def test_only_an_empty_incident_is_refused(
    client: FlaskClient, api_key: str, document: dict[str, Any], accepted: bool
) -> None:
    answer = post_incident(client, api_key, document, 202 if accepted else 422)
    assert accepted or answer["code"] == "empty_incident"


def test_a_repetition_with_odd_values_is_the_same_and_another_one_a_conflict(
    client: FlaskClient, api_key: str
) -> None:
    def post(body: bytes, status: int) -> Any:
        answer = client.post(
            URL,
            data=body,
            content_type="application/json",
            headers={"X-API-Key": api_key, "Idempotency-Key": "k"},
        )
        assert answer.status_code == status, answer.text
        return answer.get_json()

    first = b'{"message":"m\\ud800","incident_data":{"a":NaN,"b":' + b"9" * 5000 + b"}}"
    assert post(first, 202) == post(first, 202)
    assert post(first.replace(b"NaN", b"Infinity"), 409)["code"] == "idempotency_conflict"
    assert post(first.replace(b"d800", b"d801"), 409)["code"] == "idempotency_conflict"


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"7", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 990 + b"1" + b"}" * 990],
)
def test_what_is_no_json_object_is_refused(client: FlaskClient, api_key: str, body: bytes) -> None:
    answer = client.post(
        URL, data=body, content_type="application/json", headers={"X-API-Key": api_key}
    )
    assert answer.status_code == 422, answer.text
    assert answer.get_json()["code"] == "invalid_request"


def test_a_deeply_nested_document_is_no_accident(client: FlaskClient, api_key: str) -> None:
    for depth in (30, 31, 32, 33, 500, *range(900, 1000, 4)):
        for body in (
            b'{"message":"m","x":' + b"[" * depth + b"]" * depth + b"}",
            b'{"message":"m","incident_data":{"x":' + b"[" * depth + b"]" * depth + b"}}",
        ):
            answer = client.post(
                URL, data=body, content_type="application/json", headers={"X-API-Key": api_key}
            )
            # A fact is kept at any depth of nesting that JSON is read with.
            allowed = {202} if depth < 900 else {202, 422}
            assert answer.status_code in allowed, (depth, answer.text)


def test_32_mib_of_json_is_the_limit_and_multipart_is_named(
    client: FlaskClient, api_key: str
) -> None:
    assert bodies.LARGEST_JSON == 32 * 1024 * 1024
    body = b'{"message":"' + b"x" * bodies.LARGEST_JSON + b'"}'
    answer = client.post(
        URL, data=body, content_type="application/json", headers={"X-API-Key": api_key}
    )
    assert answer.status_code == 413
    assert answer.get_json()["code"] == "too_large"
    assert "multipart" in answer.get_json()["error"]


def test_2000_frames_are_the_limit(client: FlaskClient, api_key: str, config: Config) -> None:
    frame = {"frame_data": "/9j/"}
    refused = post_incident(client, api_key, {"message": "m", "frames": [frame] * 2001}, 422)
    assert "2,000" in refused["error"] or "2000" in refused["error"]
    assert not list(config.temp_dir.iterdir()), "a refused body left its frames"
    accepted = post_incident(client, api_key, {"message": "m", "frames": [frame] * 2000})
    assert _incident(accepted["reference"]).frames_received == 2000


def test_a_frame_beyond_10_mib_is_left_out_and_counted(
    client: FlaskClient, api_key: str, work: Callable[[], None], footage: Footage
) -> None:
    document = incident_document(footage.frames(3))
    image = footage.frames(3)[1]
    document["frames"][1]["frame_data"] = base64.b64encode(
        image + b"\0" * bodies.LARGEST_FRAME
    ).decode()
    accepted = post_incident(client, api_key, document)
    work()
    status = _answer(client, api_key, accepted["reference"])
    assert status["frames"] == {"received": 3, "used": 2, "left_out": 1}


def test_keys(client: FlaskClient, api_key: str, key_row: ApiKey) -> None:
    other = api_keys.create_api_key(command_line(), "o", sites.default_site(), {Scope.HOST})
    for headers, status, code in (
        ({}, 401, "unauthorized"),
        ({"X-API-Key": " "}, 401, "unauthorized"),
        ({"Authorization": "Basic abc"}, 401, "unauthorized"),
        ({"Authorization": "Bearer vgk_unknown"}, 403, "invalid_key"),
        ({"X-API-Key": api_key[:-1]}, 403, "invalid_key"),
        ({"X-API-Key": other}, 403, "insufficient_scope"),
    ):
        for path, method in ((URL, "POST"), (f"{URL}/INC-2026-000001", "GET")):
            answer = client.open(path, method=method, json={"message": "m"}, headers=headers)
            assert (answer.status_code, answer.get_json()["code"]) == (status, code), headers
            assert ("WWW-Authenticate" in answer.headers) == (status == 401)
    for headers in ({"X-API-Key": api_key}, {"Authorization": f"bearer {api_key}"}):
        assert client.post(URL, json={"message": "m"}, headers=headers).status_code == 202
    key_row.revoked_at = utcnow()
    db.session.commit()
    assert post_incident(client, api_key, {"message": "m"}, 403)["code"] == "invalid_key"


def test_another_keys_incident_does_not_exist(client: FlaskClient, api_key: str) -> None:
    reference = post_incident(client, api_key, {"message": "m"})["reference"]
    other = api_keys.create_api_key(command_line(), "b", sites.default_site(), {Scope.INGEST})
    for key, asked in ((other, reference), (api_key, "INC-2026-999999")):
        answer = client.get(f"{URL}/{asked}", headers={"X-API-Key": key})
        assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found")


def test_a_session_is_no_key(people: Any, api_key: str) -> None:
    from vigint_web.models import Role

    answer = people(Role.ADMIN).browser.post(URL, json={"message": "m"})
    assert answer.status_code == 401
