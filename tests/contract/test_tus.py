"""Resumable uploads according to tus 1.0.0, and extensions of the protocol."""

import base64
import hashlib
import io
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.helpers import Clock, Footage, renew, stored_files
from tests.library import ACTOR
from tests.tus_client import BASE, DATA, OFFSETS, Tus, encoded
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.models import AuditEvent, Link, Scope, Source, Upload, Video, VideoStatus
from vigint_web.services.accounts import api_keys, sites
from vigint_web.services.core.runtime import storage
from vigint_web.services.operations.reconciler import reconcile
from vigint_web.services.sources import sources
from vigint_web.services.uploads import uploads

pytestmark = pytest.mark.both_databases(reason="row locks")

MIB = 1024 * 1024
ONCE = pytest.mark.only_sqlite(reason="no database has a say in it")


@pytest.fixture
def settings() -> dict[str, str]:
    return {"VIGINT_MAX_UPLOAD_MB": "1"}


@pytest.fixture
def key(app: Flask) -> str:
    return api_keys.create_api_key(ACTOR, "uploader", sites.default_site(), {Scope.UPLOAD})


@pytest.fixture
def tus(client: FlaskClient, key: str) -> Tus:
    return Tus(client, Authorization=f"Bearer {key}")


def _source(source_id: str = "file_001") -> Source:
    renew()
    return sources.get_source(ACTOR, source_id)


def _staged() -> list[str]:
    return [staged.name for staged in storage().list_staged()]


@ONCE
def test_what_the_server_can_do_is_told_to_anybody(client: FlaskClient) -> None:
    answer = client.options(BASE)
    assert answer.status_code == 204
    assert answer.headers["Tus-Version"] == "1.0.0"
    assert set(answer.headers["Tus-Extension"].split(",")) == {
        "creation", "creation-with-upload", "expiration", "checksum", "termination",
    }  # fmt: skip
    assert answer.headers["Tus-Max-Size"] == str(MIB)
    assert "sha1" in answer.headers["Tus-Checksum-Algorithm"].split(",")


def test_an_upload_in_three_pieces_becomes_a_source(
    tus: Tus, footage: Footage, work: Callable[[], None], config: Config
) -> None:
    data = footage.clip("entrance.mp4").read_bytes()
    metadata = encoded(filename="entrance.mp4", name="Entrance", description="Door 2")
    answer = tus.ask("POST", Upload_Length=str(len(data)), Upload_Metadata=metadata)
    assert (answer.status_code, answer.headers["Vigint-Source"]) == (201, "file_001")
    assert answer.headers["Tus-Resumable"] == "1.0.0"
    assert answer.headers["Upload-Expires"].endswith("GMT")
    path = answer.headers["Location"]
    assert path.startswith(BASE)
    third = len(data) // 3
    for first, last in ((0, third), (third, 2 * third), (2 * third, len(data))):
        assert tus.offset(path) == first
        answer = tus.patch(path, data[first:last], first)
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, str(last))
        assert ("Upload-Expires" in answer.headers) == (last < len(data))
    head = tus.ask("HEAD", path)
    assert head.headers["Upload-Offset"] == head.headers["Upload-Length"] == str(len(data))
    assert head.headers["Upload-Metadata"] == metadata
    assert "no-store" in head.headers["Cache-Control"]
    work()
    source = _source()
    assert (source.name, source.description) == ("Entrance", "Door 2")
    assert source.video.status == VideoStatus.READY
    assert source.video.original_sha256 == hashlib.sha256(data).hexdigest()
    with storage().open(str(source.video.original_key)) as file:
        assert file.read() == data
    assert _staged() == []
    assert [path.name for path in config.temp_dir.iterdir()] == []
    document = tus.ask("GET", path).get_json()
    assert document["finished"] is True
    assert document["sha256"] == source.video.original_sha256


@ONCE
def test_bytes_may_come_along_with_the_creation(tus: Tus) -> None:
    answer = tus.ask(
        "POST",
        body=DATA[:100],
        Upload_Length=str(len(DATA)),
        Upload_Metadata=encoded(filename="a.mp4"),
        Content_Type=OFFSETS,
    )
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, "100")
    path = answer.headers["Location"]
    assert tus.patch(path, DATA[100:], 100).status_code == 204
    whole = tus.ask(
        "POST",
        body=DATA,
        Upload_Length=str(len(DATA)),
        Upload_Metadata=encoded(filename="b.mp4"),
        Content_Type=OFFSETS,
    )
    assert (whole.status_code, whole.headers["Upload-Offset"]) == (201, str(len(DATA)))
    assert _source("file_002").video.status == VideoStatus.PROCESSING


def test_what_comes_wrong_with_the_creation_leaves_nothing(tus: Tus, config: Config) -> None:
    start = {"Upload_Metadata": encoded(filename="a.mp4"), "Content_Type": OFFSETS}
    long = tus.ask("POST", body=DATA, Upload_Length="10", **start)
    assert (long.status_code, long.get_json()["code"]) == (413, "upload_too_long")
    wrong = "sha256 " + base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    bad = tus.ask("POST", body=DATA, Upload_Length=str(len(DATA)), Upload_Checksum=wrong, **start)
    assert bad.status_code == 460
    kind = tus.ask(
        "POST", body=DATA, Upload_Length=str(len(DATA)), **start | {"Content_Type": "x/y"}
    )
    assert kind.status_code == 415
    renew()
    assert db.session.query(Upload).count() == db.session.query(Source).count() == 0
    assert _staged() == []


WRONG_CREATIONS: list[tuple[dict[str, Any], int, str]] = [
    ({"Upload_Length": None}, 400, "invalid_request"),
    ({"Upload_Length": "-1"}, 400, "invalid_request"),
    ({"Upload_Length": "1e3"}, 400, "invalid_request"),
    ({"Upload_Length": "\xd9\xa3"}, 400, "invalid_request"),
    ({"Upload_Length": "9" * 30}, 400, "invalid_request"),
    ({"Upload_Length": "0"}, 400, "empty_file"),
    ({"Upload_Length": str(MIB + 1)}, 413, "too_large"),
    ({"Upload_Length": None, "Upload_Defer_Length": "1"}, 400, "invalid_request"),
    ({"Upload_Metadata": None}, 400, "invalid_request"),
    ({"Upload_Metadata": "filename"}, 400, "invalid_request"),
    ({"Upload_Metadata": "filename %%%"}, 400, "invalid_request"),
    ({"Upload_Metadata": "filename /w=="}, 400, "invalid_request"),
    ({"Upload_Metadata": "filename YQ==,filename YQ=="}, 400, "invalid_request"),
    ({"Upload_Metadata": "filename YQ==,,x YQ=="}, 400, "invalid_request"),
    ({"Upload_Metadata": encoded(filename="a", site="nowhere")}, 422, "invalid_request"),
    ({"Tus_Resumable": None}, 412, "unsupported_version"),
    ({"Tus_Resumable": "0.2.2"}, 412, "unsupported_version"),
]


@ONCE
def test_a_creation_that_is_not_right_is_refused(tus: Tus) -> None:
    for headers, status, code in WRONG_CREATIONS:
        sent = {"Upload_Length": "10", "Upload_Metadata": encoded(filename="a.mp4"), **headers}
        answer = tus.ask("POST", **sent)
        assert (answer.status_code, answer.get_json()["code"]) == (status, code), headers
        assert answer.headers["Tus-Resumable"] == "1.0.0"
        assert ("Tus-Version" in answer.headers) == (status == 412)
    renew()
    assert db.session.query(Source).count() == 0


@ONCE
def test_a_wrong_offset_is_told_the_right_one_and_changes_nothing(tus: Tus) -> None:
    path = tus.create()
    assert tus.patch(path, DATA[:500], 0).status_code == 204
    for wrong in (0, 499, 501, len(DATA)):
        answer = tus.patch(path, b"x", wrong) if wrong < len(DATA) else tus.patch(path, b"", wrong)
        assert (answer.status_code, answer.get_json()["code"]) == (409, "wrong_offset")
        assert answer.headers["Upload-Offset"] == "500"
    assert tus.offset(path) == 500
    assert tus.patch(path, DATA[500:], 500).status_code == 204
    assert _source().video.original_sha256 == hashlib.sha256(DATA).hexdigest()


WRONG_PIECES: list[tuple[dict[str, Any], int]] = [
    ({"Content_Type": "application/octet-stream"}, 415),
    ({"Content_Type": None}, 415),
    ({"Upload_Offset": None}, 400),
    ({"Upload_Offset": "-1"}, 400),
    ({"Upload_Offset": "x"}, 400),
    ({"Tus_Resumable": None}, 412),
    ({"Upload_Checksum": "crc32 AAAA"}, 400),
    ({"Upload_Checksum": "sha256"}, 400),
    ({"Upload_Checksum": "sha256 %%%"}, 400),
    ({"Upload_Checksum": "sha256 AAAA"}, 400),
]


@ONCE
def test_bytes_that_come_in_a_wrong_way_are_not_kept(tus: Tus) -> None:
    path = tus.create()
    for headers, status in WRONG_PIECES:
        answer = tus.patch(path, DATA[:10], **{"offset": 0, **headers})
        assert answer.status_code == status, headers
        assert tus.offset(path) == 0


@ONCE
def test_more_bytes_than_announced_are_refused_and_not_kept(tus: Tus, client: FlaskClient) -> None:
    path = tus.create(100)
    assert tus.patch(path, DATA[:60], 0).status_code == 204
    answer = tus.patch(path, DATA[60:101], 60)
    assert (answer.status_code, answer.get_json()["code"]) == (413, "upload_too_long")
    assert tus.offset(path) == 60
    unannounced = client.open(  # in chunks, without Content-Length
        path,
        method="PATCH",
        input_stream=io.BytesIO(DATA[60:101]),
        environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
        headers={**tus.headers, "Upload-Offset": "60", "Content-Type": OFFSETS},
    )
    assert unannounced.status_code == 413
    assert tus.offset(path) == 60
    assert tus.patch(path, DATA[60:100], 60).status_code == 204
    assert _source().video.original_sha256 == hashlib.sha256(DATA[:100]).hexdigest()


@ONCE
@pytest.mark.parametrize("algorithm", ["sha256", "sha1", "md5"])
def test_bytes_are_compared_with_their_checksum(tus: Tus, algorithm: str) -> None:
    def checksum(data: bytes) -> str:
        digest = hashlib.new(algorithm, data, usedforsecurity=False).digest()
        return f"{algorithm} {base64.b64encode(digest).decode()}"

    path = tus.create()
    good = tus.patch(path, DATA[:700], 0, Upload_Checksum=checksum(DATA[:700]))
    assert good.status_code == 204
    bad = tus.patch(path, DATA[700:900], 700, Upload_Checksum=checksum(b"other"))
    assert (bad.status_code, bad.get_json()["code"]) == (460, "checksum_mismatch")
    assert tus.offset(path) == 700
    rest = tus.patch(path, DATA[700:], 700, Upload_Checksum=checksum(DATA[700:]))
    assert rest.status_code == 204
    assert _source().video.original_sha256 == hashlib.sha256(DATA).hexdigest()


@ONCE
def test_a_last_piece_with_a_wrong_checksum_finishes_nothing(tus: Tus) -> None:
    path = tus.create()
    wrong = "sha1 " + base64.b64encode(b"x" * 20).decode()
    assert tus.patch(path, DATA, 0, Upload_Checksum=wrong).status_code == 460
    assert _source().video.status == VideoStatus.UPLOADING
    assert tus.patch(path, DATA, 0).status_code == 204


def _cut(tus: Tus, path: str, body: bytes, announced: int, **headers: str) -> TestResponse:
    return tus.browser.open(
        path,
        method="PATCH",
        input_stream=io.BytesIO(body),
        environ_overrides={"CONTENT_LENGTH": str(announced)},
        headers={**tus.headers, "Upload-Offset": "0", "Content-Type": OFFSETS, **headers},
    )


@ONCE
def test_what_came_before_a_connection_broke_is_kept(tus: Tus) -> None:
    path = tus.create()
    assert _cut(tus, path, DATA[:4000], len(DATA)).status_code == 400
    assert tus.offset(path) == 4000
    assert tus.patch(path, DATA[4000:], 4000).status_code == 204
    assert _source().video.original_sha256 == hashlib.sha256(DATA).hexdigest()


@ONCE
def test_what_cannot_be_checked_any_more_is_not_kept(tus: Tus) -> None:
    path = tus.create()
    digest = base64.b64encode(hashlib.sha256(DATA).digest()).decode()
    cut = _cut(tus, path, DATA[:4000], len(DATA), **{"Upload-Checksum": f"sha256 {digest}"})
    assert cut.status_code == 400
    assert tus.offset(path) == 0


def test_a_finished_upload_says_so_however_it_is_asked(tus: Tus) -> None:
    path = tus.create()
    assert tus.patch(path, DATA, 0).status_code == 204
    assert tus.offset(path) == len(DATA)
    again = tus.patch(path, DATA, 0)
    assert (again.status_code, again.get_json()["code"]) == (409, "upload_finished")
    assert again.headers["Upload-Offset"] == str(len(DATA))
    assert tus.patch(path, b"", len(DATA)).status_code == 204
    assert tus.ask("DELETE", path).status_code == 409
    renew()
    assert db.session.query(Source).count() == 1
    assert len([e for e in db.session.query(AuditEvent) if e.action == "source:received"]) == 1


def test_a_terminated_upload_is_as_if_it_had_never_been(tus: Tus, config: Config) -> None:
    path = tus.create()
    tus.patch(path, DATA[:5000], 0)
    assert _staged() != []
    assert tus.ask("DELETE", path).status_code == 204
    for method in ("HEAD", "GET", "DELETE"):
        assert tus.ask(method, path).status_code == 404
    assert tus.patch(path, DATA[5000:], 5000).status_code == 404
    renew()
    for table in (Upload, Source, Video, Link):
        assert db.session.query(table).count() == 0
    assert _staged() == stored_files(config) == []
    actions = [event.action for event in db.session.query(AuditEvent).order_by(AuditEvent.id)]
    assert actions[-1] == "upload:terminated"


def test_an_abandoned_upload_fails_with_a_sentence(tus: Tus, clock: Clock) -> None:
    path = tus.create()
    tus.patch(path, DATA[:5000], 0)
    clock.forward(hours=23)
    assert reconcile() == 0
    assert tus.patch(path, DATA[5000:6000], 5000).status_code == 204, "each byte prolongs it"
    clock.forward(hours=23)
    assert tus.offset(path) == 6000
    clock.forward(hours=2)
    for method in ("HEAD", "GET", "DELETE"):
        assert tus.ask(method, path).status_code == 410
    assert reconcile() == 1
    assert tus.ask("GET", path).get_json()["code"] == "upload_expired"
    assert tus.patch(path, DATA[6000:], 6000).status_code == 410
    source = _source()
    assert (source.video.status, source.video.error_code) == ("failed", "upload_expired")
    assert _staged() == []
    assert tus.ask("GET").get_json() == {"uploads": []}
    clock.forward(days=8)
    assert uploads.forget_ended() == 1


def test_a_deleted_source_takes_its_upload_with_it(tus: Tus) -> None:
    path = tus.create()
    tus.patch(path, DATA[:100], 0)
    sources.delete_source(ACTOR, "file_001")
    assert _staged() == []
    assert tus.ask("HEAD", path).status_code == 404


@ONCE
def test_bytes_of_an_upload_that_is_gone_are_swept(tus: Tus) -> None:
    path = tus.create()
    tus.patch(path, DATA[:100], 0)
    assert uploads.sweep_staged() == 0
    storage().staged("upl_gone").append([b"x"])
    storage().staged("other").append([b"x"])
    assert uploads.sweep_staged() == 1
    assert sorted(_staged()) == sorted(["other", path.removeprefix(BASE)])


def test_tags_come_along_and_a_file_that_is_known_is_told(tus: Tus) -> None:
    metadata = encoded(filename="a.mp4", name="First", tags="Quai 2, nuit,quai 2,")
    tus.patch(tus.create(metadata=metadata), DATA, 0)
    assert [tag.name for tag in _source().tags] == ["Quai 2", "nuit"]
    again = tus.create()
    assert tus.ask("GET", again).get_json()["duplicates"] == []
    tus.patch(again, DATA, 0)
    document = tus.ask("GET", again).get_json()
    assert document["duplicates"] == [{"source_id": "file_001", "name": "First"}]
    many = encoded(filename="a.mp4", tags=",".join(map(str, range(21))))
    refused = tus.ask("POST", Upload_Length="5", Upload_Metadata=many)
    assert refused.status_code == 422


def test_a_name_reaches_neither_disk_nor_header_as_it_came(tus: Tus, config: Config) -> None:
    name = "../../etc/\u202epasswd\r\nX-Evil: 1.mp4"
    path = tus.create(
        metadata=encoded(filename=name, name="a\x00\r\nb", description="one\r\ntwo\x07")
    )
    tus.patch(path, DATA, 0)
    source = _source()
    assert source.video.original_name == "passwdX-Evil_ 1.mp4"
    assert (source.name, source.description) == ("a b", "one\ntwo")
    assert stored_files(config) == [f"videos/{source.video.public_id}/original.mp4"]


def test_a_source_may_be_given_its_id(tus: Tus) -> None:
    def begin(**metadata: str) -> TestResponse:
        metadata = {"filename": "a.mp4", **metadata}
        return tus.ask("POST", Upload_Length="9", Upload_Metadata=encoded(**metadata))

    assert begin(source_id="file_002").headers["Vigint-Source"] == "file_002"
    taken = begin(source_id="file_002")
    assert (taken.status_code, taken.get_json()["code"]) == (409, "source_id_taken")
    # The numbers continue around the given ids.
    assert [begin().headers["Vigint-Source"] for _ in range(2)] == ["file_001", "file_003"]
    for wrong in ("-a", "a b", "a/b", "é", "x" * 65, "."):
        answer = begin(source_id=wrong)
        assert answer.status_code == 422, wrong
        assert "source id" in answer.get_json()["error"]
    renew()
    assert db.session.query(Source).count() == 3


@ONCE
@pytest.mark.parametrize(
    ("name", "code"),
    [("x.exe", "from_recorder"), ("a.dav", "from_recorder"), ("a.txt", "not_a_video")],
)
def test_a_file_of_another_format_is_refused_before_its_bytes(
    tus: Tus, name: str, code: str
) -> None:
    answer = tus.ask("POST", Upload_Length="9", Upload_Metadata=encoded(filename=name))
    assert (answer.status_code, answer.get_json()["code"]) == (422, code)
    assert "MP4" in answer.get_json()["error"]
    assert "1 MB" in answer.get_json()["error"]
    renew()
    assert db.session.query(Source).count() == 0
