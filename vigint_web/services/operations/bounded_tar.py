"""Read an untrusted tar with bounded cost of its headers."""

import errno
import os
import tarfile
from typing import IO, Self

# Vigint writes regular files, and one extended header before a file that is long or large.
_PLAIN = {tarfile.REGTYPE, tarfile.AREGTYPE}
_LONGEST_HEADER = 64 * 1024
_HOLES_LOOKED_AT = 10_000
_SMALL = 64 * 1024 * 1024


class BoundedTarInfo(tarfile.TarInfo):
    """A member whose extended header is small, and that has no other kind of header.

    `tarfile` reads an extended header completely, whatever its claimed length, and a sparse member
    costs what its map claims.
    """

    def _proc_member(self, tar: tarfile.TarFile) -> Self:
        """Dispatch the rest of a member: tarfile's extension point for this."""
        if self.type == tarfile.XHDTYPE:
            file = tar.fileobj
            if not 0 <= self.size <= _LONGEST_HEADER or file is None:
                raise tarfile.ReadError("an extended header is too long")
            at = file.tell()
            if b"GNU.sparse" in file.read(self.size):
                raise tarfile.ReadError("a sparse member")
            file.seek(at)
        elif self.type in {
            tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME,
            tarfile.GNUTYPE_LONGLINK, tarfile.GNUTYPE_SPARSE,
        }:  # fmt: skip
            raise tarfile.ReadError("a header of a kind that no backup has")
        return super()._proc_member(tar)  # type: ignore[misc,no-any-return]  # typeshed leaves it out


def is_plain(member: tarfile.TarInfo) -> bool:
    """Return whether a member is a regular file whose bytes are stored unchanged."""
    return member.type in _PLAIN and not member.issparse() and member.size >= 0


def is_mostly_holes(file: IO[bytes]) -> bool:
    """Return whether most of a large file is sparse, and so costs only time to read.

    A file system that compresses, or a copy that skipped zeros, makes some holes in any file.
    """
    descriptor, at = file.fileno(), file.tell()
    size = os.fstat(descriptor).st_size
    if size < _SMALL:
        return False
    held = position = 0
    try:
        for _ in range(_HOLES_LOOKED_AT):
            first = os.lseek(descriptor, position, os.SEEK_DATA)
            position = os.lseek(descriptor, first, os.SEEK_HOLE)
            held += position - first
            if position >= size or held > size // 2:
                break
        else:
            return False
    except OSError as error:
        # ENXIO: only a hole follows. Other errors: not supported by this file system.
        return error.errno == errno.ENXIO and held <= size // 2
    finally:
        os.lseek(descriptor, at, os.SEEK_SET)
    return held <= size // 2
