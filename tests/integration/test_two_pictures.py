"""A file with two tracks: both are stored, streamed, offered, checked and deleted."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from PIL import Image

from tests.helpers import Footage, Person, renew, stored_files
from tests.library import ACTOR, Library
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.media.probe import probe
from vigint_web.media.runner import Runner
from vigint_web.media.tools import find_tools
from vigint_web.models import Role, Source
from vigint_web.services.sources.sources import delete_source
from vigint_web.services.videos import storage_check

Work = Callable[[], None]
People = Callable[[Role], Person]


@pytest.fixture
def two_pictures(footage: Footage, tmp_path: Path) -> Path:
    front, rear = footage.clip("front.mp4"), footage.clip("rear.mp4", size="160x120")
    path = tmp_path / "two.mp4"
    both = ["-i", str(front), "-i", str(rear), "-map", "0", "-map", "1:v", "-c", "copy"]
    Runner(find_tools()).run([*both, str(path)])
    return path


def _size(data: bytes, folder: Path) -> str:
    path = folder / "played.mp4"
    path.write_bytes(data)
    return probe(path, Runner(find_tools())).resolution


def test_both_pictures_are_offered_and_go_with_the_video(
    people: People, work: Work, client: FlaskClient, library: Library, config: Config,
    two_pictures: Path, tmp_path: Path,
) -> None:  # fmt: skip
    admin = people(Role.ADMIN)
    admin.upload(("two.mp4", two_pictures.read_bytes()))
    work()
    renew()
    source = db.session.query(Source).one()
    video, token = source.video, library.program_token(source)
    assert video.status == "ready", video.error_detail
    assert video.resolution == "320x240"

    tracks = client.get(f"/api/video/{token}/metadata/").get_json()["tracks"]
    assert [(track["number"], track["resolution"]) for track in tracks] == [
        (1, "320x240"), (2, "160x120"),
    ]  # fmt: skip
    for track in tracks:
        played = client.get(track["stream_url"])
        assert (played.status_code, played.mimetype) == (200, "video/mp4")
        assert _size(played.data, tmp_path) == track["resolution"]
    assert client.get(f"/stream/{token}/?track=3").status_code == 404

    page = admin.browser.get(f"/source-management/{source.source_id}/").text
    assert "track=2" in page
    own = admin.browser.get(f"/videos/{video.public_id}/stream?track=2")
    assert own.status_code == 200
    poster = f"/videos/{video.public_id}/poster?track="
    assert poster + "2" in page
    for shown in (f"/api/video/{token}/thumbnail/?track=", poster):
        seen = admin.browser.get(shown + "2")
        assert (seen.status_code, seen.mimetype) == (200, "image/jpeg")
        assert Image.open(io.BytesIO(seen.data)).size == (160, 120)
        assert admin.browser.get(shown + "3").status_code == 404
    mailed = library.person_token(video)
    behind = client.get(f"/video/{video.public_id}?token={mailed}&track=2").text
    assert "&amp;track=2" in behind
    assert 'aria-current="page"' in behind

    assert video.stored_size == video.files_size
    assert storage_check.check(0).is_well
    delete_source(ACTOR, source.source_id)
    assert stored_files(config) == []
