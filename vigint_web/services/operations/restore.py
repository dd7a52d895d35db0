"""Restore a backup into an empty place, and verify one without restoring it."""

import errno
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from sqlalchemy import URL, NullPool, create_engine, select

from vigint_web.config.config import secret_key_path
from vigint_web.errors import StorageFull
from vigint_web.extensions import db
from vigint_web.models import Source, Video
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.runtime import config, storage
from vigint_web.services.core.transactions import transaction
from vigint_web.services.dispatch import on_hold
from vigint_web.services.dispatch.on_hold import OnHold
from vigint_web.services.operations import database_dump
from vigint_web.services.operations.backup import sync_folder
from vigint_web.services.operations.backup_archive import (
    MEDIA,
    OUTBOX,
    SECRET_KEY,
    Archive,
    Manifest,
    NotABackup,
    Progress,
    copy_checked,
)
from vigint_web.services.operations.database_dump import Contents
from vigint_web.services.operations.restore_checks import (
    RestoreRefused,
    check_contents,
    require_known_revision,
)
from vigint_web.services.sources.sources import delete_source
from vigint_web.services.videos.lifecycle import delete_video_files, detach_and_delete_video
from vigint_web.storage import NoRoom, StorageError
from vigint_web.system.private_files import private_folder


def check_place(manifest: Manifest) -> None:
    """Check that a backup can be restored here, before anything is written.

    Raises:
        RestoreRefused: with a sentence.
    """
    dialect = db.engine.dialect.name
    if dialect != manifest.dialect:
        raise RestoreRefused(
            f"The backup is of a {manifest.dialect} database, and this installation is set up for"
            f" {dialect}: set VIGINT_DATABASE_URL accordingly, then restore again."
        )
    require_known_revision(manifest.revision)
    if not database_dump.is_empty(db.engine):
        raise RestoreRefused(
            "The configured database is not empty, and a restore overwrites nothing: name an empty"
            " one in VIGINT_DATABASE_URL, or move that one away."
        )
    if config().s3 is not None and _holds_something():
        raise RestoreRefused(
            f"There are files in {storage().describe()} already, and a restore overwrites nothing:"
            " name a prefix in VIGINT_STORAGE_URL where nothing is yet, such as s3://BUCKET/restored."
        )
    free = storage().free_bytes()
    if free is not None and free < manifest.size:
        raise RestoreRefused(
            f"There is no room: {manifest.size / 1e6:.0f} MB are needed and {free / 1e6:.0f} MB are"
            " free. Make room, then restore again."
        )


def _holds_something() -> bool:
    with _explain_no_room():
        return next(storage().list_files(), None) is not None


def put_in_place(archive: Archive, manifest: Manifest, progress: Progress) -> None:
    """Restore files, key and at last the database; after an error nothing remains.

    The database is validated first, before anything is installed.

    Raises:
        RestoreRefused, NotABackup, DatabaseRefused: with a sentence.
    """
    data_dir = config().data_dir
    with _explain_no_room(), _undone_on_error() as undo:
        draft = data_dir / f".{manifest.database}.{secrets.token_hex(4)}"
        _take_database(archive, manifest, draft, undo)
        for name, source in archive.files():
            expected = manifest.files[name]
            copy = partial(copy_checked, source, expected=expected, progress=progress)
            if name.startswith(MEDIA):
                _restore_media(name.removeprefix(MEDIA), copy, undo)
            elif name.startswith(OUTBOX):
                private_folder(config().outbox_dir)
                _write(config().outbox_dir / name.removeprefix(OUTBOX), copy, undo)
            elif name == SECRET_KEY:
                _write(secret_key_path(data_dir), copy, undo)
        _restore_database(draft, manifest)
        sync_folder(data_dir)


def _take_database(archive: Archive, manifest: Manifest, draft: Path, undo: "_Undo") -> None:
    """Write the backup's database beside its destination, and validate it there."""
    for name, source in archive.files():
        if name == manifest.database:
            expected = manifest.files[name]
            _write(draft, partial(copy_checked, source, expected=expected, progress=_none), undo)
    if not draft.exists():
        raise NotABackup("The backup changed while it was read: restore it again.")
    url = db.engine.url
    # The content of PostgreSQL's dump can be read only in a database: a temporary one, if one may
    # be created.
    if manifest.dialect == "sqlite" or database_dump.may_create_databases(url):
        check_contents(_restored_contents(draft, manifest, url), manifest)


def _none(_count: int) -> None:
    """Count nothing: these bytes are counted when they are installed."""


def settle_restored(actor: Actor, manifest: Manifest) -> tuple[int, OnHold]:
    """Finish once the database is migrated; no notification of the backup is sent without a
    decision.

    Returns:
        The number of videos without files that were deleted: their rows were deleted while the
        backup was made, so they are deleted here too. And the notifications on hold.
    """
    held = on_hold.hold_everything()
    gone = _videos_without_files(manifest)
    for video in gone:
        source = db.session.scalar(select(Source).where(Source.video_id == video.id))
        if source is not None:
            delete_source(actor, source.source_id)
            continue
        with transaction():
            detach_and_delete_video(actor, video)
            trail.record(actor, "video:purged", f"video:{video.public_id}", site_id=video.site_id)
    with transaction():
        trail.record(
            actor,
            on_hold.RESTORED,
            "installation",
            made_at=manifest.created_at,
            files=len(manifest.files),
        )
    return len(gone), held


def _videos_without_files(manifest: Manifest) -> Sequence[Video]:
    if not manifest.gone:
        return []
    lacking, connection = set(manifest.gone), db.session.connection()
    ids = {file.video_id for file in database_dump.stored_files(connection) if file.key in lacking}
    return db.session.scalars(select(Video).where(Video.id.in_(ids))).all()


def verify(archive: Archive, manifest: Manifest, database_url: str) -> Contents:
    """Restore a backup's database to a temporary place, and compare it with the backup.

    Args:
        database_url: of this installation, for a backup of PostgreSQL.

    Raises:
        RestoreRefused, DatabaseRefused: with a sentence that describes the difference.
    """
    with _explain_no_room(), tempfile.TemporaryDirectory(prefix="vigint-verify-") as folder:
        draft = Path(folder) / manifest.database
        for name, source in archive.files():
            if name == manifest.database:
                with draft.open("wb") as file:
                    copy_checked(source, file, manifest.files[name], _none)
        found = _restored_contents(draft, manifest, database_dump.parse_url(database_url))
    check_contents(found, manifest)
    _compare(found, manifest)
    return found


def _restored_contents(draft: Path, manifest: Manifest, url: URL) -> Contents:
    if manifest.dialect == "sqlite":
        return database_dump.check_restored(draft)
    if url.get_backend_name() != "postgresql":
        raise RestoreRefused(
            "The backup's files are whole. Comparing its rows needs a PostgreSQL server: name one"
            " in VIGINT_DATABASE_URL; nothing in its database is touched."
        )
    with database_dump.scratch_postgresql(url, f"vigint_verify_{secrets.token_hex(4)}") as scratch:
        database_dump.restore_postgresql(scratch, draft)
        engine = create_engine(scratch, poolclass=NullPool)
        with engine.connect() as connection:
            return database_dump.read_contents(connection)


def _compare(found: Contents, manifest: Manifest) -> None:
    media = manifest.media
    for stored in found.files:
        kept = media.get(stored.key)
        if kept is None and stored.key not in manifest.gone:
            raise RestoreRefused(f"The backup lacks {stored.key}, which a row names.")
        if kept is not None and stored.sha256 not in {None, kept.sha256}:
            raise RestoreRefused(f"{stored.key} in the backup is not what its row says.")


def _restore_media(key: str, copy: Callable[..., None], undo: "_Undo") -> None:
    draft = storage().new_temp()
    undo.paths.append(draft)
    with draft.open("wb") as file:
        copy(target=file)
    storage().publish(draft, key)
    undo.keys.append(key)


def _write(path: Path, copy: Callable[..., None], undo: "_Undo") -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    undo.paths.append(path)
    with os.fdopen(descriptor, "wb") as file:
        copy(target=file)
        file.flush()
        os.fsync(file.fileno())


def _restore_database(draft: Path, manifest: Manifest) -> None:
    url = db.engine.url
    if manifest.dialect == "postgresql":
        database_dump.restore_postgresql(url, draft)
        draft.unlink()
        with db.engine.connect() as connection:
            found = database_dump.read_contents(connection)
        try:
            check_contents(found, manifest)
        except RestoreRefused:
            database_dump.empty_postgresql(url)
            raise
        return
    target = database_dump.sqlite_path(url)
    if target.parent != draft.parent:
        moved = target.with_name(draft.name)
        shutil.move(draft, moved)
        draft = moved
    draft.rename(target)
    sync_folder(target.parent)


class _Undo:
    """The files installed so far."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.paths: list[Path] = []

    def undo(self) -> None:
        """Remove them."""
        delete_video_files(self.keys)
        for path in self.paths:
            path.unlink(missing_ok=True)


@contextmanager
def _undone_on_error() -> Iterator[_Undo]:
    undo = _Undo()
    with ExitStack() as stack:
        stack.callback(undo.undo)
        yield undo
        stack.pop_all()


@contextmanager
def _explain_no_room() -> Iterator[None]:
    try:
        yield
    except NoRoom:
        raise _no_room() from None
    except StorageFull:
        raise _no_room() from None
    except StorageError as error:
        raise RestoreRefused(f"The videos could not be restored: {error}.") from None
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise _no_room() from None
        raise RestoreRefused(
            f"The backup could not be restored: {error.strerror or error}. Nothing of it was kept."
        ) from None


def _no_room() -> RestoreRefused:
    return RestoreRefused(
        "The disk became full while restoring: make room, then restore again. Nothing was kept."
    )
