"""Continue the SHA-256 of an upload from one request to the next.

The state of a digest cannot be stored, so each process keeps those of the uploads it recently
received bytes of. Otherwise the bytes themselves are read again.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Protocol

from vigint_web.storage.base import Staged

_MOST_KEPT = 1024
# The number of bytes received by another process that are read at once; more only at the end.
_READ_AT_ONCE = 64 * 1024 * 1024


class Digest(Protocol):
    """A running digest, with hashlib's interface."""

    def update(self, data: bytes, /) -> None:
        """Add bytes."""
        ...

    def copy(self) -> "Digest":
        """Return an independent copy."""
        ...

    def digest(self) -> bytes:
        """Return the digest of all bytes so far."""
        ...

    def hexdigest(self) -> str:
        """Return the same in hexadecimal."""
        ...


class Tally:
    """The SHA-256 of an upload's first bytes, and their number."""

    def __init__(self, position: int = 0, digest: Digest | None = None) -> None:
        self.position = position
        self._digest: Digest = digest or hashlib.sha256()

    def add(self, data: bytes) -> None:
        """Add the next bytes."""
        self._digest.update(data)
        self.position += len(data)

    def add_all(self, chunks: Iterable[bytes]) -> Iterator[None]:
        """Add chunks one by one; yields after each."""
        for chunk in chunks:
            self.add(chunk)
            yield

    def copy(self) -> "Tally":
        """Return an independent copy."""
        return Tally(self.position, self._digest.copy())

    def sha256(self) -> str:
        """Return the digest in hexadecimal."""
        return self._digest.hexdigest()


_kept: OrderedDict[str, Tally] = OrderedDict()
_lock = threading.Lock()


def resume(name: str, staged: Staged, position: int) -> Tally:
    """Return the tally of the staged bytes, at their end if that is near; remove it from memory.

    Args:
        position: the number of staged bytes.
    """
    with _lock:
        tally = _kept.pop(name, None)
    if tally is None or tally.position > position:
        tally = Tally()
    if tally.position < position <= tally.position + _READ_AT_ONCE:
        for _ in tally.add_all(staged.read(tally.position)):
            continue
    return tally


def keep(name: str, tally: Tally) -> None:
    """Keep a tally for the next request of this process."""
    with _lock:
        _kept[name] = tally
        _kept.move_to_end(name)
        while len(_kept) > _MOST_KEPT:
            _kept.popitem(last=False)


def forget(name: str) -> None:
    """Drop a kept tally."""
    with _lock:
        _kept.pop(name, None)
