"""A whole installation with footage in S3: received, processed, watched, cut off, deleted."""

import base64
import hashlib
import io
import json
import random
import re
import struct
import zipfile
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.functional.installation import Installation
from tests.functional.processes import wait_until
from tests.functional.tus import Uploader, break_off
from tests.functional.web import Reader, Session, request
from tests.helpers import Footage
from tests.s3_server import S3Server
from vigint_web.services.videos.frames_archive import MANIFEST

_BIG = 24 * 1024 * 1024  # more than any buffer, and several parts in S3


@pytest.fixture(scope="module")
def away(tmp_path_factory: pytest.TempPathFactory, s3: S3Server) -> Iterator[Installation]:
    """Provide a running installation with its footage in S3."""
    settings = s3.settings("footage/of-vigint")
    with Installation(tmp_path_factory.mktemp("s3"), **settings).lived_in() as running:
        yield running


@pytest.fixture(scope="module")
def browser(away: Installation) -> Session:
    """Give a logged-in administrator."""
    return away.session()


def objects(s3: S3Server, installation: Installation) -> list[str]:
    """Return the bucket's content, read without Vigint; there are no unfinished uploads."""
    bucket = urlsplit(installation.environment["VIGINT_STORAGE_URL"]).netloc
    client = s3.client()
    assert "Uploads" not in client.list_multipart_uploads(Bucket=bucket)
    found = client.list_objects_v2(Bucket=bucket).get("Contents", [])
    return [held["Key"] for held in found]


def test_a_source_lives_in_s3_from_its_upload_to_its_deletion(
    away: Installation, browser: Session, s3: S3Server, footage: Footage
) -> None:
    clip = footage.clip("s3.mp4", seconds=2).read_bytes()
    padding = _BIG - len(clip)
    data = clip + struct.pack(">I4s", padding, b"free") + bytes(padding - 8)
    landed = browser.upload(("s3.mp4", data))
    page = urlsplit(landed.url).path
    found = re.search(r"/api/video/([\w.~-]+)/", landed.text)
    assert found, landed.text
    api, stream = (f"{away.url}/{kind}/{found.group(1)}/" for kind in ("api/video", "stream"))
    away.secrets.add(found.group(1))
    wait_until(lambda: request(api).json()["status"] == "ready", "the source is ready")
    kept = objects(s3, away)
    assert all(key.startswith("footage/of-vigint/videos/") for key in kept)
    assert any(key.endswith("/original.mp4") for key in kept)
    assert not list((away.data_dir / "media").glob("[!.]*")), "footage is on this machine's disk"

    part = request(stream, Range=f"bytes={9 * 1024 * 1024}-")
    assert (part.status, part.body == data[9 * 1024 * 1024 :]) == (206, True)
    assert part.headers["Content-Range"] == f"bytes {9 * 1024 * 1024}-{_BIG - 1}/{_BIG}"
    assert request(f"{api}download/").body == data
    assert request(f"{api}thumbnail/").body.startswith(b"\xff\xd8")

    [(link_id,)] = away.sql("SELECT id FROM links")
    reader = Reader(stream, end="\r\n\r\n")
    try:
        assert reader.read()
        assert browser.submit(f"/links/{link_id}/revoke", reason="test").status == 200
        wait_until(lambda: not reader.read(16 * 1024), "the connection was cut", 12)
        assert reader.received < _BIG, "all of it arrived"
    finally:
        reader.close()
    assert request(stream).status == 410

    assert browser.submit(f"{page}delete", page=page).status == 200
    wait_until(lambda: objects(s3, away) == [], "the bucket is empty")


def test_an_incident_its_downloads_and_a_check(
    away: Installation, browser: Session, document: Callable[..., dict[str, Any]], s3: S3Server
) -> None:
    sent = document()
    accepted = away.post(sent)
    ended = away.finished(accepted)
    assert ended["state"] == "ready", json.dumps(ended)
    downloads = f"/videos/{accepted['video_id']}/download"
    clip = browser.open(f"{downloads}/clip")
    assert (clip.status, hashlib.sha256(clip.body).hexdigest()) == (200, ended["file_hash"])
    frames = browser.open(f"{downloads}/frames")
    with zipfile.ZipFile(io.BytesIO(frames.body)) as archive:
        received = [archive.read(entry["name"]) for entry in json.loads(archive.read(MANIFEST))]
    assert received == [base64.b64decode(frame["frame_data"]) for frame in sent["frames"]]
    # Another one's are damaged before they were ever checked.
    other = away.post(document())
    away.finished(other)
    names = [name for name in objects(s3, away) if name.endswith("frames.zip")]
    [key] = [name for name in names if other["video_id"] in name]
    bucket = urlsplit(away.environment["VIGINT_STORAGE_URL"]).netloc
    whole = s3.client().get_object(Bucket=bucket, Key=key)["Body"].read()
    damaged = whole.replace(received[0], received[0][:-1] + b"x")
    s3.client().put_object(Bucket=bucket, Key=key, Body=damaged)
    assert browser.open(f"/videos/{other['video_id']}/download/frames").status == 409
    s3.client().put_object(Bucket=bucket, Key=key, Body=whole)
    wait_until(away.is_tidy, "rows and storage agree")


def test_an_upload_that_breaks_off_goes_on_in_s3(away: Installation, s3: S3Server) -> None:
    data = random.Random(1).randbytes(14 * 1024 * 1024)
    uploader = Uploader(away.url, away.api_key)
    path = uploader.create(len(data))
    first = uploader.begin(path, len(data))
    first.sendall(data[: 10 * 1024 * 1024])
    break_off(first)
    assert uploader.go_on(path, data).headers["Upload-Offset"] == str(len(data))
    assert uploader.document(path)["sha256"] == hashlib.sha256(data).hexdigest()
    assert not [key for key in objects(s3, away) if ".incoming" in key]
