"""Sources by the plain form: accepted files, refused ones, and the messages."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder, TestResponse

from tests.helpers import Footage, Person, csrf_token, renew, stored_files
from tests.library import ACTOR, Library
from vigint_web.blueprints.pages.sources import receiving
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.http.uploads import multipart
from vigint_web.media.errors import MediaError, MediaErrorCode
from vigint_web.models import AuditEvent, Role, Source, Video, VideoStatus
from vigint_web.services.accounts import sites
from vigint_web.services.processing import pipeline
from vigint_web.services.sources import sources

pytestmark = pytest.mark.both_databases(reason="row locks")
ONE_DATABASE = pytest.mark.only_sqlite(reason="others here ask of the database what it asks")

ADD = "/source-management/add/"
PAGE = f"{ADD}?type=file"
MIB = 1024 * 1024
Work = Callable[[], None]


@pytest.fixture
def settings() -> dict[str, str]:
    return {"VIGINT_MAX_UPLOAD_MB": "1"}


@pytest.fixture
def operator(people: Callable[[Role], Person]) -> Person:
    return people(Role.OPERATOR)


def _found() -> dict[str, tuple[str, str | None]]:
    renew()
    return {v.original_name: (v.status, v.error_code) for v in db.session.query(Video)}


def _source(source_id: str = "file_001") -> Source:
    renew()
    return sources.get_source(ACTOR, source_id)


def test_one_file_lands_on_its_page_and_becomes_ready(
    operator: Person, footage: Footage, work: Work, client: FlaskClient, library: Library
) -> None:
    data = footage.clip("entrance.mp4").read_bytes()
    answer = operator.upload(("entrance.mp4", data), name="Entrance", description="Door 2")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/source-management/file_001/"
    page = operator.browser.get(answer.headers["Location"])
    assert "data-live-busy" in page.text
    work()
    source = _source()
    assert (source.name, source.description, source.video.status) == ("Entrance", "Door 2", "ready")
    page = operator.browser.get(answer.headers["Location"])
    assert "data-live-busy" not in page.text
    token = library.program_token(source)
    for shown in (token, "320 × 240", "h264", source.video.original_sha256):
        assert str(shown) in page.text
    assert client.get(f"/stream/{token}/").data == data, "browsers play it as it is"
    picture = operator.browser.get(f"/videos/{source.video.public_id}/poster")
    assert picture.data.startswith(b"\xff\xd8")
    part = operator.browser.get(
        f"/videos/{source.video.public_id}/stream", headers={"Range": "bytes=0-9"}
    )
    assert (part.status_code, part.data) == (206, data[:10])


def test_name_and_id_are_made_when_not_given(operator: Person) -> None:
    operator.upload(("caméra 4.mp4", b"x"), ("b.avi", b"y"))
    assert (_source("file_001").name, _source("file_002").name) == ("caméra 4", "b")


@ONE_DATABASE
def test_of_several_files_a_bad_one_stops_no_other(
    operator: Person, footage: Footage, work: Work
) -> None:
    good = footage.clip("good.mp4", seconds=1).read_bytes()
    answer = operator.upload(
        ("good1.mp4", good),
        ("notes.mp4", b"These are notes, no video.\n" * 50),
        ("huge.mp4", b"x" * (MIB + 1)),
        ("empty.mp4", b""),
        ("cut.mp4", good[: len(good) // 3]),
        ("good2.mp4", good),
    )
    assert answer.headers["Location"] == "/source-management/"
    work()
    found = _found()
    assert found["good1.mp4"] == found["good2.mp4"] == (VideoStatus.READY, None)
    assert found["notes.mp4"] == (VideoStatus.FAILED, "not_a_video")
    assert found["huge.mp4"] == (VideoStatus.FAILED, "too_large")
    assert found["empty.mp4"] == (VideoStatus.FAILED, "empty_file")
    assert found["cut.mp4"][0] == VideoStatus.FAILED
    for number, name in enumerate(found, start=1):
        page = operator.browser.get(f"/source-management/file_{number:03d}/")
        assert page.status_code == 200, name


@pytest.mark.parametrize("name", ["huge.mp4", "notes.txt"])
def test_the_page_of_a_file_that_is_refused_names_the_limit(operator: Person, name: str) -> None:
    data = b"x" * (MIB + 1 if name == "huge.mp4" else 100)
    page = operator.browser.get(operator.upload((name, data)).headers["Location"]).text
    assert "1 Mo par fichier" in page


def test_a_form_larger_than_all_its_files_may_be_names_both_limits(operator: Person) -> None:
    answer = operator.browser.post(
        "/source-management/add/",
        input_stream=io.BytesIO(b""),
        content_type="multipart/form-data; boundary=b",
        environ_overrides={"CONTENT_LENGTH": str(100 * MIB)},
    )
    assert answer.status_code == 413
    assert "20 fichiers" in answer.text
    assert "1 Mo par fichier" in answer.text


@ONE_DATABASE
def test_what_browsers_cannot_play_streams_as_h264_and_downloads_as_it_came(
    operator: Person, footage: Footage, work: Work, client: FlaskClient, library: Library
) -> None:
    path = footage.clip("old.avi", "-c:v", "mpeg4", "-c:a", "libmp3lame")
    operator.upload(("old.avi", path.read_bytes()))
    work()
    source = _source()
    assert (source.video.status, source.video.codec) == (VideoStatus.READY, "mpeg4")
    assert (source.video.format, source.video.audio_codec) == ("avi", "mp3")
    token = library.program_token(source)
    download = client.get(f"/api/video/{token}/download/")
    assert download.data == path.read_bytes(), "the original stays what it was"
    assert download.headers["Content-Type"] == "video/x-msvideo"
    stream = client.get(f"/stream/{token}/")
    assert stream.headers["Content-Type"] == "video/mp4"
    assert stream.headers["ETag"] != download.headers["ETag"]
    played = operator.upload(("played.mp4", stream.data))
    assert played.status_code == 302
    work()
    again = _source("file_002").video
    assert (again.codec, again.audio_codec) == ("h264", "aac")
    assert again.playable_key == again.original_key, "a rendition plays everywhere"


def test_a_failed_source_can_be_tried_again_and_a_ready_one_cannot(
    operator: Person, footage: Footage, work: Work, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise MediaError(MediaErrorCode.TIMED_OUT, "took too long")

    operator.upload(("a.mp4", footage.clip("a.mp4", seconds=1).read_bytes()))
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "produce", fail)
        work()
    assert _found() == {"a.mp4": (VideoStatus.FAILED, "timed_out")}
    assert operator.post("/source-management/file_001/retry").status_code == 302
    assert _found() == {"a.mp4": (VideoStatus.PROCESSING, None)}
    work()
    assert _found() == {"a.mp4": (VideoStatus.READY, None)}
    assert operator.post("/source-management/file_001/retry").status_code == 409


def test_a_source_without_bytes_cannot_be_tried_again(operator: Person) -> None:
    operator.upload(("empty.mp4", b""))
    assert operator.post("/source-management/file_001/retry").status_code == 409


def test_deleting_removes_files_and_links_and_leaves_the_audit(
    operator: Person,
    footage: Footage,
    work: Work,
    client: FlaskClient,
    library: Library,
    config: Config,
) -> None:
    path = footage.clip("old.avi", "-c:v", "mpeg4", "-c:a", "libmp3lame")
    operator.upload(("old.avi", path.read_bytes()))
    work()
    token = library.program_token(_source())
    digest = _source().video.original_sha256
    client.get(f"/stream/{token}/")
    assert len(stored_files(config)) == 5, "original, rendition, three pictures"
    assert operator.post("/source-management/file_001/delete").status_code == 302
    assert client.get(f"/stream/{token}/").status_code == 404
    assert stored_files(config) == []
    assert [path.name for path in config.media_dir.iterdir()] == [".incoming"]
    assert _found() == {}
    event = db.session.query(AuditEvent).filter_by(action="source:deleted").one()
    assert (event.actor, event.subject) == (operator.email, "source:file_001")
    assert event.detail["sha256"] == digest
    operator.upload(("next.mp4", b"x"))
    assert _source("file_002").name == "next", "a number is never given twice"


def test_without_csrf_token_no_byte_is_stored(operator: Person, config: Config) -> None:
    for fields in ({}, {"csrf_token": "forged"}):
        form = {**fields, "files": [(io.BytesIO(b"x" * 1000), "a.mp4")]}
        assert operator.browser.post(ADD, data=form).status_code == 400
    late = [("files", (io.BytesIO(b"x"), "a.mp4")), ("csrf_token", "too late")]
    answer = operator.browser.post(ADD, data=dict(late))
    assert answer.status_code == 400
    assert _found() == {}
    assert list(config.temp_dir.iterdir()) == []


def test_another_sessions_csrf_token_is_worthless(
    operator: Person, people: Callable[[Role], Person]
) -> None:
    theirs = csrf_token(people(Role.ADMIN).browser.get(PAGE).text)
    form = {"csrf_token": theirs, "files": [(io.BytesIO(b"x"), "a.mp4")]}
    assert operator.browser.post(ADD, data=form).status_code == 400
    assert _found() == {}


def test_the_token_may_come_as_a_header(operator: Person) -> None:
    token = csrf_token(operator.browser.get(PAGE).text)
    form = {"files": [(io.BytesIO(b"x"), "a.mp4")]}
    answer = operator.browser.post(ADD, data=form, headers={"X-CSRFToken": token})
    assert answer.status_code == 302


def test_a_viewer_may_not_upload(people: Callable[[Role], Person]) -> None:
    viewer = people(Role.VIEWER)
    assert viewer.browser.get(PAGE).status_code == 403
    token = csrf_token(viewer.browser.get("/account").text)
    form = {"csrf_token": token, "files": [(io.BytesIO(b"x"), "a.mp4")]}
    assert viewer.browser.post(ADD, data=form).status_code == 403
    assert _found() == {}


def test_no_file_is_asked_for_again(operator: Person) -> None:
    answer = operator.upload()
    assert (answer.status_code, answer.headers["Location"]) == (302, PAGE)
    token = csrf_token(operator.browser.get(PAGE).text)
    empty = (  # a browser's data for an empty file field
        '--x\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n'
        f'{token}\r\n--x\r\nContent-Disposition: form-data; name="files"; filename=""\r\n'
        "Content-Type: application/octet-stream\r\n\r\n\r\n--x--\r\n"
    )
    form = "multipart/form-data; boundary=x"
    answer = operator.browser.post(ADD, data=empty, content_type=form)
    assert (answer.status_code, answer.headers["Location"]) == (302, PAGE)
    assert _found() == {}


def test_more_files_than_allowed_are_told_instead_of_lost(operator: Person) -> None:
    answer = operator.upload(*((f"{n}.mp4", b"x") for n in range(21)))
    renew()
    assert db.session.query(Source).count() == 20
    page = operator.browser.get(answer.headers["Location"])
    assert "At most 20 files at once." in page.text or "20 fichiers" in page.text


def _interrupted(operator: Person, cut: int, *, announced: bool) -> TestResponse:
    token = csrf_token(operator.browser.get(PAGE).text)
    builder = EnvironBuilder(
        method="POST",
        path=ADD,
        data={
            "csrf_token": token,
            "files": [
                (io.BytesIO(b"a" * 1000), "whole.mp4"),
                (io.BytesIO(b"b" * 5000), "broken.mp4"),
            ],
        },
    )
    environ = builder.get_environ()
    body = environ["wsgi.input"].read()
    builder.close()
    length = len(body) if announced else len(body) - cut
    return operator.browser.post(
        ADD,
        input_stream=io.BytesIO(body[:-cut]),
        content_type=environ["CONTENT_TYPE"],
        headers={"Content-Length": str(length)},
    )


@pytest.mark.parametrize("announced", [True, False])
def test_an_interrupted_upload_is_failed_and_not_stuck(
    operator: Person, config: Config, announced: bool
) -> None:
    answer = _interrupted(operator, 2000, announced=announced)
    assert answer.status_code == 400
    assert _found() == {
        "whole.mp4": (VideoStatus.PROCESSING, None),
        "broken.mp4": (VideoStatus.FAILED, "upload_interrupted"),
    }
    assert list(config.temp_dir.iterdir()) == []
    assert len(stored_files(config)) == 1


def test_a_source_deleted_while_its_bytes_arrive_leaves_nothing(
    operator: Person, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = multipart.save

    def slow(*arguments: Any, **options: Any) -> Any:
        saved = real(*arguments, **options)
        sources.delete_source(ACTOR, "file_001")
        return saved

    monkeypatch.setattr(receiving, "save", slow)
    answer = operator.upload(("a.mp4", b"x" * 100))
    assert answer.status_code in {302, 404}
    assert _found() == {}
    assert stored_files(config) == []
    assert list(config.temp_dir.iterdir()) == []


@ONE_DATABASE
def test_other_kinds_of_sources_are_not_there_yet(operator: Person) -> None:
    assert operator.browser.get(f"{ADD}?type=rtsp").status_code == 404
    assert operator.browser.get(PAGE).status_code == 200


def test_the_form_offers_sites_and_remembers_the_last_one(
    people: Callable[[Role], Person],
) -> None:
    operator = people(Role.ADMIN)
    page = operator.browser.get(PAGE).text
    assert 'name="site"' not in page, "with one site there is no choice"
    sites.default_site()
    for slug in ("annexe", "quai"):
        sites.get_or_add_site(slug, slug.title())
    assert 'value="main" selected' in operator.browser.get(PAGE).text
    assert operator.upload(("a.mp4", b"x"), site="quai", source_id="quai-1").status_code == 302
    assert _source("quai-1").site.slug == "quai"
    assert 'value="quai" selected' in operator.browser.get(PAGE).text
    refused = operator.upload(("b.mp4", b"x"), site="elsewhere")
    assert refused.status_code == 422
    taken = operator.upload(("c.mp4", b"x"), source_id="quai-1")
    assert taken.status_code == 409


@ONE_DATABASE
def test_the_form_asks_for_an_id_which_is_the_first_file_s(operator: Person) -> None:
    assert 'name="source_id"' in operator.browser.get(PAGE).text
    operator.upload(("a.mp4", b"x"), ("b.mp4", b"y"), source_id="porte-2")
    assert _source("porte-2").video.original_name == "a.mp4"
    assert _source("file_001").video.original_name == "b.mp4"
