"""Keep files in an S3 bucket; objects are published atomically."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, cast

from vigint_web.config.storage import S3Config
from vigint_web.storage import s3_objects as objects
from vigint_web.storage.base import Held, Staged, check_key, is_key
from vigint_web.storage.probe import probe
from vigint_web.storage.s3_client import Bucket
from vigint_web.storage.s3_staging import S3Staged, list_objects, list_staged
from vigint_web.storage.workspace import Workspace

# The lifetime of a cached answer about the bucket: every open dashboard queries the health.
_ANSWER_SECONDS = 15.0


class S3Storage:
    """Hold files as objects below a prefix; working files stay on this machine."""

    def __init__(self, config: S3Config, workspace: Workspace) -> None:
        self._bucket = Bucket(config)
        self._workspace = workspace
        self._answered, self._answer_ends = True, 0.0
        self._asking = threading.Lock()

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
        """Raise NoRoom when so little space is left here that the database's own writes are at
        risk.
        """
        self._workspace.require_room()

    def publish(self, draft: Path, key: str) -> None:
        """Upload a working file, in parts when it is long; it is removed here afterwards.

        Raises:
            NoRoom: the bucket is full.
            StorageError: S3 failed; nothing is under the key.
        """
        try:
            objects.upload(self._bucket, draft, check_key(key))
        finally:
            draft.unlink(missing_ok=True)

    def staged(self, name: str) -> Staged:
        """Return the staged bytes of a name; there may be none yet."""
        return S3Staged(self._bucket, self._workspace, name)

    def list_staged(self) -> Iterator[Held]:
        """List everything staged."""
        return list_staged(self._bucket)

    def open(self, key: str, first: int = 0, last: int | None = None) -> BinaryIO:
        """Open an object for reading a range of it; raises FileNotFoundError."""
        return cast(BinaryIO, objects.S3File(self._bucket, check_key(key), first, last))

    def lacks(self, key: str) -> bool:
        """Return False: only the server knows."""
        check_key(key)
        return False

    @contextmanager
    def local_copy(self, key: str) -> Iterator[Path]:
        """Download an object for the duration of the block."""
        size = objects.size_of(self._bucket, check_key(key))
        self._workspace.require_room(size)
        path = self._workspace.new_temp(".copy")
        try:
            objects.download(self._bucket, key, path)
            yield path
        finally:
            path.unlink(missing_ok=True)

    def delete(self, key: str) -> None:
        """Remove an object; ignored if it does not exist."""
        objects.delete(self._bucket, check_key(key))

    def list_files(self) -> Iterator[Held]:
        """List every published object; objects without a valid key are foreign."""
        now = time.time()
        for name, size, modified in list_objects(self._bucket, ""):
            if is_key(name):
                # Some servers round up to the next second.
                yield Held(name, size, max(0.0, now - modified))

    def list_unfinished(self) -> Iterator[Held]:
        """List local working files and unfinished uploads in parts."""
        yield from self._workspace.list()
        for name, _, begun in self._begun():
            yield Held(name, 0, time.time() - begun.timestamp())

    def sweep_incoming(self, older_than_seconds: float) -> int:
        """Remove working files, and end uploads in parts, of that age; return how many."""
        removed = self._workspace.sweep(older_than_seconds)
        for name, upload, begun in list(self._begun()):
            if time.time() - begun.timestamp() < older_than_seconds:
                continue
            with suppress(FileNotFoundError), self._bucket.convert_errors(name):
                self._bucket.client.abort_multipart_upload(
                    Bucket=self._bucket.name, Key=self._bucket.full(name), UploadId=upload
                )
                removed += 1
        return removed

    def _begun(self) -> Iterator[tuple[str, str, datetime]]:
        with self._bucket.convert_errors():
            pages = self._bucket.client.get_paginator("list_multipart_uploads")
            for page in pages.paginate(Bucket=self._bucket.name, Prefix=self._bucket.full("")):
                for begun in page.get("Uploads", ()):
                    yield self._bucket.own(begun["Key"]), begun["UploadId"], begun["Initiated"]

    def free_bytes(self) -> int | None:
        """Return None: a bucket has no such limit."""
        return None

    def describe(self) -> str:
        """Return a description with the bucket and its server."""
        return f"{self._bucket.url} at {self._bucket.server}"

    def answers(self) -> bool:
        """Return whether the bucket answers; queried now and then, and by one thread at a time."""
        if time.monotonic() > self._answer_ends and self._asking.acquire(blocking=False):
            try:
                self._answered = self._bucket.answers()
                self._answer_ends = time.monotonic() + _ANSWER_SECONDS
            finally:
                self._asking.release()
        return self._answered

    def check(self) -> None:
        """Publish, read and remove a small file."""
        probe(self)
