"""Compare rows and storage, in both directions, and remove unreferenced files.

The storage is listed once. Each file is compared with its row afterwards, so that a file published
meanwhile is young, and seemingly missing files are checked again at the end.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Any

from sqlalchemy import Row, select

from vigint_web.extensions import db
from vigint_web.models import Upload, Video, VideoFile
from vigint_web.models.video_file import NAMING, files_named, keys_named
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.runtime import storage
from vigint_web.services.core.transactions import transaction
from vigint_web.storage import Held

Report = Callable[[int, int], None]

# The maximum number of rows per database query.
_BATCH = 500
_PIECE = 1024 * 1024
_COLUMNS = [Video.id, Video.public_id, *(getattr(Video, name) for name in NAMING)]
_ROWS = VideoFile.__table__


class Problem(StrEnum):
    """The kinds of damage of a referenced file."""

    MISSING = "missing"
    SIZE = "size"
    HASH = "hash"


@dataclass(frozen=True)
class Named:
    """A file as described by its row."""

    key: str
    video: str
    size: int | None
    sha256: str | None
    # A name that its video has another file for now, which one of both places does not know yet:
    # no orphan, and nothing is amiss if it is gone.
    superseded: bool = False


@dataclass(frozen=True)
class Damage:
    """A file that differs from its row."""

    named: Named
    problem: Problem
    # Bytes found; None: there is no such file.
    found: int | None


@dataclass
class Findings:
    """The result of a comparison."""

    # Referenced files that match their rows.
    files: int = 0
    size: int = 0
    damaged: list[Damage] = field(default_factory=list)
    # Old enough that no running work can be about to reference them.
    orphans: list[Held] = field(default_factory=list)
    staged: list[Held] = field(default_factory=list)
    unfinished: list[Held] = field(default_factory=list)

    @property
    def removable(self) -> list[Held]:
        """Return all unreferenced files."""
        return [*self.orphans, *self.staged, *self.unfinished]

    @property
    def is_well(self) -> bool:
        """Return whether rows and storage agree."""
        return not (self.damaged or self.removable)


def check(older_than: float, report: Report | None = None, *, hashes: bool = False) -> Findings:
    """Compare rows and storage; nothing is changed.

    Args:
        older_than: seconds after which an unreferenced file is an orphan.
        report: called repeatedly with the files and bytes checked.
        hashes: read every referenced file, and compare its SHA-256.

    Raises:
        StorageError: the storage cannot be read.
    """
    found = Findings()
    seen: set[str] = set()
    waiting: dict[str, Named] = {}  # rows of which another file was listed
    for batch, named in _with_rows(storage().list_files()):
        waiting |= {
            key: file
            for key, file in named.items()
            if file.video not in seen and not file.superseded
        }
        seen.update(file.video for file in named.values())
        for held in batch:
            file = waiting.pop(held.name, None)
            if file is not None:
                _compare(found, file, held.size, hashes)
            elif held.age >= older_than and held.name not in named:
                found.orphans.append(held)
            if report is not None:
                report(found.files + len(found.orphans), found.size)
    for file in (*waiting.values(), *_unseen(seen)):
        _look_again(found, file, hashes)
    found.staged = [held for held in _unnamed_staged() if held.age >= older_than]
    found.unfinished = [held for held in storage().list_unfinished() if held.age >= older_than]
    return found


def find_orphans(older_than: float) -> Iterator[Held]:
    """Yield published files of that age, in seconds, that no row references."""
    old = (held for held in storage().list_files() if held.age >= older_than)
    for batch, named in _with_rows(old):
        yield from (held for held in batch if held.name not in named)


def remove(actor: Actor, found: Findings, older_than: float) -> Findings:
    """Remove unreferenced files; return the removed ones.

    Raises:
        StorageError: the storage refused; earlier removals are recorded.
    """
    removed = Findings()
    place = storage()
    try:
        for held in found.orphans:
            place.delete(held.name)
            removed.orphans.append(held)
        for held in found.staged:
            place.staged(held.name).discard()
            removed.staged.append(held)
        if found.unfinished:
            place.sweep_incoming(older_than)
            removed.unfinished = found.unfinished
    finally:
        if removed.removable:
            with transaction():
                trail.record(
                    actor,
                    "media:swept",
                    "installation",
                    files=len(removed.orphans),
                    uploads=len(removed.staged),
                    unfinished=len(removed.unfinished),
                    bytes=sum(held.size for held in removed.removable),
                )
    return removed


def _with_rows(files: Iterable[Held]) -> Iterator[tuple[list[Held], dict[str, Named]]]:
    """Yield files, many at a time, with all references of their rows, by key."""
    several = iter(files)
    while batch := list(islice(several, _BATCH)):
        videos = {held.name.split("/")[1] for held in batch if "/" in held.name}
        yield batch, {file.key: file for file in _named(sorted(videos))}


def _named(videos: Sequence[str]) -> list[Named]:
    found = db.session.execute(select(*_COLUMNS).where(Video.public_id.in_(videos))).all()
    named = _files_of(found)
    db.session.rollback()  # the next question is about a later moment
    return named


def _files_of(videos: Sequence[Row[Any]]) -> list[Named]:
    """Return what videos name, each file once: what plays may be the original itself."""
    rows: dict[int, list[Row[Any]]] = {}
    ids = [video.id for video in videos]
    for row in db.session.execute(select(_ROWS).where(VideoFile.video_id.in_(ids))):
        rows.setdefault(row.video_id, []).append(row)
    found: list[Named] = []
    for video in videos:
        of_video, label = rows.get(video.id, []), video.public_id
        named = {file.key: file for file in files_named(video, of_video).values()}
        found += [Named(key, label, file.size, file.sha256) for key, file in named.items()]
        others = keys_named(video, of_video) - named.keys()
        found += [Named(key, label, None, None, superseded=True) for key in sorted(others)]
    return found


def _unseen(seen: set[str]) -> Iterator[Named]:
    """Yield the files of rows of which no file was listed."""
    last = 0
    page = select(*_COLUMNS).order_by(Video.id).limit(_BATCH)
    while rows := db.session.execute(page.where(Video.id > last)).all():
        named = _files_of([row for row in rows if row.public_id not in seen])
        db.session.rollback()
        last = rows[-1].id
        yield from (file for file in named if not file.superseded)


def _compare(found: Findings, file: Named, size: int, hashes: bool) -> None:
    if file.size is not None and file.size != size:
        found.damaged.append(Damage(file, Problem.SIZE, size))
        return
    if hashes and file.sha256 is not None:
        try:
            digest = _digest(file.key)
        except FileNotFoundError:
            _look_again(found, file, hashes)
            return
        if digest != file.sha256:
            found.damaged.append(Damage(file, Problem.HASH, size))
            return
    found.files += 1
    found.size += size


def _look_again(found: Findings, file: Named, hashes: bool) -> None:
    """Check an unlisted file again, if its row still references it: both may have changed."""
    size = _size(file.key)
    now = next((other for other in _named([file.video]) if other.key == file.key), None)
    if now is None or now.superseded:
        return
    if size is None:
        found.damaged.append(Damage(now, Problem.MISSING, None))
    else:
        _compare(found, now, size, hashes)


def _size(key: str) -> int | None:
    try:
        with storage().open(key) as file:
            return file.seek(0, os.SEEK_END)
    except FileNotFoundError:
        return None


def _digest(key: str) -> str:
    digest = hashlib.sha256()
    with storage().open(key) as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _unnamed_staged() -> list[Held]:
    """Return staged files without an unfinished upload."""
    staged = list(storage().list_staged())
    under_way: set[str] = set()
    for first in range(0, len(staged), _BATCH):
        names = [held.name for held in staged[first : first + _BATCH]]
        under_way |= set(
            db.session.scalars(
                select(Upload.public_id).where(
                    Upload.public_id.in_(names), Upload.finished_at.is_(None)
                )
            )
        )
    db.session.rollback()
    return [held for held in staged if held.name not in under_way]
