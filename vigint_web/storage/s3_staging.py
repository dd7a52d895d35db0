"""Hold the pieces of an upload in S3, so that any web machine can resume it.

Each piece is an object named by its first byte, and counts once its request has ended. A piece is
overwritten only by a longer one that begins with it; pieces covered by it are then ignored and
removed. So at any moment the consecutive pieces from 0 on are the content.
"""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Self

from vigint_web.storage.base import Held, NoRoom, StorageError, check_key, check_name
from vigint_web.storage.disk import convert_errors, write_all
from vigint_web.storage.s3_client import Bucket
from vigint_web.storage.s3_objects import (
    MIB,
    SMALLEST_PART,
    Part,
    copy,
    delete,
    delete_all,
    join,
    put,
    read_pieces,
    size_of,
)
from vigint_web.storage.workspace import Workspace

# No key may begin with a dot, so no published object has such a name.
FOLDER = ".incoming"
_PIECE = 8 * MIB
# Short pieces, from interrupted connections, are merged once there are this many.
_SHORT_ONES = 8


@dataclass(frozen=True)
class _Piece:
    name: str
    first: int
    size: int

    @property
    def end(self) -> int:
        return self.first + self.size


def list_staged(bucket: Bucket) -> Iterator[Held]:
    """List everything staged, by name."""
    now, folder = time.time(), f"{FOLDER}/"
    held: dict[str, Held] = {}
    for name, size, modified in list_objects(bucket, folder):
        owner = name.removeprefix(folder).partition("/")[0]
        before = held.get(owner, Held(owner, 0, float("inf")))
        held[owner] = Held(owner, before.size + size, min(before.age, max(0.0, now - modified)))
    yield from held.values()


def list_objects(bucket: Bucket, prefix: str) -> Iterator[tuple[str, int, float]]:
    """Yield name, size and time of change of all objects with a prefix, in order."""
    with bucket.convert_errors():
        pages = bucket.client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=bucket.name, Prefix=bucket.full(prefix)):
            for found in page.get("Contents", ()):
                yield bucket.own(found["Key"]), found["Size"], found["LastModified"].timestamp()


class S3Staged:
    """Keep pieces as objects; each is buffered on the local disk until it is long enough."""

    def __init__(self, bucket: Bucket, workspace: Workspace, name: str) -> None:
        self._bucket, self._workspace = bucket, workspace
        self._folder = f"{FOLDER}/{check_name(name)}/"

    def size(self) -> int:
        """Return the number of bytes held; 0 when none have arrived."""
        return _end(self._held())

    def append(self, chunks: Iterable[bytes]) -> int:
        """Add bytes and return the new number of durable bytes.

        Raises:
            NoRoom: the bucket or the local disk is full; the bytes that fitted are kept.
            StorageError: S3 failed; the bytes sent before are kept.
        """
        self._workspace.require_room()
        held = self._held()
        short = list(takewhile(lambda piece: piece.size < SMALLEST_PART, reversed(held)))
        covered = short[::-1] if len(short) >= _SHORT_ONES else []
        first = covered[0].first if covered else _end(held)
        with self._spool() as spool:
            for piece in covered:
                spool.fill(read_pieces(self._bucket, piece.name))
            try:
                for chunk in chunks:
                    self._workspace.require_room()
                    spool.add(chunk)
                    if spool.size >= _size_at(first):
                        first = self._send(first, spool, covered)
                        covered = []
            finally:
                if spool.size > sum(piece.size for piece in covered):
                    first = self._send(first, spool, covered)
                    covered = []
        return _end(covered) or first

    def cut(self, size: int) -> None:
        """Discard the bytes beyond a size."""
        # The last first, so that the content never has a gap.
        for piece in reversed(self._pieces()):
            if piece.first >= size:
                delete(self._bucket, piece.name)
            elif piece.end > size:
                with self._spool() as spool:
                    kept = read_pieces(self._bucket, piece.name)
                    spool.fill(kept, size - piece.first)
                    put(self._bucket, spool.path, piece.name, 0, spool.size)

    def read(self, first: int) -> Iterator[bytes]:
        """Yield the bytes from a position on, a megabyte at a time."""
        for piece in self._held():
            if piece.end > first:
                yield from read_pieces(self._bucket, piece.name, max(0, first - piece.first))

    def publish(self, key: str) -> None:
        """Join the pieces to one object, which appears atomically.

        Raises:
            FileNotFoundError: nothing is staged, or it was published before.
            NoRoom, StorageError: everything stays staged.
        """
        check_key(key)
        held = self._held()
        if not held:
            raise FileNotFoundError(f"nothing is staged for {key}")
        if len(held) == 1:
            copy(self._bucket, held[0].name, key)
            if size_of(self._bucket, key) != held[0].size:
                delete(self._bucket, key)
                raise StorageError(f"S3 copied {key} to another size")
        else:
            self._join(held, key)
        self.discard()

    def discard(self) -> None:
        """Remove the pieces; ignored if there are none."""
        delete_all(self._bucket, [piece.name for piece in self._pieces()])

    def _join(self, held: list[_Piece], key: str) -> None:
        parts: list[Part] = []
        with self._spool() as spool:
            for group in _groups(held):
                if len(group) == 1:
                    parts.append(Part(group[0].size, source=group[0].name))
                    continue
                first = spool.size
                for piece in group:
                    spool.fill(read_pieces(self._bucket, piece.name))
                parts.append(Part(spool.size - first, spool.path, first))
            if len(parts) == 1:
                put(self._bucket, spool.path, key, 0, spool.size)
            else:
                join(self._bucket, parts, key)

    def _send(self, first: int, spool: "_Spool", covered: Sequence[_Piece]) -> int:
        put(self._bucket, spool.path, self._name_at(first), 0, spool.size)
        delete_all(self._bucket, [piece.name for piece in covered if piece.first != first])
        first += spool.size
        spool.clear()
        return first

    def _name_at(self, first: int) -> str:
        return f"{self._folder}{first:016d}"

    def _held(self) -> list[_Piece]:
        held: list[_Piece] = []
        for piece in self._pieces():
            if piece.first > _end(held):
                break
            if piece.first == _end(held) and piece.size:
                held.append(piece)
        return held

    def _pieces(self) -> list[_Piece]:
        """Return all pieces in order, including those covered by others."""
        found = []
        for name, size, _ in list_objects(self._bucket, self._folder):
            number = name.removeprefix(self._folder)
            if number.isdecimal():
                found.append(_Piece(name, int(number), size))
        return found

    @contextmanager
    def _spool(self) -> Iterator["_Spool"]:
        path = self._workspace.new_temp(".piece")
        try:
            with _Spool(path) as spool:
                yield spool
        finally:
            path.unlink(missing_ok=True)


class _Spool:
    """Bytes buffered on the local disk until they are sent; they do not count before."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._descriptor = os.open(path, os.O_WRONLY)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def add(self, data: bytes) -> None:
        with convert_errors():
            fitted = write_all(self._descriptor, data)
        self.size += fitted
        if fitted < len(data):
            raise NoRoom("no room left on the disk of this machine")

    def fill(self, pieces: Iterable[bytes], most: int | None = None) -> None:
        for piece in pieces:
            left = len(piece) if most is None else min(len(piece), most)
            self.add(piece[:left])
            if most is not None:
                most -= left
                if not most:
                    break

    def clear(self) -> None:
        with convert_errors():
            os.ftruncate(self._descriptor, 0)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
        self.size = 0


def _end(held: Sequence[_Piece]) -> int:
    return held[-1].end if held else 0


def _size_at(first: int) -> int:
    """Return the length of a piece: a hundredth of the bytes before it, which bounds their
    number.
    """
    return max(_PIECE, first // 100)


def _groups(held: Sequence[_Piece]) -> list[list[_Piece]]:
    """Return the pieces in groups that are each long enough for a part; the last may be short."""
    groups: list[list[_Piece]] = []
    for piece in held:
        if groups and sum(other.size for other in groups[-1]) < SMALLEST_PART:
            groups[-1].append(piece)
        else:
            groups.append([piece])
    return groups
