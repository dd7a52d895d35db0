"""Keep files in a folder of this machine, published by rename."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

from vigint_web.storage.base import Held, Staged, check_key, check_name, is_key
from vigint_web.storage.disk import convert_errors, sync, sync_folder
from vigint_web.storage.local_staging import LocalStaged
from vigint_web.storage.probe import probe
from vigint_web.storage.workspace import STAGED_SUFFIX, Workspace
from vigint_web.system.private_files import private_folder


class LocalStorage:
    """Hold files below a root; working files share its disk, so that publishing is a rename."""

    def __init__(self, root: Path, workspace: Workspace, *, shared: bool = False) -> None:
        """Keep files below a root.

        Args:
            workspace: on the same file system; it may be below the root, as a hidden folder.
            shared: the group may open published files by name, but list no folder.
        """
        self.root = root
        self._workspace = workspace
        self._shared = shared

    def prepare(self) -> None:
        """Create the folders, readable by their owner only."""
        if self._shared:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.root.chmod(0o710)
        else:
            private_folder(self.root)
        self._workspace.prepare()

    def new_temp(self, suffix: str = "") -> Path:
        """Return the path of a new empty working file; raises NoRoom."""
        return self._workspace.new_temp(suffix)

    def new_folder(self, prefix: str) -> Path:
        """Return the path of a new empty working folder; raises NoRoom."""
        return self._workspace.new_folder(prefix)

    def discard_folders(self, prefix: str) -> None:
        """Remove working folders with a prefix, whichever process made them."""
        self._workspace.discard_folders(prefix)

    def require_room(self) -> None:
        """Raise NoRoom when so little space is left that the database's own writes are at risk."""
        self._workspace.require_room()

    def publish(self, draft: Path, key: str) -> None:
        """Sync a working file and rename it to its key, atomically for readers.

        Raises:
            NoRoom: the disk is full; the draft is removed.
        """
        try:
            self._rename(draft, key)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise

    def _rename(self, draft: Path, key: str) -> None:
        target = self.root / check_key(key)
        with convert_errors():
            self._make_folder(target.parent)
            if self._shared:
                draft.chmod(0o640)
            sync(draft)
            draft.replace(target)
            sync_folder(target.parent)

    def _make_folder(self, folder: Path) -> None:
        if folder == self.root or folder.is_dir():
            return
        self._make_folder(folder.parent)
        folder.mkdir(exist_ok=True, mode=0o700)
        if self._shared:
            folder.chmod(0o710)  # regardless of the umask
        sync_folder(folder.parent)

    def staged(self, name: str) -> Staged:
        """Return the staged bytes of a name; there may be none yet."""
        path = self._workspace.folder / f"{check_name(name)}{STAGED_SUFFIX}"
        return LocalStaged(path, require_room=self.require_room, publish=self._rename)

    def list_staged(self) -> Iterator[Held]:
        """List everything staged."""
        return self._workspace.list_staged()

    def open(self, key: str, first: int = 0, last: int | None = None) -> BinaryIO:  # noqa: ARG002 - a file needs no end
        """Open a file unbuffered, so that its descriptor can be used with sendfile."""
        file = (self.root / check_key(key)).open("rb", buffering=0)
        file.seek(first)
        return cast(BinaryIO, file)

    def lacks(self, key: str) -> bool:
        """Return whether there is no such file."""
        return not (self.root / check_key(key)).is_file()

    @contextmanager
    def local_copy(self, key: str) -> Iterator[Path]:
        """Return the file's own path; nothing is copied."""
        path = self.root / check_key(key)
        if not path.is_file():
            raise FileNotFoundError(key)
        yield path

    def delete(self, key: str) -> None:
        """Remove a file and the folders that become empty."""
        path = self.root / check_key(key)
        path.unlink(missing_ok=True)
        for folder in path.parents:
            if folder == self.root:
                break
            try:
                folder.rmdir()
            except OSError:
                break

    def list_files(self) -> Iterator[Held]:
        """List every published file, without those of the file system or a desktop."""
        now = time.time()
        for key, entry in _walk(os.fspath(self.root), ""):
            with suppress(FileNotFoundError):  # deleted meanwhile
                about = entry.stat(follow_symlinks=False)
                yield Held(key, about.st_size, now - about.st_ctime)

    def list_unfinished(self) -> Iterator[Held]:
        """List working files."""
        return self._workspace.list()

    def sweep_incoming(self, older_than_seconds: float) -> int:
        """Remove working files and folders untouched for that long; return how many."""
        return self._workspace.sweep(older_than_seconds)

    def free_bytes(self) -> int | None:
        """Return the space available to an ordinary user, in bytes."""
        return self._workspace.free_bytes()

    def describe(self) -> str:
        """Return a description with the folder's path."""
        return f"files in {self.root}"

    def answers(self) -> bool:
        """Return whether the folder exists."""
        return self.root.is_dir()

    def check(self) -> None:
        """Publish, read and remove a small file."""
        probe(self)


def _walk(folder: str, before: str) -> Iterator[tuple[str, "os.DirEntry[str]"]]:
    """Yield the files below a folder, by their keys; much faster than pathlib for many."""
    try:
        with os.scandir(folder) as found:
            entries = list(found)
    except FileNotFoundError:
        return  # its last file was deleted meanwhile
    for entry in entries:
        key = before + entry.name
        if not is_key(key):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path, f"{key}/")
        else:
            yield key, entry
