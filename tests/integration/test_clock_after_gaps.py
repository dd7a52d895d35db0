"""The time of recording is right on both sides of an interruption."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.helpers import Person, renew
from tests.library import Library
from tests.odd_footage import jumping, run, whole_clip
from vigint_web.extensions import db
from vigint_web.models import Role, Source, Video
from vigint_web.services.core.transactions import transaction

pytestmark = pytest.mark.only_sqlite("a JSON column, read as it was written")
Work = Callable[[], None]
People = Callable[[Role], Person]
BEGAN = datetime(2026, 11, 21, 13, 30, 5, tzinfo=UTC)
CUE = re.compile(r"00:00:([\d.]+) --> 00:00:([\d.]+)\n(.+)")
# The clip lasts 3 s; its pictures are later by this from the 39th on, after 1.52 s.
GAP, AT = 5000, 1.52


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Provide the clip from which files with gaps are made."""
    return whole_clip(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def processed(people: People, work: Work) -> Callable[[Path], Video]:
    """Provide a function that uploads a file and returns its video, ready and with a time."""

    def do(path: Path) -> Video:
        people(Role.OPERATOR).upload((path.name, path.read_bytes()))
        work()
        renew()
        video = db.session.query(Video).one()
        assert video.status == "ready", video.error_detail
        with transaction():
            video.recorded_at = BEGAN
        return video

    return do


def _cues(person: Person, video: Video) -> list[tuple[float, float, datetime]]:
    text = person.browser.get(f"/videos/{video.public_id}/clock.vtt").text
    return [
        (float(start), float(end), datetime.fromisoformat(shown))
        for start, end, shown in CUE.findall(text)
    ]


def _at(cues: list[tuple[float, float, datetime]], seconds: float) -> datetime:
    return next(shown for start, end, shown in cues if start <= seconds < end)


@pytest.mark.parametrize("name", ["gap.mkv", "gap.mp4"])
def test_the_clock_jumps_where_the_picture_does(
    whole: Path, tmp_path: Path, people: People, processed: Callable[[Path], Video],
    library: Library, name: str,
) -> None:  # fmt: skip
    path = tmp_path / name
    run("-i", whole, "-c", "copy", *jumping(GAP), path)
    video = processed(path)
    assert video.duration == pytest.approx(3.0, abs=0.15)
    cues = _cues(people(Role.OPERATOR), video)
    for seconds, left_out in ((0.5, 0), (AT - 0.1, 0), (AT + 0.1, GAP), (2.9, GAP)):
        off = _at(cues, seconds) - BEGAN - timedelta(seconds=seconds + left_out)
        assert abs(off.total_seconds()) <= 1, f"at {seconds} s"
    page = people(Role.OPERATOR).browser.get("/source-management/file_001/").text
    [(at, left_out)] = re.findall(r'data-gaps="([\d.]+) ([\d.]+)"', page)
    assert float(at) == pytest.approx(AT, abs=0.1)
    assert float(left_out) == pytest.approx(GAP, abs=0.1)
    token = library.program_token(db.session.query(Source).one())
    metadata = people(Role.OPERATOR).browser.get(f"/api/video/{token}/metadata/").get_json()
    assert metadata["gaps"] == [{"at": float(at), "left_out": float(left_out)}]


def test_where_nothing_is_left_out_the_clock_only_runs(
    whole: Path, people: People, processed: Callable[[Path], Video]
) -> None:
    video = processed(whole)
    assert video.gaps == []
    assert _at(_cues(people(Role.OPERATOR), video), 2.9) == BEGAN + timedelta(seconds=2)
    page = people(Role.OPERATOR).browser.get("/source-management/file_001/").text
    assert "data-recorded-at" in page
    assert "data-gaps" not in page


def test_no_time_is_told_where_an_unknown_one_was_left_out(
    library: Library, people: People
) -> None:
    # As the previous version stored it: that the clock jumps, and not where.
    source = library.source(recorded_at=BEGAN, flaws=["clock_jumps"], gaps=None)
    person = people(Role.VIEWER)
    assert person.browser.get(f"/videos/{source.video.public_id}/clock.vtt").status_code == 404
    page = person.browser.get(f"/source-management/{source.source_id}/").text
    assert "data-recorded-at" not in page
    assert "Heure de prise de vue inconnue" in page
