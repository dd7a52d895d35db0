"""Damage the files of a queue server like power cuts and failing disks."""

from collections.abc import Callable
from pathlib import Path

PLACES = 10
_GARBAGE = b"\x9c\x00\xff*\r\n$-7garbage" * 40

Damage = Callable[[bytes, int], bytes]


def _zeroed(data: bytes, at: int) -> bytes:
    """Zeros from a position to the end: blocks that were allocated and never written."""
    return data[:at] + bytes(max(4096, len(data) - at))


def _cut(data: bytes, at: int) -> bytes:
    return data[:at]


def _garbage(data: bytes, at: int) -> bytes:
    return data[:at] + _GARBAGE + data[at + len(_GARBAGE) :]


KINDS: dict[str, Damage] = {"zeroed": _zeroed, "cut": _cut, "garbage": _garbage}
FILES = ("*.base.aof", "*.incr.aof", "*.manifest")


def damage(home: Path, pattern: str, kind: str, place: int) -> Path:
    """Damage one file of the queue at one of `PLACES` positions, evenly from its start to
    its end.
    """
    [path] = home.glob(f"appendonlydir/{pattern}")
    data = path.read_bytes()
    path.write_bytes(KINDS[kind](data, len(data) * place // (PLACES - 1)))
    return path


CASES = [(f, kind, place) for f in FILES for kind in KINDS for place in range(PLACES)]
# In an ordinary run: a case that prevented the start, and one of each.
ORDINARY = {
    ("*.incr.aof", "zeroed", 9), ("*.incr.aof", "garbage", 4), ("*.incr.aof", "cut", 5),
    ("*.incr.aof", "zeroed", 0), ("*.manifest", "garbage", 0), ("*.manifest", "cut", 0),
    ("*.base.aof", "garbage", 0),
}  # fmt: skip
