"""Files of videos are named in one place: no other module knows the columns that do so too."""

import re
from collections.abc import Iterator
from pathlib import Path

import vigint_web
from vigint_web.models.video_file import NAMING

ROOT = Path(vigint_web.__file__).parent
# These stay on the video when the others go: lists are sorted and searched by them.
STAY = {"original_size", "original_sha256", "tracks"}
GO = set(NAMING) - STAY
# The model, which has the columns; the module that reads and fills them.
KNOW = {"models/video.py", "models/video_file.py"}
# What the original's own column says is written with its row, and read wherever it is shown.
_ASSIGNED = re.compile(r"\b(?:original_size|original_sha256)\"?(?: =[^=]|=[^=]|\":)")
# Who names files by rows.
_ROWS = re.compile(r"\b(?:insert|update|delete)\(VideoFile\)|= VideoFile\(")
WRITE_ROWS = {"services/videos/publication.py", "services/videos/late_files.py"}


def _sources() -> Iterator[tuple[str, str]]:
    for path in sorted([*ROOT.rglob("*.py"), *ROOT.rglob("*.html")]):
        name = path.relative_to(ROOT).as_posix()
        # Media knows no database, and migrations outlive today's models.
        if not name.startswith(("migrations/", "media/")):
            yield name, path.read_text(encoding="utf-8")


def test_the_columns_are_known_to_one_module() -> None:
    assert {"playable_key", "poster_sha256", "frames_size", "playable_type"} <= GO
    named = re.compile(rf"\b(?:{'|'.join(sorted(GO))})\b")
    found = {name for name, source in _sources() if named.search(source)}
    assert found == KNOW & found, "files are named by Video.named_files and publish_files alone"
    assert "models/video.py" in found, "the search finds nothing any more"


def test_what_stays_of_the_original_is_written_with_its_file() -> None:
    sample = 'original_size=1, "original_sha256": 2'
    assert len(_ASSIGNED.findall(sample)) == 2
    found = {name for name, source in _sources() if _ASSIGNED.search(source)}
    assert found <= {"models/video.py", "models/video_file.py"}


def test_rows_are_written_where_columns_are() -> None:
    found = {name for name, source in _sources() if _ROWS.search(source)}
    assert found == WRITE_ROWS
