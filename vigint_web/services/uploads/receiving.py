"""Receive the bytes of resumable uploads, and enqueue complete ones."""

import errno
import hashlib
import hmac
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from vigint_web.clock import utcnow
from vigint_web.errors import (
    Busy,
    ChecksumMismatch,
    Conflict,
    LeaseLost,
    Locked,
    NotFound,
    StorageFull,
    UploadFinished,
    UploadTooLong,
    VigintError,
    WrongOffset,
)
from vigint_web.extensions import db
from vigint_web.models import ApiKey, Upload, User, UserSession, Video
from vigint_web.services.accounts.sessions import is_live
from vigint_web.services.core.actors import SYSTEM, Actor
from vigint_web.services.core.leases import is_free
from vigint_web.services.core.runtime import config, storage
from vigint_web.services.core.transactions import change, transaction
from vigint_web.services.sources import sources
from vigint_web.services.uploads import hashing
from vigint_web.services.uploads.hashing import Tally
from vigint_web.services.uploads.uploads import is_whole, require_alive, time_to_live
from vigint_web.services.uploads.write_lock import (
    LEASE,
    WriteLock,
    give_back,
    on_trial,
    only_writer,
)
from vigint_web.services.videos.lifecycle import delete_video_files
from vigint_web.services.videos.publication import names_original
from vigint_web.storage import NoRoom, StorageError
from vigint_web.storage.base import Staged

log = logging.getLogger(__name__)

_BATCH = 100
_PIECE = 1024 * 1024


@dataclass(frozen=True)
class Checksum:
    """The expected digest of the bytes of one request."""

    algorithm: str
    digest: bytes


@dataclass
class Body:
    """The bytes of one request.

    `length` is the announced one, if any; `expel` wakes the thread waiting for the next chunk.
    """

    chunks: Iterable[bytes]
    length: int | None = None
    checksum: Checksum | None = None
    expel: Callable[[], object] = field(default=lambda: None)


def held(upload: Upload) -> int:
    """Return how many of an upload's bytes are stored durably."""
    if is_whole(upload):
        return upload.length
    size = storage().staged(upload.public_id).size()
    if size == 0 and upload.offset == upload.length and _is_published(upload):
        return upload.length
    return min(size, upload.offset) if on_trial(upload) else size


def see(upload: Upload) -> int:
    """Return the same; a complete upload is enqueued soon."""
    size = held(upload)
    if size == upload.length and upload.finished_at is None and upload.offset != size:
        # Its last writer died between the last byte and this row, which the sweep reads.
        with transaction() as session:
            found = update(Upload).where(Upload.id == upload.id, Upload.finished_at.is_(None))
            change(session, found.values(offset=size))
    return size


def receive(actor: Actor, upload: Upload, offset: int, body: Body) -> int:
    """Add bytes at an upload's end; return the number of durable bytes.

    With its last byte the upload becomes a source that is enqueued for the workers.

    Raises:
        UploadExpired, UploadFinished, UploadTooLong, WrongOffset, Locked: nothing was kept.
        ChecksumMismatch: nothing was kept.
        StorageFull: the bytes that fitted are kept, and the upload can continue.
        Busy: the storage failed; earlier bytes are kept.
    """
    require_alive(upload)
    if is_whole(upload):
        if offset == upload.length and not body.length and not any(body.chunks):
            return offset
        raise UploadFinished
    if offset + (body.length or 0) > upload.length:
        raise UploadTooLong
    with _writing(
        upload,
        expires_in=time_to_live(),
        trial=body.checksum is not None,
        allowed=_may_go_on(actor),
        expel=body.expel,
    ) as (lock, staged):
        at = _settle(upload, staged, lock)
        if at != offset:
            raise WrongOffset(at)
        if lock.published:
            return _adopt(actor, upload, lock)
        tally = hashing.resume(upload.public_id, staged, offset)
        with lock.kept():
            size, tally = _append(upload, staged, lock, offset, body, tally)
            if size == upload.length:
                sha256 = _publish(upload, staged, lock, tally)
        if size == upload.length:
            _hand_over(actor, upload, lock, sha256)
        else:
            hashing.keep(upload.public_id, tally)
    return size


@contextmanager
def _writing(upload: Upload, **how: Any) -> Iterator[tuple[WriteLock, Staged]]:
    """Give one writer the staged bytes, and release the upload in any case."""
    staged = storage().staged(upload.public_id)
    lock_file = config().temp_dir / f"{upload.public_id}.lock"
    try:
        with only_writer(upload, lock_file, **how) as lock:
            try:
                yield lock, staged
            finally:
                _give_back(staged, lock)
    except LeaseLost:
        raise Locked from None
    except NoRoom:
        raise StorageFull from None
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise StorageFull from None
    except StorageError as error:
        log.error("the storage failed in an upload: %s", error)
        raise Busy from None


def _give_back(staged: Staged, lock: WriteLock) -> None:
    if not lock.lost.is_set():
        give_back(lock, offset=None if lock.published else staged.size())
    if db.session.scalar(select(Upload.id).where(Upload.id == lock.row_id)) is None:
        staged.discard()  # terminated meanwhile; the last bytes created it again
        raise NotFound


def _settle(upload: Upload, staged: Staged, lock: WriteLock) -> int:
    """Truncate the last writer's unchecked bytes; return the number of bytes."""
    at = held(upload)
    lock.published = at == upload.length and staged.size() == 0
    if on_trial(upload):
        staged.cut(at)
    if lock.trial and upload.offset != at:
        _note(lock, at)
    return at


def _note(lock: WriteLock, offset: int) -> None:
    with transaction() as session:
        lock.require(change(session, update(Upload).where(lock.held()).values(offset=offset)))


def _append(
    upload: Upload, staged: Staged, lock: WriteLock, offset: int, body: Body, tally: Tally
) -> tuple[int, Tally]:
    """Append a request's bytes to the staged ones; return the total, and its tally."""
    before = tally.copy()
    through = _Through(lock, body, tally, offset, upload.length)
    try:
        size = staged.append(through.chunks())
        through.check()
        if size != offset + through.count:
            raise LeaseLost(f"upload {upload.id}")
    except BaseException as error:
        if lock.lost.is_set():
            raise Locked from error
        whole_or_nothing = body.checksum is not None or isinstance(error, UploadTooLong | LeaseLost)
        _save(upload, staged, lock, offset if whole_or_nothing else None, (tally, before))
        raise
    return size, tally


def _save(
    upload: Upload, staged: Staged, lock: WriteLock, cut: int | None, tallies: Iterable[Tally]
) -> None:
    """After a failure, keep the valid bytes and their digest."""
    try:
        if cut is not None:
            staged.cut(cut)
        size = staged.size()
    except (StorageError, OSError):
        lock.lost.set()  # left on trial: the next writer retries
        raise
    for tally in tallies:
        if tally.position <= size:
            hashing.keep(upload.public_id, tally)
            return


class _Through:
    """Pass a request's bytes on, while hashing them."""

    def __init__(self, lock: WriteLock, body: Body, tally: Tally, offset: int, length: int) -> None:
        self.count = 0
        self._lock, self._body, self._tally = lock, body, tally
        self._room = length - offset
        # A tally that is far behind is completed at the end.
        self._tallies = tally.position == offset
        self._seen = None
        if body.checksum is not None:
            self._seen = hashlib.new(body.checksum.algorithm, usedforsecurity=False)

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes; raises LeaseLost, UploadTooLong."""
        waiting = iter(self._body.chunks)
        while True:
            with self._lock.waiting():
                chunk = next(waiting, None)
            if chunk is None:
                return
            self._lock.alive()
            if self.count + len(chunk) > self._room:
                raise UploadTooLong
            if self._seen is not None:
                self._seen.update(chunk)
            yield chunk
            # Only bytes that were written without an error.
            self.count += len(chunk)
            if self._tallies:
                self._tally.add(chunk)

    def check(self) -> None:
        """Raise ChecksumMismatch if the bytes differ from those sent."""
        checksum = self._body.checksum
        if checksum is None or self._seen is None:
            return
        if not hmac.compare_digest(self._seen.digest(), checksum.digest):
            raise ChecksumMismatch


def _publish(upload: Upload, staged: Staged, lock: WriteLock, tally: Tally) -> str:
    """Publish a complete upload as the original of its video; return its SHA-256."""
    for _ in tally.add_all(staged.read(tally.position)):
        lock.alive()
    hashing.keep(upload.public_id, tally)  # in case publishing fails
    _note(lock, upload.length)  # from here on the sweep finishes it, whatever happens to us
    lock.alive()
    staged.publish(sources.original_key_of(upload.source.video))
    lock.published = True
    return tally.sha256()


def _hand_over(actor: Actor, upload: Upload, lock: WriteLock, sha256: str) -> None:
    ended = {"finished_at": utcnow(), "writer": None}
    try:
        with transaction() as session:
            lock.require(lock.end(session, offset=upload.length, **ended))
            sources.hand_over(actor, upload.source, upload.length, sha256)
    except (Conflict, LeaseLost):
        key = sources.original_key_of(upload.source.video)
        if db.session.scalar(select(Video.id).where(names_original(key))) is None:
            delete_video_files([key])  # given up meanwhile
        raise
    hashing.forget(upload.public_id)


def _adopt(actor: Actor, upload: Upload, lock: WriteLock) -> int:
    """Complete a publication whose process died before recording it."""
    tally = Tally()
    with lock.kept(), storage().open(sources.original_key_of(upload.source.video)) as file:
        for _ in tally.add_all(iter(lambda: file.read(_PIECE), b"")):
            lock.alive()
    _hand_over(actor, upload, lock, tally.sha256())
    return upload.length


def _is_published(upload: Upload) -> bool:
    try:
        with storage().open(sources.original_key_of(upload.source.video)) as file:
            return file.seek(0, os.SEEK_END) == upload.length
    except FileNotFoundError:
        return False


def _may_go_on(actor: Actor) -> Callable[[Session], bool]:
    """Return the check whether the sender's key or session is still valid."""
    if actor.api_key_id is not None:
        key = select(ApiKey.id).where(ApiKey.id == actor.api_key_id, ApiKey.revoked_at.is_(None))
        ends = ApiKey.expires_at
        return lambda session: (
            session.scalar(key.where(or_(ends.is_(None), ends > utcnow()))) is not None
        )
    if actor.session_id:
        # Not idle: the session is in use for as long as bytes arrive.
        login = select(UserSession.id).where(UserSession.id == actor.session_id, is_live())
        active = login.join(User, User.id == UserSession.user_id).where(User.active)
        return lambda session: session.scalar(active) is not None
    return lambda _session: True


def sweep() -> int:
    """Complete whole uploads and abort expired ones; return the number of ended uploads.

    Several processes may do so at once.
    """
    now = utcnow()
    due = select(Upload).where(
        Upload.finished_at.is_(None),
        or_(Upload.offset == Upload.length, Upload.expires_at <= now),
        is_free(Upload, LEASE),
    )
    ended = 0
    for upload in db.session.scalars(due.limit(_BATCH)).all():
        try:
            ended += _end(upload)
        except Locked:
            continue  # its client is back, or another process works on it
        except VigintError as error:
            log.warning("upload of %s not ended yet: %s", upload.source.source_id, error.code)
    return ended


def _end(upload: Upload) -> bool:
    with _writing(upload, expires_in=None) as (lock, staged):
        at = _settle(upload, staged, lock)
        if at < upload.length:
            if upload.expires_at > utcnow():
                return False  # its bytes are gone: it starts again
            log.warning("upload of %s was not finished in time", upload.source.source_id)
            staged.discard()
            lock.published = True
            _give_up(upload, lock)
            return True
        if lock.published:
            _adopt(SYSTEM, upload, lock)
            return True
        tally = hashing.resume(upload.public_id, staged, at)
        with lock.kept():
            sha256 = _publish(upload, staged, lock, tally)
        _hand_over(SYSTEM, upload, lock, sha256)
        return True


def _give_up(upload: Upload, lock: WriteLock) -> None:
    with transaction() as session:
        lock.require(lock.end(session, finished_at=utcnow(), writer=None))
        sources.fail_upload(SYSTEM, upload.source, "upload_expired")
    hashing.forget(upload.public_id)
