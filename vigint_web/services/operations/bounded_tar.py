"""Read a tar that anybody may have written without its headers costing more than they are worth."""

import errno
import os
import tarfile
from typing import IO, Self

# What Vigint writes: plain files, and one extended header before a file that is long or large.
_PLAIN = {tarfile.REGTYPE, tarfile.AREGTYPE}
_LONGEST_HEADER = 64 * 1024
_HOLES_LOOKED_AT = 10_000
_SMALL = 64 * 1024 * 1024


class BoundedTarInfo(tarfile.TarInfo):
    """A member whose extended header is small, and that has no header of another kind.

    `tarfile` reads an extended header whole, whatever length it claims, and a sparse member costs
    what its map says.
    """

    def _proc_member(self, tar: tarfile.TarFile) -> Self:
        """Choose what reads the rest of a member: the place that tarfile means for this."""
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
    """Return whether a member is a plain file whose bytes lie in the archive as they are."""
    return member.type in _PLAIN and not member.issparse() and member.size >= 0


def is_mostly_holes(file: IO[bytes]) -> bool:
    """Return whether most of a large file takes no place on the disk: reading it is all it costs.

    A file system that compresses, or a copy that left out zeros, makes some holes in any file.
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
        # ENXIO: nothing but a hole follows. Anything else: this file system cannot tell.
        return error.errno == errno.ENXIO and held <= size // 2
    finally:
        os.lseek(descriptor, at, os.SEEK_SET)
    return held <= size // 2
