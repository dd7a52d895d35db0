"""Choose the alerts to delete when the spool is full."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from vigint_client.spool_entry import CorruptEntry, read_risk

# The server's ranks: an unrecognized level may be anything.
_RANKS = {"LOW": 0, "MEDIUM": 1, "HIGH": 3, "CRITICAL": 4}
_UNKNOWN = 2


@dataclass(frozen=True)
class Stored:
    """An entry's file, its size in bytes, and whether it is damaged."""

    path: Path
    size: int
    damaged: bool


def in_order_of_dropping(entries: Sequence[Stored], *, keep_newest: bool) -> list[Stored]:
    """Return the deletable entries in order: damaged, then by risk, then by age."""
    ranked = sorted(entries, key=lambda entry: entry.path.name)
    if keep_newest:
        whole = [entry for entry in ranked if not entry.damaged]
        ranked = [entry for entry in ranked if entry not in whole[-1:]]
    return sorted(ranked, key=lambda entry: -1 if entry.damaged else _rank(entry.path))


def _rank(path: Path) -> int:
    try:
        with FileIO(path, opener=_open) as file:
            return _RANKS.get(read_risk(file).strip().upper(), _UNKNOWN)
    except (OSError, CorruptEntry):
        return -1


def _open(name: str, flags: int) -> int:
    return os.open(name, flags | getattr(os, "O_NOFOLLOW", 0))
