"""Files of further tracks are kept, counted, checked and deleted like all files of their video."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from tests.helpers import Clock, renew, stored_files
from tests.library import ACTOR, Library
from vigint_web.clock import utcnow
from vigint_web.config.config import Config
from vigint_web.models import Video
from vigint_web.services.core.actors import SYSTEM
from vigint_web.services.core.runtime import storage
from vigint_web.services.core.transactions import transaction
from vigint_web.services.retention import purge
from vigint_web.services.sources.sources import delete_source, find_source_of
from vigint_web.services.videos import storage_check
from vigint_web.services.videos.lifecycle import detach_and_delete_video
from vigint_web.services.videos.storage_check import Problem
from vigint_web.services.videos.totals import stored_bytes

AT_ONCE = -5.0  # seconds: younger than any file


@pytest.fixture(params=["source", "incident"])
def video(request: pytest.FixtureRequest, library: Library) -> Video:
    """Give a video with three pictures: a source's, then an incident's."""
    made = library.source().video if request.param == "source" else library.incident()
    library.keep_track(made, b"the rear camera")
    library.keep_track(made, b"the camera inside")
    return made


def _keys(video: Video) -> list[str]:
    return [track["key"] for track in video.tracks or []]


def test_they_go_when_somebody_deletes(video: Video, config: Config, library: Library) -> None:
    other = library.source().video
    library.keep_track(other)
    source = find_source_of(video.id)
    if source is None:
        detach_and_delete_video(SYSTEM, video)
    else:
        delete_source(ACTOR, source.source_id)
    renew()
    assert stored_files(config) == other.stored_keys, "no more, no less"


def test_they_go_when_the_retention_is_over(video: Video, config: Config, clock: Clock) -> None:
    with transaction():
        video.purge_at = utcnow() + timedelta(days=2)
    clock.forward(days=1)
    assert purge.purge_due() == 0
    assert set(_keys(video)) <= set(stored_files(config))
    clock.forward(days=2)
    assert purge.purge_due() == 1
    assert stored_files(config) == []


def test_the_sweep_leaves_them_and_takes_those_of_other_attempts(
    video: Video, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = storage().new_temp()
    draft.write_bytes(b"of an attempt that died")
    orphan = f"videos/{video.public_id}/a7/track2.mp4"
    storage().publish(draft, orphan)
    monkeypatch.setattr(purge, "_ABANDONED_SECONDS", AT_ONCE)
    assert purge.sweep_orphans() == 1
    assert stored_files(config) == video.stored_keys


def test_the_check_looks_at_their_size_and_hash(video: Video) -> None:
    assert storage_check.check(AT_ONCE, hashes=True).is_well
    missing, changed = _keys(video)
    storage().delete(missing)
    for data, problem in ((b"THE CAMERA INSIDE", Problem.HASH), (b"cut", Problem.SIZE)):
        draft = storage().new_temp()
        draft.write_bytes(data)
        storage().publish(draft, changed)
        found = storage_check.check(AT_ONCE, hashes=True)
        assert {(damage.named.key, damage.problem) for damage in found.damaged} == {
            (missing, Problem.MISSING), (changed, problem),
        }  # fmt: skip
        assert found.orphans == []


def test_their_bytes_count(video: Video) -> None:
    stored = sum(held.size for held in storage().list_files())
    assert video.stored_size == video.files_size == stored
    assert stored_bytes() == stored


def test_a_file_that_is_gone_costs_its_own_picture_only(
    video: Video, library: Library, client: FlaskClient
) -> None:
    storage().delete(_keys(video)[0])
    token = library.person_token(video)
    assert client.get(f"/stream/{token}/?track=2").status_code == 404
    for track, size in ((1, video.playable_size), (3, len(b"the camera inside"))):
        answer = client.get(f"/stream/{token}/?track={track}")
        assert (answer.status_code, len(answer.data)) == (200, size)
