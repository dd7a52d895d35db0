"""Transfer S3 objects in bounded memory: atomically, with checksums."""

import base64
import errno
import hashlib
import io
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from vigint_web.storage.base import StorageError
from vigint_web.storage.s3_client import Bucket

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import CompletedPartTypeDef, CopySourceTypeDef

log = logging.getLogger(__name__)

MIB = 1024 * 1024
# S3's minimum size of every part but the last.
SMALLEST_PART = 5 * MIB
_PART = 8 * MIB
# Some servers accept a thousand parts, AWS ten thousand.
_MOST_PARTS = 900
_AT_ONCE = 4
_PIECE = MIB
_READ_ATTEMPTS = 3


@dataclass(frozen=True)
class Part:
    """A part of a new object: bytes of a local file, or another object."""

    size: int
    path: Path | None = None
    first: int = 0
    source: str = ""


def upload(bucket: Bucket, path: Path, name: str) -> None:
    """Make an object of a file; it appears atomically, with the right size."""
    size = path.stat().st_size
    longest = max(_PART, -(-size // _MOST_PARTS))
    if size <= longest:
        put(bucket, path, name, 0, size)
        return
    firsts = range(0, size, longest)
    join(bucket, [Part(min(longest, size - first), path, first) for first in firsts], name)


def put(bucket: Bucket, path: Path, name: str, first: int, size: int) -> None:
    """Make an object of a part of a file, in one request."""
    with bucket.convert_errors(name), _Slice(path, first, size) as body:
        bucket.client.put_object(
            Bucket=bucket.name,
            Key=bucket.full(name),
            Body=cast(IO[bytes], body),
            ContentLength=size,
            ContentMD5=body.md5(),
        )


def join(bucket: Bucket, parts: Sequence[Part], name: str) -> None:
    """Make one object of parts, several at once; abort the upload after an error."""
    target: dict[str, Any] = {"Bucket": bucket.name, "Key": bucket.full(name)}
    with bucket.convert_errors(name):
        target["UploadId"] = bucket.client.create_multipart_upload(**target)["UploadId"]
    try:
        with bucket.convert_errors(name), ThreadPoolExecutor(_AT_ONCE) as pool:
            sent = _all_or_none(
                pool,
                [_sender(bucket, part, number, target) for number, part in enumerate(parts, 1)],
            )
        _complete(bucket, target, sent, sum(part.size for part in parts), name)
    except BaseException:
        with suppress(ClientError, BotoCoreError):  # the sweep removes the rest
            bucket.client.abort_multipart_upload(**target)
        raise


def _all_or_none(
    pool: ThreadPoolExecutor, calls: "Sequence[Callable[[], CompletedPartTypeDef]]"
) -> "list[CompletedPartTypeDef]":
    futures = [pool.submit(call) for call in calls]
    try:
        return [future.result() for future in futures]
    except BaseException:
        for future in futures:
            future.cancel()
        raise


def _sender(
    bucket: Bucket, part: Part, number: int, target: dict[str, Any]
) -> "Callable[[], CompletedPartTypeDef]":
    def send() -> "CompletedPartTypeDef":
        if part.path is None:
            return {"ETag": _copy_part(bucket, part, number, target), "PartNumber": number}
        with _Slice(part.path, part.first, part.size) as body:
            sent = bucket.client.upload_part(
                **target,
                PartNumber=number,
                Body=cast(IO[bytes], body),
                ContentLength=part.size,
                ContentMD5=body.md5(),
            )
        return {"ETag": sent["ETag"], "PartNumber": number}

    return send


def _copy_part(bucket: Bucket, part: Part, number: int, target: dict[str, Any]) -> str:
    source: CopySourceTypeDef = {"Bucket": bucket.name, "Key": bucket.full(part.source)}
    try:
        copied = bucket.client.upload_part_copy(**target, PartNumber=number, CopySource=source)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "NotImplemented":
            raise
        with S3File(bucket, part.source) as body:  # for servers that do not copy parts
            sent = bucket.client.upload_part(
                **target,
                PartNumber=number,
                Body=cast(IO[bytes], body),
                ContentLength=part.size,
            )
        return sent["ETag"]
    return copied["CopyPartResult"]["ETag"]


def _complete(
    bucket: Bucket,
    target: dict[str, Any],
    sent: "list[CompletedPartTypeDef]",
    size: int,
    name: str,
) -> None:
    with bucket.convert_errors(name):
        try:
            bucket.client.complete_multipart_upload(**target, MultipartUpload={"Parts": sent})
        except ClientError as error:
            # The answer to a first attempt may have been lost: then the complete object exists.
            if error.response.get("Error", {}).get("Code") != "NoSuchUpload":
                raise
    try:
        found = size_of(bucket, name)
    except FileNotFoundError:
        found = -1
    if found != size:
        delete(bucket, name)
        raise StorageError(f"S3 joined {name} to {found} bytes instead of {size}")


def copy(bucket: Bucket, source: str, name: str) -> None:
    """Make an object of another one, in one request."""
    with bucket.convert_errors(source):
        bucket.client.copy_object(
            Bucket=bucket.name,
            Key=bucket.full(name),
            CopySource={"Bucket": bucket.name, "Key": bucket.full(source)},
        )


def size_of(bucket: Bucket, name: str) -> int:
    """Return an object's size; raises FileNotFoundError."""
    with bucket.convert_errors(name):
        return bucket.client.head_object(Bucket=bucket.name, Key=bucket.full(name))["ContentLength"]


def delete(bucket: Bucket, name: str) -> None:
    """Remove an object; ignored if it does not exist."""
    with suppress(FileNotFoundError), bucket.convert_errors(name):
        bucket.client.delete_object(Bucket=bucket.name, Key=bucket.full(name))


def delete_all(bucket: Bucket, names: Sequence[str]) -> None:
    """Remove objects, several at once."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for future in [pool.submit(delete, bucket, name) for name in names]:
            future.result()


class S3File(io.RawIOBase):
    """An object open for reading: one request for the given range, another after each seek.

    It has no descriptor, so that it is never passed to the kernel.
    """

    def __init__(self, bucket: Bucket, name: str, first: int = 0, last: int | None = None) -> None:
        """Request a range of an object; raises FileNotFoundError."""
        super().__init__()
        self._bucket, self._name = bucket, name
        self._position, self._last = first, last
        self._attempts = 0
        self._etag: str | None = None
        self._size = 0
        self._body: Any = None
        self._ask()

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def seekable(self) -> bool:
        """Return that any part of it can be read."""
        return True

    def tell(self) -> int:
        """Return the position of the next byte."""
        return self._position

    def seek(self, position: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position; abort the previous request."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if base + position < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))  # as of any file
        if base + position != self._position:
            self._let_go()
            self._position, self._last = base + position, None
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Read the next bytes; after a broken connection resume there."""
        view = memoryview(buffer)
        while self._position < self._size and view:
            try:
                with self._bucket.convert_errors(self._name):
                    if self._body is None:
                        self._ask()
                    data: bytes = self._body.read(len(view))
                    if not data and self._last is None:
                        raise StorageError(f"{self._name} ended too early")
            except StorageError:
                self._let_go()
                self._attempts += 1
                if self._attempts >= _READ_ATTEMPTS:
                    raise
                continue
            if data:
                view[: len(data)] = data
                self._position += len(data)
                return len(data)
            self._let_go()
            self._last = None  # more is read than announced
        return 0

    def close(self) -> None:
        """Release the connection; if everything was read the next request reuses it."""
        if not self.closed:
            self._let_go()
        super().close()

    def _let_go(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None

    def _ask(self) -> None:
        wanted: dict[str, Any] = {"Bucket": self._bucket.name, "Key": self._bucket.full(self._name)}
        ends = self._last is not None and self._last >= self._position
        if self._position or ends:
            wanted["Range"] = f"bytes={self._position}-{self._last if ends else ''}"
        if self._etag is not None:
            wanted["IfMatch"] = self._etag
        with self._bucket.convert_errors(self._name):
            answer = self._bucket.client.get_object(**wanted)
        self._etag, self._body = answer.get("ETag"), answer["Body"]
        span = answer.get("ContentRange", "")
        self._size = int(span.rpartition("/")[2]) if span else answer["ContentLength"]


def read_pieces(bucket: Bucket, name: str, first: int = 0) -> Iterator[bytes]:
    """Yield an object's bytes from a position on; raises FileNotFoundError."""
    with S3File(bucket, name, first) as file:
        while piece := file.read(_PIECE):
            yield piece


def download(bucket: Bucket, name: str, path: Path) -> None:
    """Copy an object into a file; raises FileNotFoundError."""
    with path.open("wb", buffering=0) as file:
        for piece in read_pieces(bucket, name):
            file.write(piece)


class _Slice(io.RawIOBase):
    """A part of a file, as a body that can be sent again."""

    def __init__(self, path: Path, first: int, size: int) -> None:
        super().__init__()
        self._file = path.open("rb", buffering=0)
        self._first, self._size, self._position = first, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, position: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if base + position < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))  # as of any file
        self._position = base + position
        return self._position

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)[: max(0, self._size - self._position)]
        data = os.pread(self._file.fileno(), len(view), self._first + self._position)
        view[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()

    def md5(self) -> str:
        """Return the value of a Content-MD5, which the server compares."""
        digest = hashlib.md5(usedforsecurity=False)
        self.seek(0)
        while piece := self.read(_PIECE):
            digest.update(piece)
        self.seek(0)
        return base64.b64encode(digest.digest()).decode()
