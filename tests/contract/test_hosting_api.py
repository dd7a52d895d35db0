"""Contracts, section 5: programs host their videos."""

import hashlib
import io
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.helpers import Clock, Footage, Person, mails, path_of, renew, stored_files
from tests.library import Library
from vigint_web.clock import utcnow
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.models import AuditEvent, Incident, Link, Role, Scope, Video
from vigint_web.services.accounts import api_keys, sites
from vigint_web.services.core.actors import SYSTEM, command_line
from vigint_web.services.links import access, links

pytestmark = pytest.mark.both_databases(reason="one row for one id, also at the same moment")
ONE_DATABASE = pytest.mark.only_sqlite(reason="others here ask of the database what it asks")

API = "/api/v1/videos"


@pytest.fixture
def key(app: Flask) -> str:
    """Provide a key with the scope `host`."""
    return _new_key("host")


def _new_key(name: str, *scopes: Scope) -> str:
    return api_keys.create_api_key(
        command_line(), name, sites.default_site(), set(scopes) or {Scope.HOST}
    )


@pytest.fixture(scope="session")
def clip(footage: Footage) -> bytes:
    """Provide a short clip that plays unchanged."""
    return footage.clip("hosted.mp4", seconds=1).read_bytes()


def _upload(
    client: FlaskClient,
    key: str,
    video: bytes | None,
    metadata: object = None,
    header: str | None = None,
    **fields: str,
) -> TestResponse:
    form: dict[str, Any] = dict(fields)
    if video is not None:
        form["video"] = (io.BytesIO(video), "clip.mp4")
    if metadata is not None:
        form["metadata"] = metadata if isinstance(metadata, str) else json.dumps(metadata)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    if header is not None:
        headers["X-Video-ID"] = header
    return client.post(
        f"{API}/upload", data=form, content_type="multipart/form-data", headers=headers
    )


def _hosted(client: FlaskClient, key: str, video: bytes, **metadata: object) -> dict[str, Any]:
    answer = _upload(client, key, video, metadata, access_type="private")
    assert answer.status_code == 200, answer.text
    return dict(answer.get_json())


def _token(document: dict[str, Any]) -> str:
    return parse_qs(urlsplit(str(document["private_link"])).query)["token"][0]


def _verify(client: FlaskClient, key: str, video_id: str, token: str) -> dict[str, Any]:
    answer = client.get(
        f"{API}/link/verify",
        query_string={"video_id": video_id, "token": token},
        headers={"X-API-Key": key},
    )
    assert answer.status_code == 200, "always"
    return dict(answer.get_json())


def _extend(client: FlaskClient, key: str, **body: object) -> TestResponse:
    headers = {"X-API-Key": key}
    if "request" in body:
        headers["Idempotency-Key"] = str(body.pop("request"))
    return client.post(f"{API}/link/extend", json=body, headers=headers)


def _delete(client: FlaskClient, key: str, video_id: str) -> int:
    answer = client.delete(f"{API}/upload/{video_id}", headers={"X-API-Key": key})
    return answer.status_code


@ONE_DATABASE
def test_a_hosted_video_plays_by_its_private_link(
    client: FlaskClient, key: str, clip: bytes, work: Callable[[], None]
) -> None:
    sha256 = hashlib.sha256(clip).hexdigest()
    metadata = {
        "video_id": "quai-2_2026.1", "incident_type": "theft", "risk_level": "HIGH",
        "confidence": 0.9, "frame_count": 12, "analysis": "A person.", "file_hash": sha256,
    }  # fmt: skip
    answer = _upload(client, key, clip, metadata, "quai-2_2026.1", expiration_hours="5")
    document = answer.get_json()
    assert answer.status_code == 200
    assert document == {
        "success": True,
        "video_id": "quai-2_2026.1",
        "private_link": document["private_link"],
        "expiration_time": document["expiration_time"],
        "file_hash": sha256,
        "size": len(clip),
        "warnings": [],
    }
    assert document["private_link"].startswith("http://vigint.test/video/quai-2_2026.1?token=")
    until = datetime.fromisoformat(document["expiration_time"])
    assert abs(until - utcnow() - timedelta(hours=5)) < timedelta(minutes=1)
    assert client.get(path_of(document["private_link"])).status_code == 409, "being prepared"
    work()
    assert client.get(path_of(document["private_link"])).status_code == 200
    assert client.get(f"/stream/{_token(document)}/").data == clip


def test_what_was_hosted_is_reviewed_like_an_incident_and_nobody_is_mailed(
    client: FlaskClient,
    key: str,
    clip: bytes,
    work: Callable[[], None],
    people: Callable[[Role], Person],
    config: Config,
) -> None:
    _hosted(client, key, clip, incident_type="theft", risk_level="LOW", shift="night")
    work()
    incident = db.session.query(Incident).one()
    page = people(Role.OPERATOR).browser.get(f"/incidents/{incident.reference}/").text
    assert "theft" in page
    assert "night" in page
    assert not list(config.outbox_dir.glob("*.eml"))


def test_the_same_again_is_the_same_video_and_link(
    client: FlaskClient, key: str, clip: bytes, clock: Clock, config: Config
) -> None:
    first = _hosted(client, key, clip, video_id="one")
    assert _hosted(client, key, clip, video_id="one") == first
    renew()
    assert db.session.query(Video).count() == 1
    assert len(stored_files(config)) == 1, "the second copy is gone"
    clock.forward(hours=49)
    fresh = _hosted(client, key, clip, video_id="one")
    assert fresh["private_link"] != first["private_link"], "a new link once the old one is dead"
    assert _verify(client, key, "one", _token(first))["reason"] == "expired"
    assert _verify(client, key, "one", _token(fresh))["valid"] is True


def test_the_same_id_with_other_bytes_is_a_conflict(
    client: FlaskClient, key: str, clip: bytes, config: Config
) -> None:
    _hosted(client, key, clip, video_id="one")
    answer = _upload(client, key, clip + b"\0", {"video_id": "one"})
    assert (answer.status_code, answer.get_json()["code"]) == (409, "video_id_taken")
    assert len(stored_files(config)) == 1


def test_two_keys_use_one_id_without_learning_of_each_other(
    client: FlaskClient, key: str, clip: bytes, work: Callable[[], None], config: Config
) -> None:
    other = _new_key("other")
    mine = _hosted(client, key, clip, video_id="one")
    theirs = _hosted(client, other, clip + b"\0", video_id="one")
    work()
    assert (mine["video_id"], theirs["video_id"]) == ("one", "one")
    renew()
    for document, asker, stranger in ((mine, key, other), (theirs, other, key)):
        assert client.get(path_of(document["private_link"])).status_code == 200
        assert _verify(client, asker, "one", _token(document))["valid"] is True
        assert _verify(client, stranger, "one", _token(document))["reason"] == "unknown"
    assert _delete(client, key, "one") == 204
    assert client.get(path_of(mine["private_link"])).status_code == 404
    assert client.get(path_of(theirs["private_link"])).status_code == 200, "the other's is deleted"
    assert _upload(client, key, clip, {"video_id": "one"}).get_json()["code"] == "video_deleted"
    assert _hosted(client, other, clip + b"\0", video_id="one") == theirs
    third = _hosted(client, _new_key("third"), clip, video_id="one")
    assert third["video_id"] == "one", "a deleted id reveals another key"
    assert not any("one" in name.split("/") for name in stored_files(config))
    subjects = " ".join(event.subject for event in db.session.query(AuditEvent))
    assert "video:one" not in subjects, "the audit trail names a program's id"


def test_another_keys_generated_id_is_nothing_either(
    client: FlaskClient, key: str, clip: bytes, library: Library
) -> None:
    video = library.source().video
    taken = _hosted(client, key, clip, video_id=video.public_id)
    assert client.get(path_of(taken["private_link"])).status_code == 409, "being prepared"
    foreign = f"/video/{video.public_id}?token={library.person_token(library.incident())}"
    assert client.get(foreign).status_code == 404, "of another video"


def test_a_link_opens_by_either_id_of_its_own_video(
    client: FlaskClient, key: str, clip: bytes
) -> None:
    token = _token(_hosted(client, key, clip, video_id="one"))
    _hosted(client, key, clip + b"\0", video_id="two")
    link = access.find_link(token)
    assert link is not None
    assert link.video.public_id != "one"
    for name, status in (("one", 409), (link.video.public_id, 409), ("two", 404), ("ONE", 404)):
        assert client.get(f"/video/{name}?token={token}").status_code == status, name


def test_many_at_once_under_one_id_are_one_video(app: Flask, key: str, clip: bytes) -> None:
    def upload(_number: int) -> dict[str, Any]:
        return _hosted(app.test_client(), key, clip, video_id="one")

    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(upload, range(6)))
    assert all(answer == answers[0] for answer in answers)
    renew()
    assert db.session.query(Video).count() == 1


@ONE_DATABASE
def test_other_bytes_than_announced_are_not_kept(
    client: FlaskClient, key: str, clip: bytes, config: Config
) -> None:
    answer = _upload(client, key, clip, {"file_hash": hashlib.sha256(b"").hexdigest()})
    assert (answer.status_code, answer.get_json()["code"]) == (422, "hash_mismatch")
    assert stored_files(config) == []
    assert db.session.query(Video).count() == 0
    assert not list(config.temp_dir.iterdir())


@pytest.mark.parametrize(
    ("header", "video_id"),
    [("a", "b"), ("../x", None), (None, "-x"), (None, "x" * 65), (None, 7), (None, "a b")],
)
@ONE_DATABASE
def test_an_id_that_is_none_is_400(
    client: FlaskClient, key: str, clip: bytes, header: str | None, video_id: object
) -> None:
    metadata = {} if video_id is None else {"video_id": video_id}
    answer = _upload(client, key, clip, metadata, header)
    assert (answer.status_code, answer.get_json()["code"]) == (400, "invalid_request")


@ONE_DATABASE
def test_all_mistakes_are_told_at_once(client: FlaskClient, key: str, config: Config) -> None:
    answer = _upload(client, key, None, {"file_hash": "xyz", "confidence": 7})
    assert answer.status_code == 422
    message = answer.get_json()["error"]
    assert "video" in message
    assert "file_hash" in message
    assert _upload(client, key, b"", {}).status_code == 422, "an empty file"
    assert _upload(client, key, b"x", "{").status_code == 422, "no JSON"
    assert not list(config.temp_dir.iterdir())


def test_no_fact_refuses_an_upload(
    client: FlaskClient, key: str, config: Config, work: Callable[[], None]
) -> None:
    answer = _upload(
        client,
        key,
        b"x",
        {"confidence": 7, "risk_level": "UNKNOWN", "camera": ["?"], "detected_at": "hier"},
        access_type="public",
        expiration_hours="-1",
    )
    assert answer.status_code == 200, answer.text
    warned = {one["field"] for one in answer.get_json()["warnings"]}
    assert warned == {"confidence", "camera", "detected_at", "access_type", "expiration_hours"}
    assert _upload(client, key, b"y", "[]").status_code == 200
    work()
    assert not mails(config), "the hosting API notifies no one"


@pytest.mark.parametrize("settings", [{"VIGINT_MAX_HOSTED_MB": "1"}])
@ONE_DATABASE
def test_a_video_beyond_the_limit_is_refused(client: FlaskClient, key: str) -> None:
    # The second is refused by the announced length of its body, before a part is read.
    for size in (1024 * 1024 + 1, 8 * 1024 * 1024):
        answer = _upload(client, key, b"x" * size, {})
        assert (answer.status_code, answer.get_json()["code"]) == (413, "too_large")
        assert "The size limit is 1 MB per file." in answer.get_json()["error"]


def test_verify_tells_until_when_and_why_not(
    client: FlaskClient, key: str, clip: bytes, clock: Clock
) -> None:
    document = _hosted(client, key, clip, video_id="one")
    other = _hosted(client, key, clip + b"\0", video_id="two")
    token = _token(document)
    verdict = _verify(client, key, "one", token)
    assert verdict == {
        "valid": True,
        "expiration_time": document["expiration_time"],
        "remaining_hours": pytest.approx(48, abs=0.02),
        "reason": None,
    }
    unknown = {"valid": False, "expiration_time": None, "remaining_hours": 0, "reason": "unknown"}
    assert _verify(client, key, "one", _token(other)) == unknown, "of another video"
    assert _verify(client, key, "one", token[:-2]) == unknown
    assert _verify(client, key, "", "") == unknown
    assert _verify(client, _new_key("other"), "one", token) == unknown, "another key's"
    clock.forward(hours=49)
    dead = _verify(client, key, "one", token)
    assert (dead["valid"], dead["remaining_hours"], dead["reason"]) == (False, 0, "expired")
    link = access.find_link(token)
    assert link is not None
    links.revoke_link(SYSTEM, link.id)
    assert _verify(client, key, "one", token)["reason"] == "revoked"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"not_before": timedelta(hours=1)}, "not_yet_valid"),
        ({"max_views": 1, "views": 1}, "used_up"),
    ],
)
def test_verify_tells_of_terms_that_people_set(
    client: FlaskClient,
    key: str,
    clip: bytes,
    library: Library,
    change: dict[str, Any],
    reason: str,
) -> None:
    token = _token(_hosted(client, key, clip, video_id="one"))
    values = {
        name: utcnow() + value if isinstance(value, timedelta) else value
        for name, value in change.items()
    }
    library.change_link(token, **values)
    verdict = _verify(client, key, "one", token)
    assert (verdict["valid"], verdict["reason"]) == (False, reason)


@ONE_DATABASE
def test_health_is_told_by_the_older_address(client: FlaskClient) -> None:
    assert client.get("/health").get_json() == client.get("/healthz").get_json()


def test_extending_counts_from_the_end_revives_and_stops_at_retention(
    client: FlaskClient, key: str, clip: bytes, clock: Clock
) -> None:
    document = _hosted(client, key, clip, video_id="one")
    until = datetime.fromisoformat(document["expiration_time"])
    answer = _extend(client, key, video_id="one").get_json()
    assert answer == {
        "success": True,
        "new_expiration": (until + timedelta(hours=24)).isoformat(),
        "total_hours": 72,
    }
    clock.forward(hours=100)
    assert _verify(client, key, "one", _token(document))["reason"] == "expired"
    assert _extend(client, key, video_id="one", additional_hours=0.5).status_code == 200
    verdict = _verify(client, key, "one", _token(document))
    assert verdict["valid"] is True
    assert verdict["remaining_hours"] == pytest.approx(0.5, abs=0.01)
    far = _extend(client, key, video_id="one", additional_hours=100_000).get_json()
    renew()
    purge_at = db.session.query(Video).one().purge_at
    assert purge_at is not None
    assert datetime.fromisoformat(far["new_expiration"]) == purge_at.replace(microsecond=0)


def test_a_repeated_extension_extends_once(client: FlaskClient, key: str, clip: bytes) -> None:
    _hosted(client, key, clip, video_id="one")
    first = _extend(client, key, video_id="one", request="r1").get_json()
    assert _extend(client, key, video_id="one", request="r1").get_json() == first
    assert _extend(client, key, video_id="one", request="r2").get_json() != first


def test_what_cannot_be_extended(client: FlaskClient, key: str, clip: bytes) -> None:
    _hosted(client, key, clip, video_id="one")
    assert _extend(client, key, video_id="nothing").status_code == 404
    assert _extend(client, _new_key("other"), video_id="one").status_code == 404
    for hours in (0, -1, "24", True, 1e9, None, 10**400):
        assert _extend(client, key, video_id="one", additional_hours=hours).status_code == 422
    assert _extend(client, key).status_code == 422
    renew()
    links.revoke_link(SYSTEM, db.session.query(Link).one().id)
    refused = _extend(client, key, video_id="one")
    assert (refused.status_code, refused.get_json()["code"]) == (409, "link_revoked")


@ONE_DATABASE
def test_every_mistake_of_an_extension_is_named_with_its_field(
    client: FlaskClient, key: str
) -> None:
    refused = _extend(client, key, video_id=7, additional_hours="many")
    assert (refused.status_code, refused.get_json()["code"]) == (422, "invalid_request")
    message = refused.get_json()["error"]
    assert message == "video_id must be a text. additional_hours must be a number."
    assert _extend(client, key).get_json()["error"] == "video_id is missing."


def test_a_deleted_video_is_gone_with_its_links_and_its_id(
    client: FlaskClient, key: str, clip: bytes, work: Callable[[], None], config: Config
) -> None:
    document = _hosted(client, key, clip, video_id="one")
    work()
    assert _delete(client, _new_key("other"), "one") == 404
    assert _delete(client, key, "one") == 204
    assert _delete(client, key, "one") == 404
    assert stored_files(config) == []
    assert client.get(f"/stream/{_token(document)}/").status_code == 404
    answer = _upload(client, key, clip, {"video_id": "one"})
    assert (answer.status_code, answer.get_json()["code"]) == (409, "video_deleted")
    renew()
    assert db.session.query(AuditEvent).filter(AuditEvent.action == "video:deleted").count() == 1


@ONE_DATABASE
def test_who_may_host(client: FlaskClient, key: str, clip: bytes, api_key: str) -> None:
    assert _upload(client, "", clip, {}).status_code == 401
    assert _upload(client, "vgt_unknown", clip, {}).status_code == 403
    answer = _upload(client, _new_key("detector", Scope.INGEST), clip, {})
    assert (answer.status_code, answer.get_json()["code"]) == (403, "insufficient_scope")


@pytest.mark.parametrize("kind", ["application/json", "application/octet-stream", "video/mp4", ""])
@ONE_DATABASE
def test_a_body_that_is_no_form_is_told_which_one_is(
    client: FlaskClient, key: str, kind: str
) -> None:
    answer = client.post(f"{API}/upload", data=b"{}", content_type=kind, headers={"X-API-Key": key})
    assert answer.status_code == 400
    assert "multipart/form-data" in answer.get_json()["error"]


@pytest.mark.parametrize("text", ["%00", "x" * 5000, "%ff", "%0a", "é"])
def test_whatever_is_no_token_or_no_id_is_unknown(client: FlaskClient, key: str, text: str) -> None:
    for query in (f"video_id=v&token={text}", f"video_id={text}&token=t"):
        answer = client.get(f"{API}/link/verify?{query}", headers={"X-API-Key": key})
        assert (answer.status_code, answer.get_json()["reason"]) == (200, "unknown")
