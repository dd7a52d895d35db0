"""No download leaves without its row; what leaves was checked, at a limited expense."""

import io
import struct
import threading
from collections.abc import Callable
from errno import EIO
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import QueuePool, text

from tests.helpers import Clock, Person, renew
from tests.integration.review.nights import plan_of_query
from tests.library import STREAMED, Library
from vigint_web.errors import StorageFull
from vigint_web.extensions import db
from vigint_web.models import AuditEvent, FileKind, Incident, Role
from vigint_web.services.audit import trail
from vigint_web.services.audit.staff_access import _newest_of, downloads_of
from vigint_web.services.core import verdicts
from vigint_web.services.core.actors import SYSTEM
from vigint_web.services.core.runtime import runtime, storage
from vigint_web.services.core.transactions import transaction
from vigint_web.services.core.verdicts import Verdicts
from vigint_web.services.incidents import downloads
from vigint_web.services.incidents.downloads import DOWNLOADED
from vigint_web.services.videos.frames_archive import FramesArchiveWriter
from vigint_web.services.videos.intact import Damage, archive_damage, file_damage


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


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Record, for each check of a clip, the connections to the database held meanwhile."""
    found: list[int] = []

    def counted(key: str, size: int, sha256: str) -> Damage | None:
        pool = db.engine.pool
        assert isinstance(pool, QueuePool)
        found.append(pool.checkedout())
        return file_damage(key, size, sha256)

    monkeypatch.setattr(downloads, "file_damage", counted)
    return found


def _spoil(incident: Incident) -> None:
    assert incident.video is not None
    file = incident.video.file(FileKind.PLAYABLE)
    assert file is not None
    with storage().local_copy(file.key) as path:
        path.write_bytes(path.read_bytes()[::-1])


def test_a_check_holds_no_connection(
    operator: Person, incident: Incident, checks: list[int]
) -> None:
    db.session.remove()  # that of the test
    assert operator.browser.get(_address(incident)).status_code == 200
    assert checks == [0]


def test_many_requests_for_a_file_check_it_once(
    operator: Person, incident: Incident, checks: list[int], clock: Clock
) -> None:
    for headers in [_range(0, 0)] * 3 + [_range(5), {}]:
        assert operator.browser.get(_address(incident), headers=headers).status_code in {200, 206}
    assert len(checks) == 1
    clock.forward(minutes=11)
    operator.browser.get(_address(incident), headers=_range(5))
    assert len(checks) == 2, "a file may become damaged"


def test_what_begins_later_is_checked_too(
    operator: Person, incident: Incident, checks: list[int], clock: Clock
) -> None:
    _spoil(incident)
    for _ in range(3):
        answer = operator.browser.get(_address(incident), headers=_range(1))
        assert answer.status_code == 409
    assert (len(checks), _rows()) == (1, 0)
    _spoil(incident)
    clock.forward(minutes=2)
    answer = operator.browser.get(_address(incident), headers=_range(1))
    assert (answer.status_code, answer.data) == (206, STREAMED[1:]), "it was restored"


def test_few_files_are_checked_at_once(
    operator: Person, incident: Incident, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = library.incident_of(library.incident())
    assert operator.browser.get(_address(known)).status_code == 200
    full = threading.BoundedSemaphore(1)
    full.acquire()
    with monkeypatch.context() as patch:
        patch.setattr(runtime().verdicts, "_places", full)
        answer = operator.browser.get(_address(incident))
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert operator.browser.get(_address(known)).status_code == 200, "it was checked before"
    assert operator.browser.get(_address(incident)).status_code == 200
    assert _rows() == 3


def test_what_is_remembered_of_checks_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "_MOST_REMEMBERED", 2)
    known, checked = Verdicts(), []

    def check(key: str) -> None:
        known.of(key, lambda: checked.append(key))

    for key in ("a", "b", "c", "c", "b", "a"):
        check(key)
    assert checked == ["a", "b", "c", "a"]


def test_a_failed_check_is_not_remembered_and_frees_its_place() -> None:
    known = Verdicts()

    def missing() -> None:
        raise FileNotFoundError

    for _ in range(5):
        with pytest.raises(FileNotFoundError):
            known.of("a", missing)
    assert known.of("a", lambda: "length") == "length"


@pytest.mark.both_databases(reason="plans")
def test_the_downloads_of_an_incident_are_read_from_their_index(app: Flask) -> None:
    with transaction():
        for number in range(300):
            trail.record(SYSTEM, "incident:clip_downloaded", f"incident:INC-{number}")
    if db.engine.dialect.name == "postgresql":
        db.session.execute(text("ANALYZE audit_events"))
    plan = plan_of_query(_newest_of("incident:INC-7", DOWNLOADED.values()).limit(20))
    assert "ix_audit_events_subject" in plan, plan
    assert "Sort" not in plan, plan
    assert "TEMP B-TREE" not in plan, plan
    assert len(downloads_of("incident:INC-7", DOWNLOADED.values())) == 1


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
