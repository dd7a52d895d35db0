"""Columns and rows say the same of a video's files, after every way in which these change."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.alike import content_types, of_columns, of_rows
from tests.helpers import (
    Clock,
    Footage,
    Person,
    incident_document,
    post_form,
    post_incident,
    renew,
    stored_files,
)
from tests.library import ACTOR, Library
from tests.tus_client import DATA, Tus
from vigint_web.clock import utcnow
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.media.errors import MediaError, MediaErrorCode
from vigint_web.media.runner import Runner
from vigint_web.media.tools import find_tools
from vigint_web.models import Role, Scope, Video, VideoStatus
from vigint_web.services.accounts import api_keys, sites
from vigint_web.services.core.transactions import transaction
from vigint_web.services.processing import pipeline, producing
from vigint_web.services.retention import purge
from vigint_web.services.sources.sources import delete_source, retry_source

pytestmark = pytest.mark.both_databases(reason="inserts, cascades")
ONE_DATABASE = pytest.mark.only_sqlite(reason="others here ask of the database what it asks")

Work = Callable[[], None]
Kinds = set[str]


@pytest.fixture(autouse=True)
def _alike_in_the_end(app: Flask, config: Config) -> Iterator[None]:
    """Compare once more when the test is over, and with what is stored."""
    yield
    assert of_rows() == of_columns()
    assert stored_files(config) == sorted({key for key, *_ in of_rows().values()})


@pytest.fixture
def operator(people: Callable[[Role], Person]) -> Person:
    return people(Role.OPERATOR)


@pytest.fixture
def upload_key(app: Flask) -> str:
    return api_keys.create_api_key(ACTOR, "uploader", sites.default_site(), {Scope.UPLOAD})


def _kinds() -> Kinds:
    """Return what files the one video has, after comparing columns and rows."""
    assert of_rows() == of_columns()
    return {kind if number == 1 else f"{kind} {number}" for _, kind, number in of_rows()}


def _video() -> Video:
    renew()
    return db.session.query(Video).one()


PICTURES = {"poster", "thumbnail", "sprite"}


def test_a_source_that_plays_as_it_is(operator: Person, footage: Footage, work: Work) -> None:
    operator.upload(("a.mp4", footage.clip("a.mp4").read_bytes()))
    assert _kinds() == {"original"}
    work()
    assert _kinds() == {"original", "playable", *PICTURES}
    video = _video()
    assert video.named_files["playable", 1].key == video.named_files["original", 1].key
    assert not video.is_converted
    assert content_types() == {
        "original 1": None, "playable 1": "video/mp4",
        **{f"{kind} 1": "image/jpeg" for kind in PICTURES},
    }  # fmt: skip


@ONE_DATABASE
def test_a_source_that_is_encoded_anew(operator: Person, footage: Footage, work: Work) -> None:
    path = footage.clip("old.avi", "-c:v", "mpeg4")
    operator.upload(("old.avi", path.read_bytes()))
    work()
    assert _kinds() == {"original", "playable", *PICTURES}
    assert _video().is_converted


def test_a_source_with_two_pictures(
    operator: Person, footage: Footage, work: Work, tmp_path: Path
) -> None:
    front, rear = footage.clip("front.mp4"), footage.clip("rear.mp4", size="160x120")
    path = tmp_path / "two.mp4"
    both = ["-i", str(front), "-i", str(rear), "-map", "0", "-map", "1:v", "-c", "copy"]
    Runner(find_tools()).run([*both, str(path)])
    operator.upload(("two.mp4", path.read_bytes()))
    work()
    assert _kinds() == {"original", "playable", "playable 2", "poster 2", *PICTURES}
    assert content_types()["playable 2"] == "video/mp4"


def test_a_resumed_upload(client: FlaskClient, upload_key: str) -> None:
    tus = Tus(client, Authorization=f"Bearer {upload_key}")
    url = tus.create()
    assert _kinds() == set()
    tus.patch(url, DATA[:100], 0)
    assert _kinds() == set()
    tus.patch(url, DATA[100:], 100)
    assert _kinds() == {"original"}


def test_what_a_detector_posts(
    client: FlaskClient, api_key: str, footage: Footage, work: Work
) -> None:
    frames = footage.frames(4)
    post_incident(client, api_key, incident_document(frames))
    assert _kinds() == {"frames"}
    assert content_types() == {"frames 1": "application/zip"}
    work()
    assert _kinds() == {"frames", "original", "playable", *PICTURES}


def test_a_clip_and_its_frames(
    client: FlaskClient, api_key: str, footage: Footage, work: Work
) -> None:
    clip = footage.clip("a.mp4").read_bytes()
    answer = post_form(client, api_key, {"message": "m"}, frames=footage.frames(2), video=clip)
    assert answer.status_code == 202
    assert _kinds() == {"frames", "original"}
    work()
    assert _kinds() == {"frames", "original", "playable", *PICTURES}


class TestWhereFramesAreNotKept:
    """The manifest takes the place of the frames."""

    @pytest.fixture
    def settings(self) -> dict[str, str]:
        return {"VIGINT_KEEP_FRAMES": "false"}

    def test_their_name_is_replaced(
        self, client: FlaskClient, api_key: str, footage: Footage, work: Work
    ) -> None:
        post_incident(client, api_key, incident_document(footage.frames(3)))
        before = _video().named_files["frames", 1]
        work()
        assert _kinds() == {"frames", "original", "playable", *PICTURES}
        assert _video().named_files["frames", 1] != before
        assert content_types()["frames 1"] == "application/json"


def test_an_attempt_that_failed_and_the_next_one(
    operator: Person, footage: Footage, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator.upload(("a.mp4", footage.clip("a.mp4").read_bytes()))

    def refuse(*_: Any) -> Any:
        raise MediaError(MediaErrorCode.BROKEN, "no video")

    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "produce", refuse)
        work()
    assert _video().status == VideoStatus.FAILED
    assert _kinds() == {"original"}
    retry_source(ACTOR, "file_001")
    assert _kinds() == {"original"}
    work()
    assert _kinds() == {"original", "playable", *PICTURES}
    assert "/a2/" in _video().named_files["poster", 1].key


def test_an_attempt_that_lost_its_lease_names_nothing(
    operator: Person, footage: Footage, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator.upload(("a.mp4", footage.clip("a.mp4").read_bytes()))
    real = producing.produce

    def slow(video: Video, *rest: Any) -> Any:
        product = real(video, *rest)
        with transaction():
            video.attempt += 1
        return product

    monkeypatch.setattr(pipeline, "produce", slow)
    pipeline.process_video(_video().id)
    assert _kinds() == {"original"}


def test_a_commit_that_fails_names_nothing(
    operator: Person, footage: Footage, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator.upload(("a.mp4", footage.clip("a.mp4").read_bytes()))

    def refuse(*_: Any) -> None:
        raise RuntimeError("the database went away")

    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "queue_video_calls", refuse)
        with pytest.raises(RuntimeError, match="went away"):
            pipeline.process_video(_video().id)
    assert _kinds() == {"original"}
    monkeypatch.setattr(purge, "_ABANDONED_SECONDS", -5.0)
    assert purge.sweep_orphans() == 3, "the pictures that the attempt had published"


def test_deleting_while_it_is_processed(
    operator: Person, footage: Footage, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator.upload(("a.mp4", footage.clip("a.mp4").read_bytes()))
    real = producing.produce

    def slow(*arguments: Any) -> Any:
        product = real(*arguments)
        delete_source(ACTOR, "file_001")
        return product

    monkeypatch.setattr(pipeline, "produce", slow)
    pipeline.process_video(_video().id)
    assert of_rows() == {}


@pytest.mark.parametrize("by", ["hand", "date"])
def test_deleting(library: Library, clock: Clock, by: str) -> None:
    kept, gone = library.source(), library.source()
    library.keep_track(gone.video)
    if by == "hand":
        delete_source(ACTOR, gone.source_id)
    else:
        with transaction():
            gone.video.purge_at = utcnow() + timedelta(days=1)
        clock.forward(days=2)
        assert purge.purge_due() == 1
    assert {video_id for video_id, *_ in of_rows()} == {kept.video_id}


def test_an_upload_that_is_given_up(client: FlaskClient, upload_key: str) -> None:
    tus = Tus(client, Authorization=f"Bearer {upload_key}")
    url = tus.create()
    tus.patch(url, DATA[:100], 0)
    tus.ask("DELETE", url)
    assert of_rows() == of_columns() == {}
