"""Search text in columns."""

from sqlalchemy import ColumnElement, SQLColumnExpression, or_


def contains(
    text: str, *columns: SQLColumnExpression[str] | SQLColumnExpression[str | None]
) -> ColumnElement[bool]:
    """Return whether one of the columns contains a text, in any case."""
    return or_(*(column.icontains(text, autoescape=True) for column in columns))
