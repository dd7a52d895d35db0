"""Read a long list by pages, by key: page 1,000 costs as much as page 1."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, func, select, tuple_, union_all
from sqlalchemy.orm import InstrumentedAttribute

from vigint_web.extensions import db

Row = TypeVar("Row")
Position = TypeVar("Position")
Value = str | int | float | datetime | None

PAGE = 50


@dataclass(frozen=True)
class Mark:
    """The position of a row in an order: its value (None: unknown), then its id."""

    value: Value
    id: int

    def __str__(self) -> str:
        """Return the form used in addresses: `10485760~17`; without a value `~17`."""
        value = self.value.isoformat() if isinstance(self.value, datetime) else self.value
        return f"{'' if value is None else value}~{self.id}"


@dataclass(frozen=True)
class Cursor:
    """The start of a page: below an id, above an id, or at the top."""

    before: int | None = None
    after: int | None = None

    @property
    def is_top(self) -> bool:
        """Return whether this is the first page, where new entries appear."""
        return self.before is None and self.after is None


@dataclass(frozen=True)
class SortedCursor:
    """The start of a page in a sorted list: after a mark, before a mark, or at the top."""

    before: Mark | None = None
    after: Mark | None = None

    @property
    def is_top(self) -> bool:
        """Return whether this is the first page."""
        return self.before is None and self.after is None


TOP = Cursor()
SORTED_TOP = SortedCursor()


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Entries, newest first, and the ids at which the adjacent pages begin, if any."""

    rows: list[Row]
    newer: int | None = None
    older: int | None = None


@dataclass(frozen=True)
class SortedPage(Generic[Row]):
    """Entries in the requested order, and the marks at which the adjacent pages begin."""

    rows: list[Row]
    previous: Mark | None = None
    next: Mark | None = None


@dataclass(frozen=True)
class Order:
    """A sort order: a column, then the id, in the same direction.

    Args:
        known: whether every row has a value; rows without one come last, in either direction.
    """

    column: InstrumentedAttribute[Any]
    row_id: InstrumentedAttribute[int]
    descending: bool = False
    known: bool = True


def read_page(
    query: Select[Row],
    row_id: InstrumentedAttribute[int],
    cursor: Cursor = TOP,
    size: int = PAGE,
) -> Page[Row]:
    """Return the page of a query at a place, ordered by the rows' ids."""

    def below(above: int | None, limit: int) -> list[Row]:
        asked = query if above is None else query.where(row_id < above)
        return list(db.session.scalars(asked.order_by(row_id.desc()).limit(limit)))

    def upwards(from_here: int, limit: int) -> list[Row]:
        asked = query.where(row_id > from_here).order_by(row_id.asc())
        return list(db.session.scalars(asked.limit(limit)))

    rows, newer, older = turn(below, upwards, cursor.before, cursor.after, size)
    return Page(rows, _id(newer), _id(older))


def read_marks(
    query: Select[Any], order: Order, cursor: SortedCursor = SORTED_TOP, size: int = PAGE
) -> SortedPage[Mark]:
    """Return the marks of a page's rows in an order; the caller reads them by their ids.

    Args:
        query: the content of the list; its columns do not matter.
    """
    query = query.with_only_columns(order.column, order.row_id)

    def below(above: Mark | None, limit: int) -> list[Mark]:
        found: list[Mark] = []
        if above is None or above.value is not None:
            found = _read(query, order, above, limit, forward=True)
        if not order.known and len(found) < limit:
            start = above if above is not None and above.value is None else None
            found += _read(query, order, start, limit - len(found), forward=True, known=False)
        return found

    def upwards(from_here: Mark, limit: int) -> list[Mark]:
        found: list[Mark] = []
        if from_here.value is None:
            found = _read(query, order, from_here, limit, forward=False, known=False)
        if len(found) < limit:
            start = from_here if from_here.value is not None else None
            found += _read(query, order, start, limit - len(found), forward=False)
        return found

    return SortedPage(*turn(below, upwards, cursor.before, cursor.after, size))


def count_up_to(most: int, parts: Sequence[Select[Any]]) -> int:
    """Return the number of rows of several queries together, counted up to `most`.

    Neither database reads more of them than it takes to reach it.

    Args:
        parts: queries of one column, each limited to `most`, without a common row.
    """
    if not parts:
        return 0
    every = union_all(*(select(part.subquery()) for part in parts)).limit(most).subquery()
    return db.session.scalar(select(func.count()).select_from(every)) or 0


def merge_marks(
    parts: Sequence[tuple[Select[Any], Order]],
    cursor: SortedCursor = SORTED_TOP,
    size: int = PAGE,
) -> SortedPage[Mark]:
    """Return the marks of a page's rows in the common order of several queries.

    Each is read from an index of its own, where one query for all would have to sort. Every row has
    a value.

    Args:
        parts: queries without a common row, each with its order; all in the same direction.
    """

    def below(above: Mark | None, limit: int) -> list[Mark]:
        return read_merged(parts, above, limit, forward=True)

    def upwards(from_here: Mark, limit: int) -> list[Mark]:
        return read_merged(parts, from_here, limit, forward=False)

    return SortedPage(*turn(below, upwards, cursor.before, cursor.after, size))


def read_merged(
    parts: Sequence[tuple[Select[Any], Order]], start: Mark | None, limit: int, *, forward: bool
) -> list[Mark]:
    """Return the marks after one, in the common order of several queries, or before it.

    Args:
        forward: False for those before it, the nearest first.
    """
    asked = [(query.with_only_columns(order.column, order.row_id), order) for query, order in parts]
    falling = any(order.descending for _query, order in asked) == forward
    found = [
        mark
        for query, order in asked
        for mark in _read(query, order, start, limit, forward=forward)
    ]
    return sorted(found, key=lambda mark: (mark.value, mark.id), reverse=falling)[:limit]


def turn(
    below: Callable[[Position | None, int], list[Row]],
    upwards: Callable[[Position, int], list[Row]],
    before: Position | None,
    after: Position | None,
    size: int,
) -> tuple[list[Row], Row | None, Row | None]:
    """Return the rows of a page, and those at its ends beyond which there are more.

    Args:
        below: returns that many rows after a position, or from the top.
        upwards: returns that many rows before a position, the nearest first.
    """
    if after is not None:
        rows = upwards(after, size + 1)
        if len(rows) > size:
            rows = rows[:size][::-1]
            return rows, rows[0], rows[-1]
        # Less than a page precedes: return the complete first page instead.
        before = None
    rows = below(before, size + 1)
    following = rows[size - 1] if len(rows) > size else None
    return rows[:size], rows[0] if rows and before is not None else None, following


def _read(
    query: Select[Any],
    order: Order,
    start: Mark | None,
    limit: int,
    *,
    forward: bool,
    known: bool = True,
) -> list[Mark]:
    """Read on from a mark, among the rows with a value or among those without."""
    falling = order.descending == forward
    keys: list[ColumnElement[Any]] = [order.row_id.expression]
    if known:
        keys.insert(0, order.column.expression)
    if not order.known:
        query = query.where(order.column.is_not(None) if known else order.column.is_(None))
    if start is not None:
        values = [start.value, start.id] if known else [start.id]
        here, there = tuple_(*keys), tuple_(*values)
        query = query.where(here < there if falling else here > there)
    query = query.order_by(*(key.desc() if falling else key.asc() for key in keys)).limit(limit)
    return [Mark(row[0], row[1]) for row in db.session.execute(query)]


def _id(row: Any) -> int | None:
    number: int | None = None if row is None else row.id
    return number
