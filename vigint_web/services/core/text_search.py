"""Search text in columns."""

from sqlalchemy import ColumnElement, or_
from sqlalchemy.orm import InstrumentedAttribute


def contains(
    text: str, *columns: InstrumentedAttribute[str] | InstrumentedAttribute[str | None]
) -> ColumnElement[bool]:
    """Return whether one of the columns contains a text, in any case."""
    return or_(*(column.icontains(text, autoescape=True) for column in columns))
