"""Read a long list a page at a time, by key: page 1,000 costs what page 1 does."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute

from vigint_web.extensions import db

Row = TypeVar("Row")

PAGE = 50


@dataclass(frozen=True)
class Place:
    """Where in a list a page begins: below an id, above an id, or at the top."""

    before: int | None = None
    after: int | None = None

    @property
    def is_top(self) -> bool:
        """Return whether this is the first page, where new entries appear."""
        return self.before is None and self.after is None


TOP = Place()


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Entries, newest first, and the ids from which the pages beside begin, where there are any."""

    rows: list[Row]
    newer: int | None = None
    older: int | None = None


def read_page(
    query: Select[Row],
    row_id: InstrumentedAttribute[int],
    place: Place = TOP,
    size: int = PAGE,
) -> Page[Row]:
    """Return the page of a query at a place; the ids of its rows decide their order."""
    if place.after is not None:
        rows = _rows(query.where(row_id > place.after).order_by(row_id.asc()), size + 1)
        if len(rows) > size:
            rows = rows[:size][::-1]
            return Page(rows, newer=_id(rows[0]), older=_id(rows[-1]))
        # Less than a page is left above: the first page, whole, shows it and what follows.
        return read_page(query, row_id, TOP, size)
    if place.before is not None:
        query = query.where(row_id < place.before)
    rows = _rows(query.order_by(row_id.desc()), size + 1)
    older = _id(rows[size - 1]) if len(rows) > size else None
    newer = _id(rows[0]) if rows and place.before is not None else None
    return Page(rows[:size], newer=newer, older=older)


def _rows(query: Select[Row], limit: int) -> list[Row]:
    return list(db.session.scalars(query.limit(limit)))


def _id(row: Any) -> int:
    number: int = row.id
    return number
