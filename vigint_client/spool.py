"""Alerts on disk until the server can be reached.

Each is one file in one folder. It is written beside, synced and renamed, so that it appears
atomically. A process that works on one holds the kernel's lock on it: the lock of a dead process is
released at once, and several processes can share a folder without coordination.
"""

import datetime as dt
import json
import logging
import os
import re
import secrets
import stat
import time
import weakref
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from types import ModuleType

from vigint_client.refusals import Refusal, read_refusal
from vigint_client.spool_config import SpoolSettings
from vigint_client.spool_entry import Kept, read_entry, write_entry
from vigint_client.spool_room import Stored, in_order_of_dropping
from vigint_client.staging import ByteStore

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows: two processes may deliver one alert, which its key makes harmless
    fcntl = None

log = logging.getLogger("vigint_client")

# Call time in nanoseconds, then the Idempotency-Key: names sort by age.
_NAME = re.compile(r"(\d{20})-[0-9A-Za-z-]{1,64}\.alert")
_ASIDE = "aside"
# Notes beside an entry, which are moved with it.
_COMPANIONS = (".told", ".refused")
_OURS = re.compile(r".*\.(alert|part|told|refused)|aside")
_NOTE = re.compile(r"\.(reason|told|refused)$")
# A machine without a clock battery starts in 1970: such times say nothing about age.
_CLOCKS_ARE_SET = dt.datetime(2020, 1, 1, tzinfo=dt.UTC).timestamp()


class SpoolFull(Exception):
    """An alert is larger than the whole spool."""


@dataclass(eq=False)
class Claim:
    """An entry that is locked until it is released."""

    spool: "Spool"
    name: str
    file: FileIO

    def read(self) -> Kept:
        """Return the content; raises CorruptEntry."""
        return read_entry(self.file)

    def remove(self) -> None:
        """Remove the entry after its delivery."""
        # Remove the name before the lock, so that no process finds the entry in between.
        with suppress(FileNotFoundError):
            self.spool.path(self.name).unlink()
        for kind in _COMPANIONS:
            self.spool.path(f"{self.name}{kind}").unlink(missing_ok=True)
        _told.pop(self.name, None)
        self.release()

    def set_aside(self, reason: str, refusal: Refusal | None = None) -> None:
        """Move the entry out of the queue, with the reason beside it.

        `refusal` is the origin of the refusal: a change of it makes another attempt worthwhile.
        """
        folder = self.spool.folder / _ASIDE
        folder.mkdir(mode=0o700, exist_ok=True)
        # A full disk must not keep it in the queue.
        with suppress(OSError):
            self.spool.write_small(folder / f"{self.name}.reason", f"{reason}\n")
            if refusal is not None:
                self.spool.write_small(folder / f"{self.name}.refused", refusal.to_text())
        self.spool.path(self.name).replace(folder / self.name)
        _sync_folder(folder)
        with suppress(OSError):
            self.spool.told_path(self.name).replace(folder / f"{self.name}.told")
        self.spool.path(f"{self.name}.refused").unlink(missing_ok=True)
        self.release()

    @property
    def refusal(self) -> Refusal | None:
        """The origin of the refusal before the entry was brought back, if any."""
        return read_refusal(self.spool.path(f"{self.name}.refused"))

    def release(self) -> None:
        """Let other processes take the entry."""
        if fcntl is not None and not self.file.closed:
            # Closing is not enough while a recently forked child shares the lock.
            with suppress(OSError):
                fcntl.flock(self.file.fileno(), fcntl.LOCK_UN)
        self.file.close()

    @property
    def told(self) -> list[str] | None:
        """The recipients that a mail without video notified; None if it was not tried."""
        if self.name in _told:
            return _told[self.name]
        try:
            return list(map(str, json.loads(self.spool.told_path(self.name).read_bytes())))
        except (OSError, ValueError, TypeError):
            return None

    @told.setter
    def told(self, reached: list[str]) -> None:
        # If the disk does not accept it, at least this process does not mail repeatedly.
        _told[self.name] = reached
        self.spool.write_small(self.spool.told_path(self.name), json.dumps(reached))


class Spool:
    """The folder of spooled alerts; methods raise OSError on disk errors."""

    def __init__(self, settings: SpoolSettings) -> None:
        self.folder = settings.folder
        self._settings = settings

    def path(self, name: str) -> Path:
        """Return where an entry is."""
        return self.folder / name

    def told_path(self, name: str) -> Path:
        """Return the path of the note about an entry's notified recipients."""
        return self.folder / f"{name}.told"

    def names(self) -> list[str]:
        """Return the queued entries, oldest first.

        Raises PermissionError for another user's folder, whose owner could make us send foreign
        alerts.
        """
        if not os.path.lexists(self.folder):
            return []
        self.prepare()
        return sorted(name for name in _listed(self.folder) if _NAME.fullmatch(name))

    def aside(self) -> list[tuple[str, str]]:
        """Return the entries set aside, oldest first, each with its reason."""
        found = []
        for name in _listed(self.folder / _ASIDE):
            if _NAME.fullmatch(name):
                try:
                    reason = (self.folder / _ASIDE / f"{name}.reason").read_text("utf-8").strip()
                except (OSError, ValueError):
                    reason = "no reason was noted"
                found.append((name, reason))
        return sorted(found)

    def refused(self) -> list[tuple[str, Refusal]]:
        """Return the refused entries set aside, oldest first, and the origin of each refusal."""
        names = (name for name in _listed(self.folder / _ASIDE) if _NAME.fullmatch(name))
        noted = [
            (name, read_refusal(self.folder / _ASIDE / f"{name}.refused")) for name in sorted(names)
        ]
        return [(name, refusal) for name, refusal in noted if refusal is not None]

    def bring_back(self, name: str) -> None:
        """Return an entry set aside to the queue; a missing one is ignored."""
        aside = self.folder / _ASIDE
        for kind in ("", *_COMPANIONS):
            with suppress(FileNotFoundError):
                (aside / f"{name}{kind}").replace(self.folder / f"{name}{kind}")
        (aside / f"{name}.reason").unlink(missing_ok=True)

    def put(self, kept: Kept) -> tuple[Claim, list[str]]:
        """Keep an alert; return the claim on it, and the entries deleted to make room.

        Raises SpoolFull when it is larger than the whole spool may be.
        """
        if kept.size > self._settings.max_bytes:
            raise SpoolFull("VIGINT_SPOOL_MAX_MB is less")
        self.prepare()
        dropped = self.tidy(kept.size)
        name = f"{max(0, time_ns(kept.called_at)):020d}-{kept.posting.key}.alert"
        part, file = self._create()
        try:
            write_entry(file, kept)
            os.fsync(file.fileno())
            part.replace(self.path(name))
        except BaseException:
            part.unlink(missing_ok=True)
            file.close()
            raise
        claim = Claim(self, name, file)
        _sync_folder(self.folder)
        return claim, dropped

    def claim(self, name: str) -> Claim | None:
        """Lock an entry; None when another process has it, or it is gone."""
        try:
            # Writing is not intended, but locks on network file systems require this mode.
            file = _open(self.path(name), os.O_RDWR)
        except FileNotFoundError:
            return None
        if _lock(file) and _is_at(file, self.path(name)):
            return Claim(self, name, file)
        file.close()
        return None

    def tidy(self, room_for: int = 0) -> list[str]:
        """Remove entries that are too old, too many, or left by dead processes; return the alerts
        among them.

        For lack of space damaged entries are removed first, then those of the lowest risk, of one
        risk the oldest; the newest stays, and so do locked ones.
        """
        dropped: list[str] = []
        if not os.path.lexists(self.folder):
            return []
        self.prepare()
        entries = self._everything()
        total = sum(entry.size for entry in entries) + room_for
        old = [entry for entry in entries if self._is_too_old(entry.path.name)]
        for entry in old:
            if self._drop(entry.path):
                total -= entry.size
                dropped.append(entry.path.name)
        left = [entry for entry in entries if entry not in old]
        if total > self._settings.max_bytes:
            for entry in in_order_of_dropping(left, keep_newest=not room_for):
                if total > self._settings.max_bytes and self._drop(entry.path):
                    total -= entry.size
                    dropped.append(entry.path.name)
        for name in _listed(self.folder):
            owner = _NOTE.sub("", name)
            if name.endswith(".part"):
                self._drop(self.folder / name)
            elif owner != name and not self.path(owner).exists():
                (self.folder / name).unlink(missing_ok=True)
        for name in _listed(self.folder / _ASIDE):
            owner = _NOTE.sub("", name)
            if owner != name and not any(
                place.exists() for place in (self.path(owner), self.folder / _ASIDE / owner)
            ):
                (self.folder / _ASIDE / name).unlink(missing_ok=True)
        if dropped:
            log.error(
                "%d kept alert(s) were dropped, because they were older than %g days or "
                "together larger than %d MB: see VIGINT_SPOOL_MAX_DAYS and VIGINT_SPOOL_MAX_MB.",
                len(dropped), self._settings.max_age / 86_400, self._settings.max_bytes // 10**6,
            )  # fmt: skip
        return dropped

    def prepare(self) -> None:
        """Create the folder, readable by its owner only; raises OSError."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = self.folder.lstat()
        owner = getattr(os, "getuid", lambda: found.st_uid)()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner:
            raise PermissionError(f"{self.folder} is not a folder of this user's own")
        if stat.S_IMODE(found.st_mode) != 0o700:
            # Do not restrict a folder shared with other users, such as /tmp.
            foreign = [name for name in _listed(self.folder) if not _OURS.fullmatch(name)]
            if foreign or found.st_mode & stat.S_ISVTX:
                raise PermissionError(f"{self.folder} is shared with others: name one of its own")
            self.folder.chmod(0o700)

    def write_small(self, path: Path, text: str) -> None:
        """Write a small file atomically."""
        part, file = self._create()
        try:
            ByteStore(file).append(text.encode("utf-8", "replace"))
            os.fsync(file.fileno())
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        finally:
            file.close()

    def _create(self) -> tuple[Path, FileIO]:
        while True:
            path = self.folder / f"{secrets.token_hex(8)}.part"
            file = _open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
            # Another process may have removed it between creation and locking.
            if _lock(file) and _is_at(file, path):
                return path, file
            file.close()

    def _everything(self) -> list[Stored]:
        refused = {name for name, _refusal in self.refused()}
        places = [
            (self.folder / _ASIDE / name, name not in refused) for name, _reason in self.aside()
        ]
        places += [(self.path(name), False) for name in self.names()]
        found = []
        for path, damaged in places:
            with suppress(FileNotFoundError):
                found.append(Stored(path, path.stat().st_size, damaged))
        return found

    def _is_too_old(self, name: str) -> bool:
        called = called_at(name)
        return called > _CLOCKS_ARE_SET and time.time() - called > self._settings.max_age

    def _drop(self, path: Path) -> bool:
        try:
            file = _open(path, os.O_RDWR)
        except FileNotFoundError:
            return False
        with file:
            if not (_lock(file) and _is_at(file, path)):
                return False
            path.unlink(missing_ok=True)
        for companion in (*_COMPANIONS, ".reason"):
            path.with_name(path.name + companion).unlink(missing_ok=True)
        return True


def staging_folder(settings: SpoolSettings | None) -> Path | None:
    """Return the folder for frames in transit; None for the system's default."""
    if settings is None:
        return None
    try:
        Spool(settings).prepare()
    except OSError:
        return None
    return settings.folder


_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_told: dict[str, list[str]] = {}
_files: "weakref.WeakSet[FileIO]" = weakref.WeakSet()


def called_at(name: str) -> float:
    """Return the time of the call of an entry, in epoch seconds."""
    return int(name[:20]) / 1e9


def time_ns(moment: dt.datetime) -> int:
    """Return epoch nanoseconds, exact to the microsecond."""
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return (moment - epoch) // dt.timedelta(microseconds=1) * 1000


def _listed(folder: Path) -> Iterator[str]:
    try:
        yield from [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return


def _open(path: Path, flags: int) -> FileIO:
    # Unbuffered: closing it in a forked child must not write.
    file = FileIO(path, "r+", opener=lambda name, _flags: os.open(name, flags | _NO_LINK, 0o600))
    _files.add(file)
    return file


def _lock(file: FileIO) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as why:
        # A file system without locks: two processes may deliver one alert, which its key makes
        # harmless.
        log.debug("%s cannot be locked: %s", file.name, why)
    return True


def _is_at(file: FileIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.lstat())
    except FileNotFoundError:
        return False


def _sync_folder(folder: Path) -> None:
    # Without this a power loss may lose the name of a synced file; Windows has no such call.
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _close_files() -> None:
    # A forked child shares its parent's locks, and would keep them after the parent's death.
    for file in list(_files):
        file.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_files)
