"""Back up an installation while it runs: first its database, then the referenced files."""

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from alembic.script import ScriptDirectory
from flask import current_app
from sqlalchemy import text

from vigint_web.clock import utcnow
from vigint_web.errors import CommandRefused, StorageFull
from vigint_web.extensions import db
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.runtime import config, storage
from vigint_web.services.core.transactions import transaction
from vigint_web.services.operations.backup_archive import (
    DATABASES,
    MEDIA,
    OUTBOX,
    SECRET_KEY,
    ArchiveWriter,
    NotABackup,
)
from vigint_web.services.operations.database_dump import Snapshot, StoredFile, snapshot

Report = Callable[[int, int], None]


class BackupRefused(CommandRefused):
    """Explain in a sentence why there is no backup."""


@dataclass
class Made:
    """The content of a backup."""

    path: Path
    size: int = 0
    files: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    # Files deleted with their rows while the backup was made.
    gone: list[str] = field(default_factory=list)
    # Files that differ from their row, or that are missing though a row references them.
    doubtful: list[str] = field(default_factory=list)


def make_backup(
    actor: Actor, target: Path, report: Report, *, leave_out_missing: bool = False
) -> Made:
    """Write one backup file, which gets its name only when it is complete and on disk.

    Args:
        report: called with the bytes done and the bytes to do, repeatedly.
        leave_out_missing: continue without files that are missing though a row references them.

    Raises:
        BackupRefused, DatabaseRefused: with a sentence.
    """
    _check_target(target)
    made = Made(target)
    with _explain_disk_errors(target.parent), _draft(target) as file:
        with (
            tempfile.TemporaryDirectory(prefix=".vigint-backup-", dir=target.parent) as folder,
            snapshot(db.engine, Path(folder)) as copy,
        ):
            _write(file, copy, made, report, leave_out_missing)
        made.size = file.tell()
    if copy.contents.revision in _newest():  # an older database has other tables
        with suppress(StorageFull), transaction():
            trail.record(actor, "backup:made", "installation", files=made.files, bytes=made.size)
    return made


def _write(
    file: IO[bytes], copy: Snapshot, made: Made, report: Report, leave_out_missing: bool
) -> None:
    mails = sorted(config().outbox_dir.glob("*.eml"))
    todo = copy.path.stat().st_size + sum(stored.size or 0 for stored in copy.contents.files)
    _require_room(made.path.parent, todo)
    done = 0

    def progress(count: int) -> None:
        nonlocal done
        done += count
        report(done, max(todo, done))

    writer = ArchiveWriter(file, progress)
    dialect = db.engine.dialect.name
    writer.head(utcnow().isoformat(timespec="seconds"), dialect, copy.contents.revision)
    _add_file(writer, DATABASES[dialect], copy.path)
    ring = config().key_ring
    writer.add_bytes(SECRET_KEY, "\n".join(ring).encode())
    for stored in copy.contents.files:
        _add_stored(writer, stored, made, leave_out_missing)
    for path in mails:
        with suppress(FileNotFoundError, NotABackup):  # purged meanwhile; or not one of our mails
            _add_file(writer, f"{OUTBOX}{path.name}", path)
    made.rows, made.files = copy.contents.rows, len(writer.files)
    writer.finish(copy.contents.rows, made.gone)


def _add_stored(
    writer: ArchiveWriter, stored: StoredFile, made: Made, leave_out_missing: bool
) -> None:
    try:
        with storage().local_copy(stored.key) as path:
            digest = _add_file(writer, f"{MEDIA}{stored.key}", path)
    except FileNotFoundError:
        if not _is_there(stored.video_id):
            made.gone.append(stored.key)
            return
        if leave_out_missing:
            made.doubtful.append(stored.key)
            return
        raise BackupRefused(
            f"The file {stored.key} is missing in the storage, though a row names it; nothing was"
            " written. Bring it back, or delete its source or incident, or leave such files out"
            " with --leave-out-missing."
        ) from None
    if stored.sha256 is not None and digest != stored.sha256:
        made.doubtful.append(stored.key)


def _add_file(writer: ArchiveWriter, name: str, path: Path) -> str:
    with path.open("rb") as source:
        about = os.fstat(source.fileno())
        return writer.add(name, source, about.st_size, about.st_mtime).sha256


def _is_there(video_id: int) -> bool:
    found = db.session.execute(text("SELECT id FROM videos WHERE id = :id"), {"id": video_id})
    there = found.first() is not None
    db.session.rollback()
    return there


def _newest() -> list[str]:
    return ScriptDirectory(f"{current_app.root_path}/migrations").get_heads()


def _check_target(target: Path) -> None:
    if target.exists() or target.is_symlink():
        raise BackupRefused(f"{target} is there already: name another file, or move that one.")
    if not target.parent.is_dir():
        raise BackupRefused(f"There is no folder {target.parent}: make it, then start again.")
    if config().media_dir.resolve() in target.resolve().parents:
        raise BackupRefused(
            f"{target.parent} belongs to the videos, and what no row names is swept from there:"
            " name a file elsewhere."
        )


def _require_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise BackupRefused(
            f"There is no room for the backup in {folder}: {needed / 1e6:.0f} MB are needed and"
            f" {free / 1e6:.0f} MB are free. Make room, or name a file on another disk."
        )


@contextmanager
def _explain_disk_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            why = "" if error.filename or "MB" not in str(error) else f" ({error.strerror})"
            raise BackupRefused(
                f"There is no room for the backup in {folder}{why}: make room or name a file on"
                " another disk. Nothing was kept."
            ) from None
        raise BackupRefused(
            f"The backup could not be written: {error}. Nothing was kept."
        ) from None


@contextmanager
def _draft(target: Path) -> Iterator[IO[bytes]]:
    """Provide a file that gets its name once it is complete and on disk."""
    descriptor, name = tempfile.mkstemp(
        prefix=f".{target.name}.", suffix=".part", dir=target.parent
    )
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        try:
            # A link never overwrites a file created meanwhile, as a rename would.
            os.link(draft, target)
        except FileExistsError:
            raise BackupRefused(f"{target} is there already: name another file.") from None
        except OSError:
            draft.rename(target)  # a file system without links, such as on a USB drive
        sync_folder(target.parent)
    finally:
        draft.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make the entries of a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
