"""Let one request at a time write an upload, for as long as its bytes arrive."""

import fcntl
import hashlib
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from sqlalchemy import ColumnElement, Engine, literal, or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from vigint_web.clock import utcnow
from vigint_web.errors import LeaseLost, Locked
from vigint_web.extensions import db
from vigint_web.models import Upload
from vigint_web.services.core.lapsing import lapsed
from vigint_web.services.core.transactions import change, transaction

log = logging.getLogger(__name__)

# Whoever sent nothing for a while loses the right to be the only one when this has passed.
LEASE = timedelta(seconds=5)
_SILENCE_SECONDS = 2.0
# After so long without renewal nothing is written any more: somebody else might.
_SAFE_SECONDS = LEASE.total_seconds() - 2
_BEAT_SECONDS = 1.5
_LOCK_SECONDS = 5.0
# The word of a writer whose bytes count only when its request is through.
_ON_TRIAL = "trial-"


def on_trial(upload: Upload) -> bool:
    """Return whether what lies beyond the row's offset was never checked."""
    return (upload.writer or "").startswith(_ON_TRIAL)


@dataclass
class Hold:
    """One request's hold on one upload; `lost` is set when somebody else has it."""

    upload_id: int
    writer: str
    allowed: Callable[[Session], bool]
    expel: Callable[[], object]
    engine: Engine
    lost: threading.Event = field(default_factory=threading.Event)
    # What was staged has its key now.
    published: bool = False
    _sign: float = field(default_factory=time.monotonic)
    _safe_until: float = field(default_factory=lambda: time.monotonic() + _SAFE_SECONDS)
    _waits: bool = False

    @property
    def trial(self) -> bool:
        """Return whether what is written counts only once the hold was given back."""
        return self.writer.startswith(_ON_TRIAL)

    def held(self) -> ColumnElement[bool]:
        """Return the condition under which the row may be changed."""
        return (Upload.id == self.upload_id) & (Upload.writer == self.writer)

    def confirm(self) -> None:
        """Raise Locked if somebody else has the upload by now."""
        if self.lost.is_set() or not self._renew():
            self.lost.set()
            raise Locked

    def require(self, updated_rows: int) -> None:
        """Raise Locked if a conditional update found the row in other hands."""
        if updated_rows != 1:
            self.lost.set()
            raise Locked

    def alive(self) -> None:
        """Show that bytes arrive; raises LeaseLost when they may not be written any more."""
        late = time.monotonic() > self._safe_until
        if self.lost.is_set() or (late and not self._renew()):
            self.lost.set()
            raise LeaseLost(f"upload {self.upload_id}")

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Let somebody else have the upload when bytes are waited for too long in the block."""
        self._sign, self._waits = time.monotonic(), True
        try:
            yield
        finally:
            self._waits = False

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Renew the hold from a thread of its own for as long as the block runs.

        It is to be left before the row is given back: then nobody says that the hold is lost.
        """
        ended = threading.Event()
        beat = threading.Thread(
            target=self._keep, args=(ended,), name=f"upload-{self.upload_id}", daemon=True
        )
        beat.start()
        try:
            yield
        finally:
            ended.set()
            beat.join()

    def _keep(self, ended: threading.Event) -> None:
        while not ended.wait(_BEAT_SECONDS):
            silent = self._waits and time.monotonic() - self._sign > _SILENCE_SECONDS
            try:
                mine = self._is_mine() if silent else self._renew()
            except SQLAlchemyError as error:
                # The hold outlives some missed beats; what is written down checks it anyway.
                log.warning("upload's hold not renewed: %s", type(error).__name__)
                continue
            if not mine and not ended.is_set():
                self.lost.set()
                self.expel()  # it may wait for bytes of a client that has long left
                return

    def _renew(self) -> bool:
        until = time.monotonic() + _SAFE_SECONDS
        with Session(self.engine) as session, session.begin():
            session.connection(execution_options={"vigint_write": True})
            if not self.allowed(session):
                return False
            lease = update(Upload).where(self.held()).values(lease_until=utcnow() + LEASE)
            if change(session, lease) != 1:
                return False
        self._safe_until = until
        return True

    def _is_mine(self) -> bool:
        with Session(self.engine) as session:
            return session.scalar(select(Upload.id).where(self.held())) is not None


@contextmanager
def only_writer(
    upload: Upload,
    lock: Path,
    *,
    expires_in: timedelta | None,
    trial: bool = False,
    allowed: Callable[[Session], bool] = lambda _session: True,
    expel: Callable[[], object] = lambda: None,
) -> Iterator[Hold]:
    """Be the only one who writes an upload, as long as the block runs.

    The row's lease decides, wherever the writers are. The lock file keeps those of one machine
    apart, also when one has lost its lease and not noticed yet, and tells when one has died.

    Args:
        lock: the file by which this machine's processes keep apart.
        expires_in: how long it may wait for its next byte from now on; None leaves that alone.
        trial: what is written counts only once the hold was given back.

    Raises:
        Locked: somebody else writes it.
    """
    here = _here(lock)
    trial = trial or on_trial(upload)  # what the last one left is not checked yet
    word = f"{_ON_TRIAL if trial else ''}{here}-{secrets.token_hex(6)}"
    hold = Hold(upload.id, word, allowed, expel, db.engine)
    descriptor = _locked(lock)
    if descriptor is None and _is_leased(upload):
        raise Locked  # as `_take` would find, but without a turn to write
    try:
        last = (upload.writer or "").removeprefix(_ON_TRIAL)
        died = descriptor is not None and last.startswith(f"{here}-")
        _take(upload, hold, expires_in, whoever=died)
        if descriptor is None:
            descriptor = _wait_for(lock, hold)
        yield hold
    finally:
        if descriptor is not None:
            lock.unlink(missing_ok=True)
            os.close(descriptor)


def _is_leased(upload: Upload) -> bool:
    """Return whether somebody's lease ran when the row was read; a longer one cannot be true."""
    now, until = utcnow(), upload.lease_until
    return upload.writer is not None and until is not None and now < until <= now + LEASE


def _take(upload: Upload, hold: Hold, expires_in: timedelta | None, *, whoever: bool) -> None:
    now = utcnow()
    values = {"writer": hold.writer, "lease_until": now + LEASE}
    if expires_in is not None:
        values["expires_at"] = now + expires_in
    # Whoever took it and gave it back since it was read may have changed what counts.
    before = Upload.writer.is_(None) if upload.writer is None else Upload.writer == upload.writer
    free = or_(lapsed(Upload.lease_until, LEASE), literal(whoever))
    with transaction() as session:
        taken = update(Upload).where(
            Upload.id == upload.id, Upload.finished_at.is_(None), before, free
        )
        if change(session, taken.values(**values)) != 1:
            raise Locked
        session.refresh(upload, ["offset"])


def _wait_for(lock: Path, hold: Hold) -> int:
    """Wait until whoever lost the upload has noticed; return the lock's descriptor."""
    deadline = time.monotonic() + _LOCK_SECONDS
    while (descriptor := _locked(lock)) is None:
        if time.monotonic() > deadline:
            let_go(hold)
            raise Locked
        time.sleep(0.05)
    try:
        hold.confirm()
    except BaseException:
        lock.unlink(missing_ok=True)
        os.close(descriptor)
        raise
    return descriptor


def let_go(hold: Hold, offset: int | None = None) -> None:
    """Let others write.

    Args:
        offset: up to which all counts; without it what is on trial stays so.
    """
    values: dict[str, object] = {"lease_until": None}
    if offset is not None:
        values |= {"offset": offset, "writer": None}
    elif not hold.trial:
        values["writer"] = None
    with transaction() as session:
        change(session, update(Upload).where(hold.held()).values(**values))


def _here(lock: Path) -> str:
    """Return a name of all who share the folder of a lock file, and so the lock."""
    folder = lock.parent.stat()
    boot = Path("/proc/sys/kernel/random/boot_id")
    told = f"{boot.read_text() if boot.exists() else os.uname()}/{folder.st_dev}/{folder.st_ino}"
    return hashlib.sha256(told.encode()).hexdigest()[:8]


def _locked(path: Path) -> int | None:
    """Return the descriptor of a lock file that nobody else has locked, if that is so."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever had it has removed it: another one may have made it anew.
        if path.stat().st_ino == os.fstat(descriptor).st_ino:
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None
