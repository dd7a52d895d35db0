"""Frames are stored unchanged, byte for byte, in a file that says so."""

import hashlib
import json
import zipfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from vigint_web.services.videos.frames_archive import FramesArchive, FramesArchiveWriter


@given(frames=st.lists(st.binary(max_size=200), min_size=1, max_size=6))
def test_frames_come_back_byte_for_byte(tmp_path_factory: object, frames: list[bytes]) -> None:
    path = _path(tmp_path_factory)
    writer = FramesArchiveWriter(path)
    for data in frames:
        writer.add(data)
    times: list[tuple[float | None, bool]] = [(n / 3, n % 2 == 0) for n in range(len(frames))]
    digest = writer.finish(times, [None, *range(1, len(frames))])
    with FramesArchive(path) as archive:
        assert [archive.loader(entry)() for entry in archive.entries] == frames
        assert [(e.timestamp, e.zone_assumed) for e in archive.entries] == times
        assert [e.sha256 for e in archive.entries] == [
            hashlib.sha256(data).hexdigest() for data in frames
        ]
    with zipfile.ZipFile(path) as plain:
        manifest = plain.read("manifest.json")
        assert hashlib.sha256(manifest).hexdigest() == digest
        assert len(json.loads(manifest)) == len(frames)
        assert plain.testzip() is None


def _path(factory: object) -> Path:
    folder: Path = factory.mktemp("archive")  # type: ignore[attr-defined]  # pytest's factory
    return folder / "frames.zip"


def test_the_file_depends_on_its_content_alone(tmp_path: Path) -> None:
    digests = set()
    for name in ("a", "b"):
        writer = FramesArchiveWriter(tmp_path / name)
        writer.add(b"\xff\xd8\xff one")
        writer.finish([(None, False)], [None])
        digests.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert len(digests) == 1


def test_an_abandoned_archive_can_be_abandoned_again(tmp_path: Path) -> None:
    writer = FramesArchiveWriter(tmp_path / "x")
    writer.add(b"frame")
    writer.abandon()
    writer.abandon()
    assert len(writer) == 1
