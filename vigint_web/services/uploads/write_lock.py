"""Let one request at a time write an upload, for as long as its bytes arrive."""

import fcntl
import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from sqlalchemy import ColumnElement, literal, or_
from sqlalchemy.orm import Session

from vigint_web.clock import utcnow
from vigint_web.errors import Locked
from vigint_web.models import Upload
from vigint_web.services.core.lapsing import has_lapsed
from vigint_web.services.core.leases import Ownership, is_free, taking
from vigint_web.services.core.transactions import change, transaction

# The lease of a silent sender expires after this time.
LEASE = timedelta(seconds=5)
_SILENCE_SECONDS = 2.0
# Without renewal nothing is written after this time, because another writer might.
_SAFE_SECONDS = LEASE.total_seconds() - 2
_BEAT_SECONDS = 1.5
_LOCK_SECONDS = 5.0
# The name of a writer whose bytes count only when its request has ended.
_ON_TRIAL = "trial-"


def on_trial(upload: Upload) -> bool:
    """Return whether the bytes beyond the row's offset were never checked."""
    return (upload.writer or "").startswith(_ON_TRIAL)


@dataclass
class WriteLock(Ownership):
    """One request's ownership of one upload: the word of the row's writer is the owner."""

    length = LEASE

    table: type[Upload] = field(default=Upload, init=False)
    writer: str
    allowed: Callable[[Session], bool]
    # The staged bytes have their key now.
    published: bool = False
    _sign: float = field(default_factory=time.monotonic)
    _safe_until: float = field(default_factory=lambda: time.monotonic() + _SAFE_SECONDS)
    _waits: bool = False

    @property
    def trial(self) -> bool:
        """Return whether the written bytes count only after the release."""
        return self.writer.startswith(_ON_TRIAL)

    def held(self) -> ColumnElement[bool]:
        """Return the condition under which the row may be changed."""
        return (Upload.id == self.row_id) & (Upload.writer == self.writer)

    def extend(self) -> bool:
        """Move the end on if it is still ours and its sender may go on; return whether it is."""
        until = time.monotonic() + _SAFE_SECONDS
        ours = super().extend()
        if ours:
            self._safe_until = until
        return ours

    def confirm(self) -> None:
        """Raise LeaseLost if another request has the upload by now."""
        if self.lost.is_set() or not self.extend():
            self.lose()

    def alive(self) -> None:
        """Record that bytes arrive; raises LeaseLost when they must not be written any more."""
        late = time.monotonic() > self._safe_until
        if self.lost.is_set() or (late and not self.extend()):
            self.lose()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Let another request take the upload when the block waits too long for bytes."""
        self._sign, self._waits = time.monotonic(), True
        try:
            yield
        finally:
            self._waits = False

    def _may_go_on(self, session: Session) -> bool:
        return self.allowed(session)

    def _pause_between_beats(self) -> float:
        return _BEAT_SECONDS

    def _beat(self) -> bool:
        silent = self._waits and time.monotonic() - self._sign > _SILENCE_SECONDS
        return self.is_ours() if silent else self.extend()


@contextmanager
def only_writer(
    upload: Upload,
    lock_file: Path,
    *,
    expires_in: timedelta | None,
    trial: bool = False,
    allowed: Callable[[Session], bool] = lambda _session: True,
    expel: Callable[[], object] = lambda: None,
) -> Iterator[WriteLock]:
    """Be the only one who writes an upload, as long as the block runs.

    The row's lease decides, wherever the writers are. The lock file keeps those of one machine
    apart, also when one has lost its lease and not noticed yet, and tells when one has died.

    Args:
        lock_file: the file by which this machine's processes keep apart.
        expires_in: how long it may wait for its next byte from now on; None leaves that alone.
        trial: what is written counts only once the lock was given back.

    Raises:
        Locked: somebody else writes it.
    """
    here = _here(lock_file)
    trial = trial or on_trial(upload)  # the last writer's bytes are not checked yet
    word = f"{_ON_TRIAL if trial else ''}{here}-{secrets.token_hex(6)}"
    lock = WriteLock(upload.id, word, allowed, expel=expel)
    descriptor = _locked(lock_file)
    if descriptor is None and not has_lapsed(upload.lease_until, LEASE):
        raise Locked  # as `_take` would find, but without a turn to write
    try:
        last = (upload.writer or "").removeprefix(_ON_TRIAL)
        died = descriptor is not None and last.startswith(f"{here}-")
        _take(upload, lock, expires_in, force=died)
        if descriptor is None:
            descriptor = _wait_for(lock_file, lock)
        yield lock
    finally:
        if descriptor is not None:
            lock_file.unlink(missing_ok=True)
            os.close(descriptor)


def _take(upload: Upload, lock: WriteLock, expires_in: timedelta | None, *, force: bool) -> None:
    values: dict[str, object] = {"writer": lock.writer}
    if expires_in is not None:
        values["expires_at"] = utcnow() + expires_in
    # A writer that took and released it since it was read may have changed the offset.
    before = Upload.writer.is_(None) if upload.writer is None else Upload.writer == upload.writer
    free = or_(is_free(Upload, LEASE), literal(force))
    with transaction() as session:
        takeable = Upload.finished_at.is_(None) & before & free
        taken = taking(Upload, upload.id, takeable, LEASE, **values)
        if change(session, taken) != 1:
            raise Locked
        session.refresh(upload, ["offset"])


def _wait_for(lock_file: Path, lock: WriteLock) -> int:
    """Wait until the writer that lost the upload has noticed; return the lock file's descriptor."""
    deadline = time.monotonic() + _LOCK_SECONDS
    while (descriptor := _locked(lock_file)) is None:
        if time.monotonic() > deadline:
            give_back(lock)
            raise Locked
        time.sleep(0.05)
    try:
        lock.confirm()
    except BaseException:
        lock_file.unlink(missing_ok=True)
        os.close(descriptor)
        raise
    return descriptor


def give_back(lock: WriteLock, offset: int | None = None) -> None:
    """Let others write.

    Args:
        offset: up to which all bytes count; without it bytes on trial stay so.
    """
    values: dict[str, object] = {}
    if offset is not None:
        values = {"offset": offset, "writer": None}
    elif not lock.trial:
        values = {"writer": None}
    with transaction() as session:
        lock.end(session, **values)


def _here(lock_file: Path) -> str:
    """Return a name of all processes that share the folder of a lock file, and so the lock."""
    folder = lock_file.parent.stat()
    boot = Path("/proc/sys/kernel/random/boot_id")
    identity = (
        f"{boot.read_text() if boot.exists() else os.uname()}/{folder.st_dev}/{folder.st_ino}"
    )
    return hashlib.sha256(identity.encode()).hexdigest()[:8]


def _locked(path: Path) -> int | None:
    """Return the descriptor of a lock file, if no other process has locked it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Its holder may have removed it, and another process may have created it again.
        if path.stat().st_ino == os.fstat(descriptor).st_ino:
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None
