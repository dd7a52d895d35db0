"""A clip carries when, where and by which camera it was recorded, as ffprobe reads it back."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.integration.media.media_samples import AAC, BOTH_PROGRAMS, H264, MakeClip, frame, picture
from tests.integration.media.test_incident_clips import EPOCH, regular, undecodable
from vigint_web.media.incident import encode_frames
from vigint_web.media.labels import MOST, Label, one_line
from vigint_web.media.playable import prepare
from vigint_web.media.rendition import Plan
from vigint_web.media.runner import Runner, guarded_input

PARIS = ZoneInfo("Europe/Paris")
BEGAN = datetime.fromtimestamp(EPOCH, PARIS)
OURS = ("creation_time", "date", "title", "artist", "album", "comment")
ODD = {
    "accents": "Entrepôt nord – Quai n° 2",
    "options": "-y -f null --",
    "pairs": "=site=camera;title=other",
    "lines": "one\r\ntwo\u2028three\ttitle=four",
    "zero": "before\0after",
    "quotes": "'a' \"b\" \\ `c` $(d) %s :/|,[e]",
    "emoji": "📹🚨 quai 👨‍👩‍👧",
    "turned": "invoice\u202e4pm.exe",
    "long": "très long " * 500,
    "marks": "e" + "\u0301" * 5000,
    "surrogate": "half \ud83d",
    "nothing": " \n\0\u200b ",
}


def tags_of(path: Path, runner: Runner) -> dict[str, str]:
    """Return what ffprobe shows of ours."""
    question = ["-show_entries", "format_tags", "-of", "json", *guarded_input(path)]
    answer = json.loads(runner.run(question, program="ffprobe", capture=True).stdout)
    tags = answer["format"].get("tags", {})
    return {key: tags[key] for key in OURS if key in tags}


def label_at(began: float | None) -> Label:
    assert began is not None
    return Label(datetime.fromtimestamp(began, PARIS), "Magasin Lyon", "Rayon 4", "Incident INC-1")


@BOTH_PROGRAMS
def test_a_clip_of_frames_carries_its_label(runner: Runner, tmp_path: Path) -> None:
    out = tmp_path / "clip.mp4"
    encode_frames(regular(5), out, runner, label_of=label_at)
    assert tags_of(out, runner) == {
        "creation_time": BEGAN.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z"),
        "date": BEGAN.isoformat(),
        "title": "Magasin Lyon – Rayon 4",
        "artist": "Rayon 4",
        "album": "Magasin Lyon",
        "comment": "Incident INC-1",
    }
    data = out.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_a_clip_without_a_label_carries_nothing(packaged_runner: Runner, tmp_path: Path) -> None:
    out = tmp_path / "clip.mp4"
    encode_frames(regular(3), out, packaged_runner)
    assert tags_of(out, packaged_runner) == {}


@pytest.mark.parametrize("name", ODD.values(), ids=list(ODD))
def test_an_odd_name_is_one_line_of_one_value(
    packaged_runner: Runner, tmp_path: Path, name: str
) -> None:
    out = tmp_path / "clip.mp4"
    label = Label(BEGAN, name, name, name)
    encode_frames(regular(2), out, packaged_runner, label_of=lambda _began: label)
    tags, expected = tags_of(out, packaged_runner), one_line(name)
    assert len(expected) <= MOST
    assert [tags.get(key, "") for key in ("artist", "album", "comment")] == [expected] * 3
    assert tags["creation_time"].startswith("2026-"), "nothing was injected in its place"
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("year", [1, 1903, 2041, 9999])
def test_a_time_that_the_header_cannot_hold_is_left_out(
    packaged_runner: Runner, tmp_path: Path, year: int
) -> None:
    out = tmp_path / "clip.mp4"
    label = Label(datetime(year, 6, 1, tzinfo=UTC), "Site")
    encode_frames(regular(2), out, packaged_runner, label_of=lambda _began: label)
    assert tags_of(out, packaged_runner) == {"title": "Site", "album": "Site"}


def test_the_time_is_that_of_the_first_picture_in_the_clip(
    packaged_runner: Runner, tmp_path: Path
) -> None:
    out = tmp_path / "clip.mp4"
    given = [undecodable(EPOCH), *(frame(EPOCH + 2 + i, picture(i)) for i in range(3))]
    clip = encode_frames(given, out, packaged_runner, label_of=label_at)
    assert clip.began == pytest.approx(EPOCH + 2, abs=0.01)
    assert clip.frames_used == 3
    written = datetime.fromisoformat(tags_of(out, packaged_runner)["creation_time"])
    assert written.timestamp() == EPOCH + 2


def test_the_label_changes_no_picture(packaged_runner: Runner, tmp_path: Path) -> None:
    plain, labelled = tmp_path / "plain.mp4", tmp_path / "labelled.mp4"
    encode_frames(regular(5), plain, packaged_runner)
    encode_frames(regular(5), labelled, packaged_runner, label_of=label_at)
    question = ["-map", "0", "-c", "copy", "-f", "streamhash", "pipe:1"]
    hashes = [
        packaged_runner.run([*guarded_input(path), *question], capture=True).stdout
        for path in (plain, labelled)
    ]
    assert hashes[0] == hashes[1]


@BOTH_PROGRAMS
@pytest.mark.parametrize(
    ("name", "codecs", "plan"),
    [("remuxed.mkv", H264, Plan.REMUX), ("transcoded.avi", ("-c:v", "mpeg4"), Plan.TRANSCODE)],
)
def test_a_rendition_carries_the_label_instead_of_the_sources_metadata(
    runner: Runner, make_clip: MakeClip, tmp_path: Path, name: str, codecs: tuple[str, ...],
    plan: Plan,
) -> None:  # fmt: skip
    theirs = ("-metadata", "title=theirs", "-metadata", "comment=theirs")
    source = make_clip(name, *codecs, *theirs)
    ready = prepare(source, tmp_path, runner, label=label_at(EPOCH))
    assert (ready.plan, ready.rendition is not None) == (plan, True)
    assert ready.rendition is not None
    tags = tags_of(ready.rendition, runner)
    assert (tags["title"], tags["comment"]) == ("Magasin Lyon – Rayon 4", "Incident INC-1")
    assert "creation_time" in tags


def test_a_file_that_plays_unchanged_stays_as_it_is(
    packaged_runner: Runner, make_clip: MakeClip, tmp_path: Path
) -> None:
    source = make_clip("unchanged.mp4", *H264, *AAC, sound=True)
    before = hashlib.sha256(source.read_bytes()).hexdigest()
    ready = prepare(source, tmp_path, packaged_runner, label=label_at(EPOCH))
    assert (ready.plan, ready.rendition) == (Plan.ORIGINAL, None)
    assert hashlib.sha256(source.read_bytes()).hexdigest() == before
