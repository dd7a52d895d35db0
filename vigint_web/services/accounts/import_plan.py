"""What an import would do, row by row, before anything is written."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, TypeVar

from vigint_web.errors import Conflict, Invalid, Mistake, MistakeCode

Value = TypeVar("Value")


class Outcome(StrEnum):
    """What becomes of one row."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


class ImportOutdated(Conflict):
    """What would be done differs from what was previewed; nothing was."""

    code = "import_outdated"


@dataclass(frozen=True)
class PlannedRow:
    """One row of an import.

    Args:
        number: the line of the file on which it begins.
        name: what it is about.
        row_id: of what exists; None: it would be created.
        facts: the values it would have.
        changes: of what exists: old and new value of each field that differs.
        mistakes: why it is refused.
    """

    number: int
    name: str
    row_id: int | None = None
    facts: Any = None
    changes: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    mistakes: tuple[Mistake, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """Return what becomes of this row."""
        if self.mistakes:
            return Outcome.REFUSED
        if self.row_id is None:
            return Outcome.CREATED
        return Outcome.CHANGED if self.changes else Outcome.UNCHANGED


@dataclass(frozen=True)
class Plan:
    """All rows of an import, in the order of the file."""

    rows: list[PlannedRow]

    def of(self, outcome: Outcome) -> list[PlannedRow]:
        """Return the rows with an outcome."""
        return [row for row in self.rows if row.outcome == outcome]

    @cached_property
    def counts(self) -> dict[Outcome, int]:
        """Return the number of rows with each outcome."""
        return {outcome: len(self.of(outcome)) for outcome in Outcome}

    @property
    def does_something(self) -> bool:
        """Return whether confirming it would write anything."""
        return bool(self.counts[Outcome.CREATED] or self.counts[Outcome.CHANGED])

    @cached_property
    def digest(self) -> str:
        """Return a digest that differs for every other plan."""
        digest = hashlib.sha256()
        for part in self._parts():
            digest.update(json.dumps(part, default=str, sort_keys=True).encode())
        return digest.hexdigest()

    def require(self, digest: str) -> None:
        """Raise ImportOutdated unless this is the plan that was previewed."""
        if self.digest != digest:
            raise ImportOutdated

    def _parts(self) -> Iterator[list[Any]]:
        for row in self.rows:
            mistakes = [(one.code, dict(one.facts)) for one in row.mistakes]
            yield [row.number, row.name, row.row_id, row.facts, dict(row.changes), mistakes]


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return old and new value of each field that differs."""
    return {name: (before[name], value) for name, value in after.items() if before[name] != value}


class Cells:
    """The cells of one row, converted; mistakes are collected."""

    def __init__(self, cells: Mapping[str, str], mistakes: tuple[Mistake, ...]) -> None:
        self._cells = cells
        self.mistakes = list(mistakes)

    def has(self, key: str) -> bool:
        """Return whether the file has a column."""
        return key in self._cells

    def line(self, key: str) -> str:
        """Return a text on one line; empty without the column."""
        return " ".join(self._cells.get(key, "").split())

    def text(self, key: str) -> str:
        """Return a text of several lines; empty without the column."""
        return self._cells.get(key, "").replace("\r\n", "\n").strip()

    def one_of(self, key: str, values: Mapping[str, Value]) -> Value | None:
        """Return what a cell names; None for anything else, which is added as a mistake."""
        text = self.line(key)
        if text not in values:
            self.add(Mistake(MistakeCode.CELL_NOT_ONE_OF, key, {"text": text[:60]}))
        return values.get(text)

    def add(self, error: Invalid | Mistake) -> None:
        """Add why the row is refused."""
        self.mistakes += error.mistakes if isinstance(error, Invalid) else [error]
