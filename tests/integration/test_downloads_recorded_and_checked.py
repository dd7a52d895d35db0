"""No download leaves without its row; what leaves was checked, at a limited expense."""

import io
import struct
from collections.abc import Callable
from errno import EIO
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.helpers import Person, renew
from tests.library import STREAMED, Library
from vigint_web.errors import StorageFull
from vigint_web.extensions import db
from vigint_web.models import AuditEvent, Incident, Role
from vigint_web.services.audit import trail
from vigint_web.services.core.runtime import storage
from vigint_web.services.videos.frames_archive import FramesArchiveWriter
from vigint_web.services.videos.intact import Damage, archive_damage


@pytest.fixture
def operator(people: Callable[[Role], Person]) -> Person:
    return people(Role.OPERATOR)


@pytest.fixture
def incident(library: Library) -> Incident:
    return library.incident_of(library.incident())


def _address(incident: Incident, part: str = "clip") -> str:
    assert incident.video is not None
    return f"/videos/{incident.video.public_id}/download/{part}"


def _rows() -> int:
    renew()
    return db.session.query(AuditEvent).filter(AuditEvent.action.endswith("_downloaded")).count()


def _range(first: int, last: int | None = None) -> dict[str, str]:
    return {"Range": f"bytes={first}-{'' if last is None else last}"}


def test_a_range_from_the_beginning_is_a_download_of_its_own(
    operator: Person, incident: Incident
) -> None:
    for made in (1, 2):
        answer = operator.browser.get(_address(incident), headers=_range(0))
        assert (answer.status_code, answer.data) == (206, STREAMED)
        assert operator.browser.get(_address(incident), headers=_range(9)).status_code == 206
        assert _rows() == made


@pytest.mark.parametrize("first", [0, 5])
def test_nothing_is_sent_that_cannot_be_recorded(
    operator: Person, incident: Incident, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    def full(*_args: object, **_more: object) -> None:
        raise StorageFull

    with monkeypatch.context() as patch:
        patch.setattr(trail, "record", full)
        for _ in range(2):
            answer = operator.browser.get(_address(incident), headers=_range(first))
            assert answer.status_code == 507
            assert "Content-Disposition" not in answer.headers
    assert operator.browser.get(_address(incident), headers=_range(first)).status_code == 206
    assert _rows() == 1


def test_what_failed_is_not_remembered_as_recorded(
    operator: Person, incident: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: object, **_more: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(trail, "record", broken)
        assert operator.browser.get(_address(incident)).status_code == 500
    assert operator.browser.get(_address(incident), headers=_range(5)).status_code == 206
    assert _rows() == 1


KEY = "videos/vid_1/frames.zip"


@pytest.fixture
def archive(app: Flask) -> tuple[Path, str]:
    """Return the file of a small archive, and the digest of its manifest."""
    draft = storage().new_temp(".zip")
    writer = FramesArchiveWriter(draft)
    for image in (b"\xff\xd8\xff first", b"\x89PNG second"):
        writer.add(image)
    digest = writer.finish([(1.5, False), (None, True)], [1, None])
    storage().publish(draft, KEY)
    with storage().local_copy(KEY) as path:
        return path, digest


def _check(path: Path, data: bytes, digest: str) -> Damage | None:
    path.write_bytes(data)
    return archive_damage(KEY, len(data), digest)


@pytest.mark.parametrize("flipped", [0x01, 0x80, 0xFF])
def test_every_changed_byte_of_an_archive_is_found(archive: tuple[Path, str], flipped: int) -> None:
    path, digest = archive
    data = path.read_bytes()
    assert _check(path, data, digest) is None
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= flipped
        assert _check(path, bytes(changed), digest) is not None, at


def test_a_part_of_an_archive_is_damaged(archive: tuple[Path, str]) -> None:
    path, digest = archive
    data = path.read_bytes()
    for at in range(1, len(data)):
        assert _check(path, data[at:], digest) is not None, at
        if at != len(data) - 22:
            assert _check(path, data[:at] + data[-22:], digest) is not None, at
        assert _check(path, data[:at] + data, digest) is not None, at


@pytest.mark.parametrize("offset", [0xFFFF_FFFE, 2**63 - 1, 2**64 - 1])
def test_an_end_record_that_leads_elsewhere_is_damage(
    archive: tuple[Path, str], offset: int
) -> None:
    path, digest = archive
    data = path.read_bytes()
    far = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 3, 3, 171, offset)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, len(data) - 22, 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 2**32 - 1, 2**32 - 1, 0)
    assert _check(path, data[:-22] + far + locator + end, digest) is not None


def test_a_disk_that_fails_is_not_a_damaged_file(
    archive: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, digest = archive

    class Failing(io.FileIO):
        def readinto(self, _buffer: Any) -> int:
            raise OSError(EIO, "Input/output error")

    monkeypatch.setattr(storage(), "open", lambda _key: Failing(path))
    with pytest.raises(OSError, match="Input/output error"):
        archive_damage(KEY, path.stat().st_size, digest)
