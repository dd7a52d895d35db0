"""Put a backup in place, where nothing is yet, and check one without doing so."""

import errno
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from flask import current_app
from sqlalchemy import URL, NullPool, create_engine, or_, select

from vigint_web.config import secret_key_path
from vigint_web.errors import StorageFull, VigintError
from vigint_web.extensions import db
from vigint_web.models import Source, Video
from vigint_web.services import audit, snapshots
from vigint_web.services.actors import Actor
from vigint_web.services.archives import (
    MEDIA,
    OUTBOX,
    SECRET_KEY,
    Archive,
    Manifest,
    NotABackup,
    Progress,
    copy_checked,
)
from vigint_web.services.backups import sync_folder
from vigint_web.services.runtime import config, storage
from vigint_web.services.snapshots import Contents
from vigint_web.services.sources import delete_source
from vigint_web.services.transactions import transaction
from vigint_web.services.videos import delete_video_files, detach_and_delete_video
from vigint_web.storage import NoRoom, StorageError


class RestoreRefused(VigintError):
    """Say in a sentence why nothing was restored."""


def check_place(manifest: Manifest) -> None:
    """Make sure that a backup can be restored here, before anything is written.

    Raises:
        RestoreRefused: with a sentence.
    """
    dialect = db.engine.dialect.name
    if dialect != manifest.dialect:
        raise RestoreRefused(
            f"The backup is of a {manifest.dialect} database, and this installation is set up for"
            f" {dialect}: set VIGINT_DATABASE_URL accordingly, then restore again."
        )
    scripts = ScriptDirectory(f"{current_app.root_path}/migrations")
    try:
        known = manifest.revision is None or scripts.get_revision(manifest.revision) is not None
    except CommandError:
        known = False
    if not known:
        raise RestoreRefused(
            "The backup was made by a newer Vigint: restore it with that version or a later one."
        )
    if not snapshots.is_empty(db.engine):
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
    with _room_told():
        return next(storage().list_files(), None) is not None


def put_in_place(archive: Archive, manifest: Manifest, progress: Progress) -> None:
    """Restore files, key and at last the database; after an error nothing of it stays.

    Raises:
        RestoreRefused, NotABackup, DatabaseRefused: with a sentence.
    """
    data_dir = config().data_dir
    with _room_told(), _undone_on_error() as undo:
        draft: Path | None = None
        for name, source in archive.files():
            expected = manifest.files[name]
            copy = partial(copy_checked, source, expected=expected, progress=progress)
            if name.startswith(MEDIA):
                _restore_media(name.removeprefix(MEDIA), copy, undo)
            elif name.startswith(OUTBOX):
                config().outbox_dir.mkdir(mode=0o700, exist_ok=True)
                _write(config().outbox_dir / name.removeprefix(OUTBOX), copy, undo)
            elif name == SECRET_KEY:
                _write(secret_key_path(data_dir), copy, undo)
            elif name == manifest.database:
                draft = data_dir / f".{name}.{secrets.token_hex(4)}"
                _write(draft, copy, undo)
        if draft is None:
            raise NotABackup("The backup changed while it was read: restore it again.")
        _restore_database(draft, manifest)
        sync_folder(data_dir)


def settle_restored(actor: Actor, manifest: Manifest) -> int:
    """Finish once the database is migrated; return how many videos without files went.

    Their rows were deleted while the backup was made, so they are deleted here too.
    """
    columns = (
        Video.original_key, Video.frames_key, Video.playable_key, Video.poster_key,
        Video.thumbnail_key, Video.sprite_key,
    )  # fmt: skip
    gone = db.session.scalars(
        select(Video).where(or_(*(column.in_(manifest.gone) for column in columns)))
    ).all()
    for video in gone:
        source = db.session.scalar(select(Source).where(Source.video_id == video.id))
        if source is not None:
            delete_source(actor, source.source_id)
            continue
        with transaction():
            detach_and_delete_video(video)
            audit.record(actor, "video:purged", f"video:{video.public_id}", site_id=video.site_id)
    with transaction():
        audit.record(
            actor,
            "backup:restored",
            "installation",
            made_at=manifest.created_at,
            files=len(manifest.files),
        )
    return len(gone)


def verify(archive: Archive, manifest: Manifest, database_url: str) -> Contents:
    """Restore a backup's database to a place of its own, and compare it with the backup.

    Args:
        database_url: of this installation, for a backup of PostgreSQL.

    Raises:
        RestoreRefused, DatabaseRefused: with a sentence that says what differs.
    """
    with _room_told(), tempfile.TemporaryDirectory(prefix="vigint-verify-") as folder:
        draft = Path(folder) / manifest.database
        for name, source in archive.files():
            if name == manifest.database:
                with draft.open("wb") as file:
                    copy_checked(source, file, manifest.files[name], lambda _: None)
        found = _restored_contents(draft, manifest, snapshots.parse_url(database_url))
    _compare(found, manifest)
    return found


def _restored_contents(draft: Path, manifest: Manifest, url: URL) -> Contents:
    if manifest.dialect == "sqlite":
        return snapshots.check_restored(draft)
    if url.get_backend_name() != "postgresql":
        raise RestoreRefused(
            "The backup's files are whole. Comparing its rows needs a PostgreSQL server: name one"
            " in VIGINT_DATABASE_URL; nothing in its database is touched."
        )
    with snapshots.scratch_postgresql(url, f"vigint_verify_{secrets.token_hex(4)}") as scratch:
        snapshots.restore_postgresql(scratch, draft)
        engine = create_engine(scratch, poolclass=NullPool)
        with engine.connect() as connection:
            return snapshots.read_contents(connection)


def _compare(found: Contents, manifest: Manifest) -> None:
    if found.rows != manifest.rows:
        tables = sorted(
            table
            for table in found.rows.keys() | manifest.rows.keys()
            if found.rows.get(table) != manifest.rows.get(table)
        )
        raise RestoreRefused(
            f"The backup's database has not the rows it was made with (in {', '.join(tables)}):"
            " use another backup."
        )
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
        snapshots.restore_postgresql(url, draft)
        draft.unlink()
        return
    if snapshots.check_restored(draft).rows != manifest.rows:
        raise NotABackup("The backup's database has not the rows it was made with.")
    target = snapshots.sqlite_path(url)
    if target.parent != draft.parent:
        moved = target.with_name(draft.name)
        shutil.move(draft, moved)
        draft = moved
    draft.rename(target)
    sync_folder(target.parent)


class _Undo:
    """What was put in place so far."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.paths: list[Path] = []

    def undo(self) -> None:
        """Remove it."""
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
def _room_told() -> Iterator[None]:
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
