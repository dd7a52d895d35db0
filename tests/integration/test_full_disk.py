"""A full disk: nothing half kept, a message that says so, and the alert is still sent."""

import base64
import errno
import hashlib
import os
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.functional.installation import text_of
from tests.helpers import (
    Clock,
    Footage,
    Person,
    incident_document,
    mails,
    post_form,
    post_incident,
    renew,
    stored_files,
)
from tests.library import ACTOR
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.media import incident
from vigint_web.models import (
    Incident,
    Notification,
    NotificationKind,
    Role,
    Scope,
    Video,
    VideoStatus,
)
from vigint_web.services.accounts import api_keys, sites
from vigint_web.services.core.actors import SYSTEM
from vigint_web.services.incidents import incidents
from vigint_web.services.operations.reconciler import reconcile
from vigint_web.services.processing import pipeline
from vigint_web.storage import workspace

pytestmark = pytest.mark.both_databases(reason="a database that is full")
ONE_DATABASE = pytest.mark.only_sqlite(reason="others here ask of the database what it asks")

Work = Callable[[], None]
MIB = 1024 * 1024


@pytest.fixture
def small_disk(config: Config, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Put the media on a real disk of 4 MiB; comes before `app`."""
    monkeypatch.setattr(workspace, "_RESERVE", 0)  # a disk this small is all reserve
    config.media_dir.mkdir(mode=0o700)
    command = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", str(config.media_dir)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk")
    try:
        yield config.media_dir
    finally:
        subprocess.run(["umount", "-l", str(config.media_dir)], check=True)


def _fill(disk: Path, leave: int) -> None:
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    (disk / ".incoming" / "filler").write_bytes(b"\0" * (free - leave))


def _nothing_kept(config: Config) -> None:
    renew()
    assert db.session.query(Incident).count() == 0
    assert stored_files(config) == []
    left = [path.name for path in config.temp_dir.iterdir() if path.name != "filler"]
    assert left == []


def test_an_incident_that_does_not_fit_is_507_and_nothing_is_kept(
    small_disk: Path, client: FlaskClient, api_key: str, footage: Footage, config: Config
) -> None:
    _fill(small_disk, 64 * 1024)
    frames = footage.frames(20, "640x480")
    refused = post_incident(client, api_key, incident_document(frames), 507, Idempotency_Key="k")
    assert refused["code"] == "storage_full"
    _nothing_kept(config)
    form = post_form(client, api_key, {"message": "m"}, frames=frames)
    assert (form.status_code, form.headers["Retry-After"].isdigit()) == (507, True)
    _nothing_kept(config)
    clip = post_form(client, api_key, {"message": "m"}, video=b"x" * MIB)
    assert clip.status_code == 507
    _nothing_kept(config)
    (small_disk / ".incoming" / "filler").unlink()
    post_incident(client, api_key, incident_document(frames), Idempotency_Key="k")


def test_a_disk_that_fails_at_the_last_moment_keeps_nothing(
    app: Flask,
    client: FlaskClient,
    api_key: str,
    footage: Footage,
    config: Config,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """File systems that allocate late report a full disk when the file is synced."""

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        refused = post_incident(client, api_key, incident_document(footage.frames(3)), 507)
    assert refused["code"] == "storage_full"
    _nothing_kept(config)


@ONE_DATABASE
def test_no_room_while_encoding_is_told_by_text_and_the_link_follows(
    small_disk: Path,
    client: FlaskClient,
    api_key: str,
    footage: Footage,
    config: Config,
    work: Work,
    clock: Clock,
    people: Callable[[Role], Person],
) -> None:
    accepted = post_incident(client, api_key, incident_document(footage.frames(20, "640x480")))
    _fill(small_disk, 16 * 1024)
    work()
    for _ in range(8):  # more often than a video is tried whose workers die
        clock.forward(minutes=2)
        reconcile()
        work()
    video = db.session.query(Video).one()
    assert video.waits_for_room, "accepted footage is given up"
    assert stored_files(config) == [video.frames_key], "the frames stay"
    [mail] = mails(config)
    assert "/video/" not in mail.as_string()
    assert "disque du serveur est plein" in text_of(mail)
    page = people(Role.OPERATOR).browser.get(f"/incidents/{accepted['reference']}/").text
    assert "pas assez de place" in page
    (small_disk / ".incoming" / "filler").unlink()
    clock.forward(minutes=2)
    reconcile()
    work()
    video = db.session.query(Video).one()
    assert (video.status, video.error_code) == (VideoStatus.READY, None)
    sent = mails(config)
    assert len(sent) == 2, "one by text and one with the link"
    assert sum("/video/" in text_of(mail) for mail in sent) == 1
    clock.forward(minutes=2)
    reconcile()
    work()
    assert len(mails(config)) == 2


def test_after_a_day_it_fails_and_a_retry_by_hand_owes_the_link(
    small_disk: Path,
    client: FlaskClient,
    api_key: str,
    footage: Footage,
    config: Config,
    work: Work,
    clock: Clock,
) -> None:
    accepted = post_incident(client, api_key, incident_document(footage.frames(20, "640x480")))
    _fill(small_disk, 16 * 1024)
    work()
    clock.forward(hours=25)
    reconcile()
    work()
    video = db.session.query(Video).one()
    assert (video.status, video.error_code) == (VideoStatus.FAILED, "no_space")
    assert len(mails(config)) == 1
    (small_disk / ".incoming" / "filler").unlink()
    incidents.retry_incident_video(SYSTEM, accepted["reference"])
    work()
    assert db.session.query(Video).one().status == VideoStatus.READY
    sent = mails(config)
    assert len(sent) == 2
    assert sum("/video/" in text_of(mail) for mail in sent) == 1


def test_a_text_that_has_not_left_yet_carries_the_link_itself(
    client: FlaskClient,
    api_key: str,
    footage: Footage,
    config: Config,
    work: Work,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    post_incident(client, api_key, incident_document(footage.frames(3)))
    [video] = db.session.query(Video)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(incident, "encode_frames", full)
        pipeline.process_video(video.id)
    assert [notification.kind for notification in db.session.query(Notification)] == [
        NotificationKind.TEXT_ONLY
    ]
    clock.forward(minutes=2)
    pipeline.process_video(video.id)
    renew()
    work()
    [mail] = mails(config)
    assert "/video/" in text_of(mail)


def test_an_upload_that_does_not_fit_is_a_failed_source_and_the_next_one_goes_on(
    small_disk: Path, people: Callable[[Role], Person], footage: Footage, config: Config
) -> None:
    _fill(small_disk, MIB)
    clip = footage.clip("fits.mp4", seconds=1, size="160x120").read_bytes()
    assert len(clip) < MIB // 2
    people(Role.OPERATOR).upload(("big.mp4", b"x" * (2 * MIB)), ("fits.mp4", clip))
    renew()
    found = {v.original_name: (v.status, v.error_code) for v in db.session.query(Video)}
    assert found == {
        "big.mp4": (VideoStatus.FAILED, "no_space"),
        "fits.mp4": (VideoStatus.PROCESSING, None),
    }
    assert len(stored_files(config)) == 1


def test_the_reserve_is_kept_for_logging_in_and_deleting(
    app: Flask,
    client: FlaskClient,
    api_key: str,
    people: Callable[[Role], Person],
    monkeypatch: pytest.MonkeyPatch,
    footage: Footage,
    config: Config,
) -> None:
    monkeypatch.setattr(workspace, "_RESERVE", 2**62)
    assert post_incident(client, api_key, incident_document(footage.frames(2)), 507)["code"]
    _nothing_kept(config)
    operator = people(Role.OPERATOR)
    operator.upload(("clip.mp4", b"x" * 100))
    renew()
    assert db.session.query(Video).one().error_code == "no_space"
    assert operator.post("/source-management/file_001/delete").status_code == 302
    renew()
    assert db.session.query(Video).count() == 0


def test_a_resumable_upload_keeps_what_fitted_and_goes_on_when_there_is_room(
    small_disk: Path, client: FlaskClient, config: Config
) -> None:
    key = api_keys.create_api_key(ACTOR, "uploader", sites.default_site(), {Scope.UPLOAD})
    data = random.Random(1).randbytes(2 * MIB)
    headers = {"X-API-Key": key, "Tus-Resumable": "1.0.0"}
    begun = client.post(
        "/api/v1/uploads/",
        headers={
            **headers,
            "Upload-Length": str(len(data)),
            "Upload-Metadata": "filename YS5tcDQ=",
        },
    )
    path = begun.headers["Location"]

    def send(offset: int, **more: str) -> TestResponse:
        named = {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        return client.patch(path, data=data[offset:], headers={**headers, **named, **more})

    _fill(small_disk, MIB)
    whole = hashlib.sha1(data, usedforsecurity=False).digest()
    checked = {"Upload-Checksum": f"sha1 {base64.b64encode(whole).decode()}"}
    assert send(0, **checked).status_code == 507
    assert client.head(path, headers=headers).headers["Upload-Offset"] == "0", "all or nothing"
    refused = send(0)
    assert (refused.status_code, refused.get_json()["code"]) == (507, "storage_full")
    assert refused.headers["Retry-After"].isdigit()
    offset = int(client.head(path, headers=headers).headers["Upload-Offset"])
    assert MIB // 2 < offset < 2 * MIB
    (small_disk / ".incoming" / "filler").unlink()
    assert send(offset).status_code == 204
    renew()
    video = db.session.query(Video).one()
    assert video.original_sha256 == hashlib.sha256(data).hexdigest()
    assert stored_files(config) == [video.original_key]
